/**
 * `npm run stalls [-- --targets kafka,postgres --seconds 1,8,30,120 --times 2]`: starts a platform of its own, puts it
 * under load, and stops (SIGSTOP) and continues each engine and each of our processes for each of the times. After each
 * stop it measures the time until all orders are settled, all records are in ClickHouse and every service reports `up`;
 * at the end it compares every order, row and rollup with what was accepted. Writes `benchmarks/results/stalls.json`.
 *
 * The launcher, which replaces a process that does not answer for half a minute, is stopped together with each target,
 * to test that the other processes recover by themselves.
 */
import { parseArgs } from 'node:util';
import { writeResults } from '../benchmarks/results.js';
import { table } from '../benchmarks/terminal.js';
import { startScratch, underIngestLoad } from '../tests/running-platform.js';
import { openStallRig, type Stall, type StallTarget, stallTargets } from '../tests/stall.js';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { targets: text, seconds: text, times: text, orders: text, activity: text, sales: text },
});
const targets = (values.targets?.split(',') ?? stallTargets) as readonly StallTarget[];
const seconds = (values.seconds ?? '1,8,30,120').split(',').map(Number);
const times = Number(values.times ?? 2);
const rate = {
  ordersPerSecond: Number(values.orders ?? 2),
  activityPerSecond: Number(values.activity ?? 300),
  salesPerSecond: Number(values.sales ?? 30),
};
const recoveredWithinMs = 15_000;

const unknown = targets.filter((target) => !stallTargets.includes(target));
if (unknown.length > 0 || !(times >= 1) || seconds.some((each) => !(each > 0))) {
  console.error(`--targets is some of ${stallTargets.join(',')}; --seconds and --times are above 0`);
  process.exit(2);
}

const platform = await startScratch(['--port', '0', '--catalog', '100', '--no-traffic'], underIngestLoad);
let failed = true;
try {
  failed = !(await stalls());
} finally {
  await platform.stop();
}
process.exit(failed ? 1 : 0);

async function stalls(): Promise<boolean> {
  const rig = await openStallRig({ runFile: platform.runFile, launcherPid: platform.pid }, rate);
  const plan = Array.from({ length: times }, () =>
    targets.flatMap((target) => seconds.map((each) => ({ target, stoppedMs: each * 1_000 }))),
  ).flat();
  const done: Stall[] = [];
  const problems: string[] = [];
  for (const [at, { target, stoppedMs }] of plan.entries()) {
    try {
      const stall = await rig.stall(target, stoppedMs);
      done.push(stall);
      console.log(`${String(at + 1).padStart(3)}/${plan.length}  ${describe(stall)}`);
    } catch (error) {
      problems.push(`${target} stopped for ${stoppedMs} ms: ${(error as Error).message}`);
      console.log(`${String(at + 1).padStart(3)}/${plan.length}  ${problems.at(-1)}`);
    }
  }
  problems.push(...done.flatMap((stall) => stall.untruths), ...(await rig.finish()));
  console.log(`\n${summary(done)}\n`);
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  const late = done.filter((stall) => recoveredMs(stall) > recoveredWithinMs);
  if (problems.length === 0)
    console.log(
      `${rig.orders()} orders accepted, each confirmed or cancelled; every record is a row exactly once`,
    );
  console.log(
    `${done.length - late.length} of ${plan.length} recovered within ${seconds1(recoveredWithinMs)}`,
  );
  writeResults('stalls', { rate, orders: rig.orders(), problems, stalls: done });
  return problems.length === 0 && late.length === 0;
}

function recoveredMs({ settledMs, ingestedMs, wellMs }: Stall): number {
  return Math.max(settledMs, ingestedMs, wellMs);
}

function seconds1(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function describe(stall: Stall): string {
  const { target, stoppedMs, settledMs, ingestedMs, wellMs, orders, untruths } = stall;
  const late = recoveredMs(stall) > recoveredWithinMs ? '  TOO LATE' : '';
  const parts = `orders (${orders}) ${seconds1(settledMs)}, records ${seconds1(ingestedMs)}, health ${seconds1(wellMs)}`;
  return `${target.padEnd(18)} ${seconds1(stoppedMs).padStart(7)}: ${parts}${late} ${untruths.join('; ')}`.trimEnd();
}

function summary(done: readonly Stall[]): string {
  const cell = (target: StallTarget, each: number): string => {
    const own = done.filter((stall) => stall.target === target && stall.stoppedMs === each * 1_000);
    return own.length === 0 ? '–' : seconds1(Math.max(...own.map(recoveredMs)));
  };
  return table(
    [{ title: 'recovered, at most' }, ...seconds.map((each) => ({ title: `after ${each} s`, right: true }))],
    targets.map((target) => [target, ...seconds.map((each) => cell(target, each))]),
  );
}
