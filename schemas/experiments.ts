import { z } from 'zod';
import { armsMax, labelledScenarios } from './recommendation-label.js';
import { murmurHash3 } from './visitor-hash.js';

/**
 * Comparisons of recommendation models on parts of the visitors. The recommendation service assigns visitors to arms, and
 * analytics counts what became of them; both read the definitions from the topic of settings.
 */

const experimentsMax = 10;
const nameCharsMax = 40;
const buckets = 10_000;

const name = z
  .string()
  .max(nameCharsMax)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'is no name in small letters, digits and hyphens');

/** What an arm answers with: what is live, best sellers, or a parameter set of the models. */
export const armModels = ['live', 'popularity', 'learned-blend-1', 'brief', 'lasting', 'strict'] as const;
export type ArmModel = (typeof armModels)[number];

export const experimentMetrics = ['clicked', 'added', 'ordered', 'revenue'] as const;
export type ExperimentMetric = (typeof experimentMetrics)[number];

/** `split`: each visitor sees the lists of one arm. `interleave`: every list mixes those of both arms. */
export const experimentDesigns = ['split', 'interleave'] as const;

const arm = z.strictObject({
  name,
  model: z.enum(armModels),
  percent: z.int().min(0).max(100),
});

const experiment = z.strictObject({
  id: name,
  scenarios: z.array(z.enum(labelledScenarios)).min(1).max(labelledScenarios.length),
  unit: z.enum(['visit', 'user']),
  arms: z.array(arm).min(2).max(armsMax),
  metric: z.enum(experimentMetrics),
  isRunning: z.boolean(),
  /** `split` if unset. */
  design: z.enum(experimentDesigns).optional(),
});

export type Experiment = z.output<typeof experiment>;
export type Arm = Experiment['arms'][number];

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const isPopularity = ({ model }: { model: ArmModel }): boolean => model === 'popularity';
const isEachOnce = (texts: readonly unknown[]): boolean => new Set(texts).size === texts.length;

/** A live setting; `platform/settings` says what its fields mean. */
export const experimentsSetting = {
  key: 'recommendations.experiments',
  schema: z
    .array(experiment)
    .max(experimentsMax)
    .refine(
      (all) => isEachOnce(all.map(({ id }) => codeOf(id))),
      'has an id twice, or two that are too much alike',
    )
    .refine((all) => all.every(({ arms }) => isEachOnce(arms.map((of) => of.name))), 'has an arm twice')
    .refine(
      (all) => all.every(({ arms }) => sum(arms.map((of) => of.percent)) <= 100),
      'gives away more than 100 %',
    )
    .refine(
      (all) =>
        all.every(({ arms, scenarios }) => !(scenarios.includes('new-arrivals') && arms.some(isPopularity))),
      'compares new arrivals with best sellers, which are no new arrivals',
    )
    .refine(
      (all) =>
        all.every(
          ({ design, arms, metric }) =>
            design !== 'interleave' || (arms.length === 2 && metric === 'clicked'),
        ),
      'interleaves other than two arms, or for another metric than clicked',
    ),
  unit: 'experiments',
  description:
    'Comparisons of recommendation models. A visitor belongs to an arm by a hash of the visit (or the account) and of the ' +
    'experiment, for as long as the percentages stay. A list belongs to one experiment at most: the first that runs, has its ' +
    'scenario and has a place for the visitor. The first arm is what the others are compared with, by `metric`. With `design` ' +
    '`interleave` every visitor of both arms sees lists that mix the two, and clicks decide: that takes fewer visitors. ' +
    'Results: GET /api/recommendations/experiments/{id}.',
  default: [] as Experiment[],
};

/** The experiment's number in labels, from 1 to 65,535. */
export const codeOf = (id: string): number => 1 + (murmurHash3(id) % 65_535);

/** The buckets of each arm, from `from` up to and without `to`, of `bucketOf`'s 10,000. */
export const bucketsOf = ({ arms }: Pick<Experiment, 'arms'>): { from: number; to: number }[] => {
  let from = 0;
  return arms.map(({ percent }) => {
    const range = { from, to: from + (percent * buckets) / 100 };
    from = range.to;
    return range;
  });
};

export const bucketOf = (experimentId: string, unitId: string): number =>
  murmurHash3(`${experimentId}:${unitId}`) % buckets;

/** `bucketOf` in ClickHouse, for a column of the units' ids and a parameter `experimentId`. */
export const bucketInSql = (unitId: string): string =>
  `murmurHash3_32(concat({experimentId:String}, ':', ${unitId})) % ${buckets}`;
