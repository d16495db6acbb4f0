/**
 * `npm run outages [-- --parts payment,redis --how stopped,cut off,frozen --seconds 20 --orders 50]`: starts a platform of
 * its own, each service in its own process, and takes each part away under load: every service's process, every service's
 * database, and the engines that the shop can be without. Meanwhile it tries everything that `tests/what-still-works.ts` says
 * still works, and afterwards waits until every order that was accepted has ended. Writes
 * `benchmarks/results/outages.json`.
 */
import { parseArgs } from 'node:util';
import { writeResults } from '../benchmarks/results.js';
import { table } from '../benchmarks/terminal.js';
import { type OutageReport, openOutageRig } from '../tests/outage-rig.js';
import { startScratch } from '../tests/running-platform.js';
import { mayBeMissing, outages } from '../tests/what-still-works.js';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { parts: text, how: text, seconds: text, orders: text } });
const parts = values.parts?.split(',');
const ways = values.how?.split(',');
const seconds = Number(values.seconds ?? 20);
const perSecond = Number(values.orders ?? 50);
const endedWithinMs = 30_000;

const plan = outages.filter(
  ({ part, how }) => (parts?.includes(part) ?? true) && (ways?.includes(how) ?? true),
);
const isKnown = (asked: readonly string[] | undefined, known: readonly string[]): boolean =>
  asked?.every((one) => known.includes(one)) ?? true;
const knownParts = [...new Set<string>(outages.map(({ part }) => part))];
const knownWays = [...new Set<string>(outages.map(({ how }) => how))];
const isPlanKnown = isKnown(parts, knownParts) && isKnown(ways, knownWays);
if (!isPlanKnown || plan.length === 0 || !(seconds > 0) || !(perSecond > 0)) {
  console.error(`--parts is some of ${knownParts.join(',')}, and --how some of ${knownWays.join(',')}`);
  process.exit(2);
}

const platform = await startScratch(['--port', '0', '--catalog', '50', '--no-traffic', '--separate']);
let failed = true;
try {
  failed = !(await takeAway());
} finally {
  await platform.stop();
}
process.exit(failed ? 1 : 0);

async function takeAway(): Promise<boolean> {
  const rig = await openOutageRig({ runFile: platform.runFile, launcherPid: platform.pid }, perSecond);
  const reports: OutageReport[] = [];
  for (const [at, outage] of plan.entries()) {
    const report = await rig.outage(outage, seconds * 1_000);
    reports.push(report);
    const { part, how, accepted, endedMs, problems } = report;
    console.log(
      `${String(at + 1).padStart(3)}/${plan.length}  ${part} ${how}: ${accepted} orders accepted, ended ${shown(endedMs)} after its return`,
    );
    for (const problem of problems) console.log(`       PROBLEM ${problem}`);
  }
  await rig.stop();
  console.log(`\n${summary(reports)}\n`);
  writeResults('outages', { perSecond, reports });
  const late = reports.filter(({ endedMs }) => endedMs > endedWithinMs);
  for (const { part, how, endedMs } of late) console.log(`TOO LATE ${part} ${how}: ${shown(endedMs)}`);
  return late.length === 0 && reports.every(({ problems }) => problems.length === 0);
}

function shown(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function summary(reports: readonly OutageReport[]): string {
  const titles = ['tried', 'worked', 'orders', 'back after', 'orders ended'];
  return table(
    [{ title: 'without' }, { title: 'may be missing' }, ...titles.map((title) => ({ title, right: true }))],
    reports.map((report) => {
      const missing = mayBeMissing(report);
      const others = Object.entries(report.tried).filter(
        ([ability]) => !missing.some((one) => one === ability),
      );
      const sum = (key: 'times' | 'worked') =>
        String(others.reduce((total, [, ability]) => total + ability[key], 0));
      return [
        `${report.part} ${report.how}`,
        missing.join(', ') || 'nothing',
        sum('times'),
        sum('worked'),
        String(report.accepted),
        shown(report.backMs),
        shown(report.endedMs),
      ];
    }),
  );
}
