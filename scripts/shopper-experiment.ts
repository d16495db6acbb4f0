/**
 * `npm run experiment [-- --visits N --learning N --visits-max N]`: simulated shoppers with needs of their own, on the platform that
 * CARTSTREAM_RUN names or that runs in `.local` (otherwise on one of its own). First `--learning` (1500) visits from which the
 * models learn; then an A/A run, in which both arms get the models, and an A/B run, best sellers against the models, of
 * `--visits` (1500) visits each, by the platform's own experiments. The A/B run goes on, `--visits` more each time, until the
 * platform reports more orders or `--visits-max` (9000) were made: its intervals hold at every look. Prints what the platform
 * reports, and fails where it does not count what the shoppers did, finds a difference between equal arms, or none where
 * shoppers needed what they were shown.
 */
import { randomUUID } from 'node:crypto';
import { eventually } from '#platform/testing/eventually';
import { type ArmModel, codeOf, type Experiment } from '#schemas/experiments';
import { labelOf } from '#schemas/recommendation-label';
import { progressLine } from '../benchmarks/terminal.js';
import { catalogueOf } from '../local/catalogue/catalogue.js';
import { shopClient } from '../local/shop-client.js';
import { createAssortment } from '../local/shoppers/assortment.js';
import {
  countsOf,
  defineExperiment,
  type ExperimentReport,
  reportOf,
  runLearning,
  runVisits,
  totalsOf,
} from '../local/shoppers/trial.js';
import type { TrialOutcome } from '../local/shoppers/trial-visit.js';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, shopAt } from '../tests/shop.js';
import { numberOptions } from './number-options.js';

const {
  visits,
  learning,
  'visits-max': visitsMax,
  'at-once': atOnce,
} = numberOptions({ visits: 1500, learning: 1500, 'visits-max': 9000, 'at-once': 8 });
const catalogueSize = 200;
const appliedWithinMs = 2_000;
const countedWithinMs = 90_000;

const { runFile, stop } = await findPlatform(catalogueSize);
const failures: string[] = [];
try {
  const run = readRunFile(runFile);
  const shop = shopClient(run.gateway, { connectionsMax: atOnce, traceRatio: 0 });
  const login = () => shopAt(run.gateway).login(run.adminEmail, run.adminPassword);
  const catalogue = catalogueOf(catalogueSize);
  const assortment = createAssortment(shop, catalogue);
  await assortment.refresh();
  const world = { shop, catalogue, assortment, nowMs: Date.now };
  const counting = (name: string, of: number) => {
    const line = progressLine(name);
    let done = 0;
    return () => {
      done += 1;
      if (done === of) line.done(`${of} visits`);
      else line.update(done / of, `${done} of ${of}`);
    };
  };
  const seed = Date.now() % 1_000_000_000;
  await runLearning(world, { count: learning, atOnce, seed, done: counting('learning', learning) });

  const productId = assortment.at(0)?.id;
  const codeOfList = async () => {
    const path = `/api/recommendations?scenario=product&productId=${productId}&visitId=${randomUUID()}`;
    const { body } = await shop.call<{ recommendationId: string }>('GET', path);
    return labelOf(body.recommendationId)?.experiment;
  };

  const compare = async (
    name: string,
    models: [ArmModel, ArmModel],
    seedOfRun: number,
    isEnough: (report: ExperimentReport) => boolean,
  ) => {
    const id = `${name}-${seed.toString(36)}`;
    const arms = models.map((model, nth) => ({ name: nth === 0 ? 'first' : 'second', model, percent: 50 }));
    const experiment: Experiment = {
      id,
      scenarios: ['product'],
      unit: 'visit',
      metric: 'ordered',
      isRunning: true,
      arms,
    };
    await defineExperiment(shop, await login(), id, experiment);
    await eventually(async () => (await codeOfList())?.code === codeOf(id), {
      timeoutMs: appliedWithinMs,
      everyMs: 50,
      message: 'the experiment to be applied',
    });
    const outcomes: TrialOutcome[] = [];
    for (;;) {
      const seed = seedOfRun + outcomes.length;
      const done = counting(name, visits);
      outcomes.push(...(await runVisits(world, { count: visits, atOnce, seed, done })));
      const token = await login();
      const sought = totalsOf(outcomes);
      let report = await reportOf(shop, token, id);
      await eventually(
        async () => {
          report = await reportOf(shop, token, id);
          return JSON.stringify(countsOf(report)) === JSON.stringify(sought);
        },
        { timeoutMs: countedWithinMs, everyMs: 1000 },
      ).catch(() =>
        failures.push(
          `${name}: counted ${JSON.stringify(countsOf(report))}, but ${JSON.stringify(sought)} happened`,
        ),
      );
      show(name, models, report);
      if (failures.length === 0 && !isEnough(report) && outcomes.length < visitsMax) continue;
      await defineExperiment(shop, token, id, null);
      return report;
    }
  };

  const equal = await compare('a-a', ['live', 'live'], seed + 1_000_000, () => true);
  if (!isWithoutDifference(equal)) failures.push('a-a: a difference between equal arms');
  const better = await compare('a-b', ['popularity', 'live'], seed + 2_000_000, hasMoreOrders);
  if (!hasMoreOrders(better)) failures.push('a-b: shoppers did not order more with the models');
  await shop.close();
} finally {
  await stop();
}
console.log(failures.length === 0 ? 'the reports are what the shoppers did' : failures.join('\n'));
process.exit(failures.length === 0 ? 0 : 1);

function hasMoreOrders({ arms }: ExperimentReport): boolean {
  const ordered = arms[1]?.measured.find(({ metric }) => metric === 'ordered')?.againstFirst;
  return (ordered?.low ?? 0) > 0;
}

function isWithoutDifference({ arms }: ExperimentReport): boolean {
  const found = arms[1]?.measured.map(({ againstFirst }) => againstFirst) ?? [];
  return found.every((difference) => difference === null || (difference.low <= 0 && difference.high >= 0));
}

function show(name: string, models: readonly string[], { arms, verdict }: ExperimentReport): void {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  console.log(`\n${name}: ${models.join(' against ')}`);
  for (const [nth, arm] of arms.entries()) {
    console.log(`  ${models[nth]}: ${arm.visitors} visits`);
    for (const { metric, mean, againstFirst } of arm.measured) {
      const isShare = metric !== 'revenue';
      const said = (value: number) => (isShare ? percent(value) : value.toFixed(0));
      const lift = againstFirst?.lift == null ? '' : `, lift ${percent(againstFirst.lift)}`;
      const range =
        againstFirst === null
          ? ''
          : `${lift} (difference ${said(againstFirst.low)} to ${said(againstFirst.high)}, p ${againstFirst.pValue.toPrecision(2)})`;
      console.log(`    ${metric}: ${mean === null ? '-' : said(mean.value)}${range}`);
    }
  }
  console.log(`  ${verdict}`);
}
