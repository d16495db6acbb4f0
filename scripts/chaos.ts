/**
 * `npm run chaos [-- --faults N --orders PER_SECOND --minutes M]`: N (24) random faults of the running platform under load
 * (`chaos/faults.ts`): processes and engines killed, restarted and paused, and partitions moved, while late events,
 * repeats and poison arrive all the time. After each it measures the time until everything in Kafka is in ClickHouse. At the
 * end it compares every row and rollup with the log, and what was bought meanwhile hour by hour with PostgreSQL and with the
 * load's own list. Uses the platform that CARTSTREAM_RUN names or that runs in `.local`; otherwise it starts one of its own.
 */
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { percentile } from '../benchmarks/figures.js';
import { writeResults } from '../benchmarks/results.js';
import { table } from '../benchmarks/terminal.js';
import type { Truth } from '../tests/ingest-load.js';
import { putIngestUnderLoad } from '../tests/ingest-under-load.js';
import { startOrders } from '../tests/order-load.js';
import { findPlatform, underIngestLoad } from '../tests/running-platform.js';
import { readRunFile, shopAt } from '../tests/shop.js';
import { compareBooks } from './chaos/books.js';
import { planFaults } from './chaos/faults.js';
import { numberOptions } from './number-options.js';

type Happened = { name: string; tookMs: number; goneMs: number };

const {
  faults: count,
  orders: ordersPerSecond,
  activity: activityPerSecond,
  sales: salesPerSecond,
  minutes: minutesMax,
} = numberOptions({ faults: 24, orders: 1, activity: 1_000, sales: 100, minutes: 600 });
/** At the 95th percentile, and at most. */
const goneWithinMs = 10_000;
const goneMsMax = 15_000;
const waitMsMax = 60_000;

const { runFile, stop } = await findPlatform(100, underIngestLoad);
let failed = false;
try {
  failed = !(await chaos());
} finally {
  await stop();
}
process.exit(failed ? 1 : 0);

async function chaos(): Promise<boolean> {
  const run = readRunFile(runFile);
  const load = await putIngestUnderLoad(runFile, { activityPerSecond, salesPerSecond });
  const orders = await startOrders(shopAt(run.gateway), run, ordersPerSecond);
  const { ends, isGone } = load;
  const platform = {
    runFile,
    answers: {
      kafka: ends,
      'schema-registry': async () => {
        if (!(await fetch(`${run.schemaRegistry}/subjects`)).ok) throw new Error('not yet');
      },
      clickhouse: load.askClickHouse,
    },
  };
  const happened: Happened[] = [];
  const endsAt = performance.now() + minutesMax * 60_000;
  for (const [at, { name, happen }] of planFaults(count).entries()) {
    if (performance.now() > endsAt) {
      console.log(
        `${minutesMax} minutes are over: ${at} of ${count} faults happened, which are compared now`,
      );
      break;
    }
    await sleep(Math.random() * 3_000);
    const beganAt = performance.now();
    await happen(platform);
    const backAt = performance.now();
    const backlog = await eventually(ends, { timeoutMs: waitMsMax });
    await eventually(() => isGone(backlog), {
      timeoutMs: waitMsMax,
      everyMs: 50,
      message: 'the backlog to go',
    });
    const one = { name, tookMs: backAt - beganAt, goneMs: performance.now() - backAt };
    happened.push(one);
    console.log(
      `${String(at + 1).padStart(3)}  ${name.padEnd(18)} took ${seconds(one.tookMs)}, backlog gone ${seconds(one.goneMs)} later${one.goneMs > goneMsMax ? '  TOO LATE' : ''}`,
    );
  }
  const unsettled = await orders.stop();
  const { activity, sales, differences } = await load.finish();
  const problems = [...differences, ...unsettled, ...(await compareBooks(runFile, orders))];
  report(happened, activity, sales, { problems, confirmed: orders.confirmed().length });
  const gone = happened.map(({ goneMs }) => goneMs);
  return problems.length === 0 && percentile(gone, 0.95) <= goneWithinMs && Math.max(...gone) <= goneMsMax;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function report(
  happened: readonly Happened[],
  activity: Truth,
  sales: Truth,
  { problems, confirmed }: { problems: readonly string[]; confirmed: number },
): void {
  const count = (truth: Truth) =>
    [...truth.rows.values()].reduce((total, offsets) => total + offsets.length, 0);
  const names = [...new Set(happened.map(({ name }) => name)), 'all'];
  const rows = names.map((name) => {
    const gone = happened.filter((each) => name === 'all' || each.name === name).map(({ goneMs }) => goneMs);
    const of = (share: number) => percentile(gone, share);
    return { name, times: gone.length, medianMs: of(0.5), p95Ms: of(0.95), maxMs: of(1) };
  });
  const right = (title: string) => ({ title, right: true });
  console.log(
    `\n${table(
      [{ title: 'fault' }, ...['times', 'backlog gone, median', 'p95', 'at most'].map(right)],
      rows.map(({ name, times, medianMs, p95Ms, maxMs }) => [
        name,
        String(times),
        ...[medianMs, p95Ms, maxMs].map(seconds),
      ]),
    )}\n\n${table(
      [{ title: 'topic' }, ...['rows', 'poison', 'sent twice'].map(right)],
      [
        [
          'shopper-activity',
          String(count(activity)),
          String(activity.poison.size),
          String(activity.repeated),
        ],
        ['sales', String(count(sales)), String(sales.poison.size), String(sales.repeated)],
      ],
    )}\n`,
  );
  if (problems.length === 0)
    console.log(
      `every record is a row exactly once, every rollup says the same, and ${confirmed} orders are hour by hour what PostgreSQL has`,
    );
  for (const problem of problems) console.log(`DIFFERENCE ${problem}`);
  writeResults('chaos', { faults: rows, confirmed, problems });
}
