/**
 * `npm run chaos [-- --kills N]`: kills processes of the running platform with -9 at random moments under load:
 * clickhouse-ingest N times (20), the broker twice, the registry and ClickHouse once. After each kill it measures the
 * time until everything in Kafka is in ClickHouse; at the end it compares every row and rollup with the log. Uses the
 * platform that CARTSTREAM_RUN names or that runs in `.local`; otherwise it starts one of its own.
 */
import { readFileSync } from 'node:fs';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { table } from '../benchmarks/terminal.js';
import type { Truth } from '../tests/ingest-load.js';
import { putIngestUnderLoad } from '../tests/ingest-under-load.js';
import { findPlatform, underIngestLoad } from '../tests/running-platform.js';

type Platform = {
  kafka: string;
  schemaRegistry: string;
  clickhouse: string;
  processes: { name: string; pid: number; url?: string }[];
};

type Fault = { victim: string; backMs: number; goneMs: number };

const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const kills = option('kills', 20);
const activityPerSecond = option('activity', 1_000);
const salesPerSecond = option('sales', 100);
const goneWithinMs = 10_000;
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
  const platform = (): Platform => JSON.parse(readFileSync(runFile, 'utf8')) as Platform;
  const pidOf = (name: string): number | undefined =>
    platform().processes.find((each) => each.name === name)?.pid;
  const { schemaRegistry } = platform();
  const load = await putIngestUnderLoad(runFile, { activityPerSecond, salesPerSecond });
  const { ends, isGone } = load;

  const answers: Record<string, () => Promise<unknown>> = {
    'clickhouse-ingest': async () => undefined,
    kafka: ends,
    'schema-registry': async () => {
      if (!(await fetch(`${schemaRegistry}/subjects`)).ok) throw new Error('not yet');
    },
    clickhouse: load.askClickHouse,
  };

  const faults: Fault[] = [];
  for (const [at, victim] of victims().entries()) {
    await sleep(Math.random() * 3_000);
    const pid = pidOf(victim);
    if (pid === undefined) throw new Error(`${victim} is not a process of this platform`);
    process.kill(pid, 'SIGKILL');
    const killedAt = performance.now();
    await eventually(
      async () => {
        const next = pidOf(victim);
        if (next === undefined || next === pid) return false;
        await (answers[victim] as () => Promise<unknown>)();
        return true;
      },
      { timeoutMs: waitMsMax, everyMs: 20, message: `${victim} to be back` },
    );
    const backAt = performance.now();
    const backlog = await eventually(ends, { timeoutMs: waitMsMax });
    await eventually(() => isGone(backlog), {
      timeoutMs: waitMsMax,
      everyMs: 50,
      message: 'the backlog to go',
    });
    const fault = { victim, backMs: backAt - killedAt, goneMs: performance.now() - backAt };
    faults.push(fault);
    console.log(
      `${String(at + 1).padStart(3)}  ${victim.padEnd(18)} back after ${seconds(fault.backMs)}, backlog gone ${seconds(fault.goneMs)} later${fault.goneMs > goneWithinMs ? '  TOO LATE' : ''}`,
    );
  }
  const { activity, sales, differences } = await load.finish();
  report(faults, activity, sales, differences);
  return differences.length === 0 && faults.every((fault) => fault.goneMs <= goneWithinMs);
}

/** Spreads the kills of engines among those of ingest. */
function victims(): string[] {
  const list = Array.from({ length: kills }, () => 'clickhouse-ingest');
  for (const [at, engine] of ['kafka', 'schema-registry', 'clickhouse', 'kafka'].entries())
    list.splice(Math.round(((at + 1) * list.length) / 5), 0, engine);
  return list;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function report(
  faults: readonly Fault[],
  activity: Truth,
  sales: Truth,
  differences: readonly string[],
): void {
  const count = (truth: Truth) =>
    [...truth.rows.values()].reduce((total, offsets) => total + offsets.length, 0);
  const kinds = [...new Set(faults.map(({ victim }) => victim))];
  console.log('');
  console.log(
    table(
      [
        { title: 'killed' },
        { title: 'times', right: true },
        { title: 'back, median', right: true },
        { title: 'backlog gone, median', right: true },
        { title: 'at most', right: true },
      ],
      kinds.map((kind) => {
        const own = faults.filter(({ victim }) => victim === kind);
        const sorted = (pick: (fault: Fault) => number) => own.map(pick).sort((a, b) => a - b);
        const middle = Math.floor(own.length / 2);
        const gone = sorted(({ goneMs }) => goneMs);
        return [
          kind,
          String(own.length),
          seconds(sorted(({ backMs }) => backMs)[middle] as number),
          seconds(gone[middle] as number),
          seconds(gone.at(-1) as number),
        ];
      }),
    ),
  );
  console.log('');
  console.log(
    table(
      [
        { title: 'topic' },
        { title: 'rows', right: true },
        { title: 'poison', right: true },
        { title: 'sent twice', right: true },
      ],
      [
        ['shopper-activity', String(count(activity)), String(activity.poison), String(activity.repeated)],
        ['sales', String(count(sales)), String(sales.poison), String(sales.repeated)],
      ],
    ),
  );
  console.log('');
  if (differences.length === 0)
    console.log('every record is a row exactly once, and every rollup says the same');
  for (const difference of differences) console.log(`DIFFERENCE ${difference}`);
}
