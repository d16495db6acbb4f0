import type { Experiment } from '#schemas/experiments';
import { randomFrom } from '../random.js';
import { type ShopClient, unlessOk } from '../shop-client.js';
import { learningVisit, needsOf, type TrialOutcome, type TrialWorld, trialVisit } from './trial-visit.js';

const settingPath = '/api/config/recommendations.experiments';
const triesMax = 5;

type Setting = { value: Experiment[]; version: number };

/** Adds an experiment to those that are defined, or replaces the one of its name; null removes it. */
export const defineExperiment = async (
  shop: ShopClient,
  token: string,
  id: string,
  experiment: Experiment | null,
): Promise<void> => {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { value, version } = unlessOk(
      await shop.call<Setting>('GET', settingPath, { token }),
      'read the setting',
    );
    const others = value.filter((known) => known.id !== id);
    const answer = await shop.call('PUT', settingPath, {
      token,
      headers: { 'if-match': `"${version}"` },
      body: { value: experiment === null ? others : [experiment, ...others] },
    });
    if (answer.status === 412) continue;
    unlessOk(answer, 'define the experiment');
    return;
  }
  throw new Error('others changed the experiments again and again');
};

export type ArmReport = {
  name: string;
  visitors: number;
  shown: number;
  clicks: number;
  additions: number;
  ordered: number;
  measured: {
    metric: string;
    mean: { value: number; low: number; high: number } | null;
    againstFirst: { value: number; low: number; high: number; lift: number | null; pValue: number } | null;
  }[];
};

export type ExperimentReport = { arms: ArmReport[]; verdict: string; shareProbability: number };

export const reportOf = async (shop: ShopClient, token: string, id: string): Promise<ExperimentReport> =>
  unlessOk(
    await shop.call<ExperimentReport>('GET', `/api/recommendations/experiments/${id}`, { token }),
    'read the report',
  );

/** Runs `count` visits, `atOnce` at a time, each from a seed of its own; `done` is called after each. */
export const runVisits = async (
  world: TrialWorld,
  plan: { count: number; atOnce: number; seed: number; done?: () => void },
): Promise<TrialOutcome[]> => {
  const draw = needsOf(world.catalogue);
  const outcomes: TrialOutcome[] = [];
  await inParallel(plan, async (random) => {
    outcomes.push(await trialVisit(world, draw(random), random));
    plan.done?.();
  });
  return outcomes;
};

export const runLearning = (
  world: TrialWorld,
  plan: { count: number; atOnce: number; seed: number; done?: () => void },
): Promise<void> => {
  const draw = needsOf(world.catalogue);
  return inParallel(plan, async (random) => {
    await learningVisit(world, draw(random), random);
    plan.done?.();
  });
};

const inParallel = async (
  { count, atOnce, seed }: { count: number; atOnce: number; seed: number },
  visit: (random: ReturnType<typeof randomFrom>) => Promise<void>,
): Promise<void> => {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, count) }, async () => {
      while (next < count) {
        next += 1;
        await visit(randomFrom(seed + next));
      }
    }),
  );
};

type Totals = Pick<ArmReport, 'visitors' | 'shown' | 'clicks' | 'additions' | 'ordered'>;

/** What happened in visits, as a report of all arms together has it. */
export const totalsOf = (outcomes: readonly TrialOutcome[]): Totals => {
  const sum = (of: (outcome: TrialOutcome) => number) => outcomes.reduce((total, one) => total + of(one), 0);
  return {
    visitors: sum(({ shown }) => (shown > 0 ? 1 : 0)),
    shown: sum(({ shown }) => shown),
    clicks: sum(({ clicks }) => clicks),
    additions: sum(({ additions }) => additions),
    ordered: sum(({ isOrdered }) => (isOrdered ? 1 : 0)),
  };
};

export const countsOf = ({ arms }: Pick<ExperimentReport, 'arms'>): Totals => {
  const sum = (field: keyof Totals) => arms.reduce((total, arm) => total + arm[field], 0);
  return {
    visitors: sum('visitors'),
    shown: sum('shown'),
    clicks: sum('clicks'),
    additions: sum('additions'),
    ordered: sum('ordered'),
  };
};
