/**
 * `npm run bench checkout`: whole checkouts of guests in a closed loop of 1, 8 and 32 buyers, by Cartstream and by its
 * peers side by side on one PostgreSQL, round after round in changing order; and who sells how many of the last pieces.
 * Starts a platform unless CARTSTREAM_RUN names one or one runs in `.local`.
 */
import { randomUUID } from 'node:crypto';
import { loadavg } from 'node:os';
import { Pool } from 'undici';
import { findPlatform } from '../tests/running-platform.js';
import { buyAt } from './checkout/buyer.js';
import { type System, type SystemName, startSystems } from './checkout/systems.js';
import { runLoad } from './cost/bare.js';
import { type Line, writeDrawing } from './drawing.js';
import { pairedRatio, type Spread, shownSpread, spreadOf } from './figures.js';
import { circumstancesNote, writeResults } from './results.js';
import { bar, table, thousands } from './terminal.js';

const durationMs = Number(process.env.SECONDS ?? 10) * 1000;
const warmUpMs = durationMs / 3;
const rounds = Number(process.env.ROUNDS ?? 3);
const buyerCounts = (process.env.BUYERS ?? '1,8,32').split(',').map(Number);
const races = { count: 5, pieces: 3, buyers: 20 };

type Measurement = {
  system: SystemName;
  buyers: number;
  round: number;
  /** Confirmed checkouts a second. */
  perSecond: number;
  /** The same for each second of CPU time of all processes and the client. */
  perCpuSecond: number;
  cpuMsPerCheckout: number;
  clientCpuMsPerCheckout: number;
  cpuMsByProcess: Record<string, number>;
  p50Ms: number;
  p99Ms: number;
  checkouts: number;
  failures: number;
  firstFailure?: string;
  /** Load average of the last minute, right before. */
  load: number;
  /** Cores that other processes took meanwhile. */
  otherCores: number;
};

export const runCheckoutBench = async (): Promise<void> => {
  const platform = await findPlatform(1000);
  try {
    const systems = await startSystems(platform.runFile, races);
    try {
      for (const one of systems.missing) console.log(`left out: ${one}`);
      const measurements = await measureAll(systems.all);
      const sold = await raceAll(systems.all);
      report(systems.all, systems.missing, measurements, sold);
    } finally {
      await systems.stop();
    }
  } finally {
    await platform.stop();
  }
};

const measureAll = async (systems: readonly System[]): Promise<Measurement[]> => {
  const measurements: Measurement[] = [];
  // The runtimes of a system that has just started compile its code first, which is not what is compared.
  for (const system of systems) {
    const { perSecond } = await measureOne(system, Math.max(...buyerCounts), -1);
    console.log(`  warm-up, ${system.name}: ${perSecond.toFixed(1)}/s`);
  }
  for (const buyers of buyerCounts) {
    for (let round = 0; round < rounds; round += 1) {
      const order = systems.map((_, at) => systems[(at + round) % systems.length] as System);
      for (const system of round % 2 === 0 ? order : order.toReversed()) {
        const measured = await measureOne(system, buyers, round);
        measurements.push(measured);
        console.log(
          `  ${buyers} buyers, round ${round + 1}/${rounds}, ${system.name.padEnd(16)} ${measured.perSecond.toFixed(1)}/s, ${measured.cpuMsPerCheckout.toFixed(2)} ms of CPU, p50 ${measured.p50Ms.toFixed(0)} ms${measured.failures === 0 ? '' : `, ${measured.failures} failed: ${measured.firstFailure}`}`,
        );
      }
    }
  }
  return measurements;
};

const measureOne = async (system: System, buyers: number, round: number): Promise<Measurement> => {
  const settle = await system.begin();
  const load = loadavg()[0] ?? Number.NaN;
  const { result, cpuMsByProcess, otherCores } = await runLoad(
    { origin: system.origin, shop: system.shop, buyers, durationMs, warmUpMs },
    { program: 'checkout/buyers', watched: system.watched, settle },
  );
  const { operations } = result;
  const cpuMs = [...cpuMsByProcess.values()].reduce((sum, ms) => sum + ms, result.cpuMs);
  return {
    system: system.name,
    buyers,
    round,
    perSecond: operations / result.seconds,
    perCpuSecond: operations / (cpuMs / 1000),
    cpuMsPerCheckout: cpuMs / operations,
    clientCpuMsPerCheckout: result.cpuMs / operations,
    cpuMsByProcess: Object.fromEntries(
      [...cpuMsByProcess].map(([process, ms]) => [process, ms / operations]),
    ),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    checkouts: operations,
    failures: result.failures,
    ...(result.firstFailure === undefined ? {} : { firstFailure: result.firstFailure }),
    load,
    otherCores,
  };
};

type Sold = {
  /** Of the pieces of a product, to as many buyers one after the other. */
  oneByOne: number;
  races: {
    sold: number;
    /** What became of one more buyer when the race was over. */
    late: string;
  }[];
};

/** How many of the pieces of a product each system sold to all buyers at once, and to one after the other. */
const raceAll = async (systems: readonly System[]): Promise<Map<SystemName, Sold>> => {
  const sold = new Map<SystemName, Sold>();
  for (const { name, origin, shop, contested } of systems) {
    if (contested === undefined) continue;
    const pool = new Pool(origin, { connections: races.buyers, pipelining: 1 });
    const buy = (productId: string): Promise<string> =>
      buyAt(pool, shop, { productId, email: `racer-${randomUUID()}@shop.example` }).catch(String);
    const raced: Sold['races'] = [];
    for (let race = 0; race < races.count; race += 1) {
      const productId = await contested(races.pieces, race);
      const outcomes = await Promise.all(Array.from({ length: races.buyers }, () => buy(productId)));
      raced.push({ sold: confirmedIn(outcomes), late: await buy(productId) });
    }
    const inPeace = await contested(races.pieces, races.count);
    const oneByOne: string[] = [];
    while (oneByOne.length < races.buyers) oneByOne.push(await buy(inPeace));
    await pool.destroy();
    sold.set(name, { oneByOne: confirmedIn(oneByOne), races: raced });
  }
  return sold;
};

const confirmedIn = (outcomes: readonly string[]): number =>
  outcomes.filter((outcome) => outcome === 'confirmed').length;

type Bound = {
  what: string;
  buyers: number;
  peer: SystemName;
  of: 'perSecond' | 'perCpuSecond';
  atLeast: number;
};

const bounds: readonly Bound[] = buyerCounts
  .filter((buyers) => buyers > 1)
  .flatMap((buyers): Bound[] => [
    { what: 'checkouts a second', buyers, peer: 'vendure', of: 'perSecond', atLeast: 30 },
    { what: 'checkouts a CPU-second', buyers, peer: 'vendure', of: 'perCpuSecond', atLeast: 30 },
    { what: 'checkouts a CPU-second', buyers, peer: 'bare', of: 'perCpuSecond', atLeast: 0.15 },
    { what: 'checkouts a second', buyers, peer: 'monolith', of: 'perSecond', atLeast: 4 },
    { what: 'checkouts a second', buyers, peer: 'monolith-locked', of: 'perSecond', atLeast: 4 },
  ]);

const right = (title: string) => ({ title, right: true });

type Value = 'perSecond' | 'perCpuSecond' | 'cpuMsPerCheckout' | 'p50Ms' | 'p99Ms' | 'otherCores';

const report = (
  systems: readonly System[],
  missing: readonly string[],
  measurements: readonly Measurement[],
  sold: ReadonlyMap<SystemName, Sold>,
): void => {
  console.log('');
  for (const { name, what } of systems) console.log(`${name.padEnd(16)} ${what}`);
  for (const buyers of buyerCounts) console.log(tableOf(systems, measurements, buyers));
  drawCpu(systems, measurements);
  console.log(`\n${races.buyers} buyers and ${races.pieces} pieces, ${races.count} times`);
  for (const [name, { races: raced, oneByOne }] of sold)
    console.log(
      `  ${name.padEnd(16)} sold ${raced.map((race) => race.sold).join(', ')}; one more buyer afterwards: ${[...new Set(raced.map(({ late }) => late))].join(', ')}; to one buyer after the other: ${oneByOne}`,
    );
  const verdicts = bounds
    .filter(({ peer }) => systems.some(({ name }) => name === peer))
    .map((bound) => {
      const ratio = ratioTo(measurements, bound.peer, bound.buyers, bound.of);
      return { ...bound, ratio, holds: ratio.median >= bound.atLeast };
    });
  console.log(
    `\n${table(
      [
        { title: `ours beside` },
        right('buyers'),
        { title: 'of' },
        right('ratio'),
        right('at least'),
        { title: '' },
      ],
      verdicts.map(({ peer, buyers, what, ratio, atLeast, holds }) => [
        peer,
        String(buyers),
        what,
        shownSpread(ratio, 2),
        String(atLeast),
        holds ? 'holds' : 'missed',
      ]),
    )}`,
  );
  const loads = spreadOf(measurements.map(({ load }) => load));
  console.log(
    `\nload average before each measurement: ${shownSpread(loads, 1)}; each measures for ${durationMs / 1000} s; \`others\` are cores that processes took which belong to none`,
  );
  drawCurves(systems, measurements, loads);
  writeResults('checkout', { missing, verdicts, sold: Object.fromEntries(sold), measurements });
};

const drawCurves = (
  systems: readonly System[],
  measurements: readonly Measurement[],
  loads: Spread,
): void => {
  const lines = (of: Value): Line[] =>
    systems.map(({ name }) => ({
      name,
      points: buyerCounts.map((buyers) => ({
        x: buyers,
        y: spreadOf(valuesOf(measurements, name, buyers, of)).median,
      })),
    }));
  const axes = { xTitle: 'buyers at once', xLogarithmic: true, yLogarithmic: true };
  writeDrawing(
    'checkouts',
    [
      { title: 'Confirmed checkouts a second', yTitle: 'checkouts/s', lines: lines('perSecond'), ...axes },
      {
        title: 'Confirmed checkouts for each second of CPU time, client and all engines counted',
        yTitle: 'checkouts/CPU-s',
        lines: lines('perCpuSecond'),
        ...axes,
      },
    ],
    circumstancesNote(loads),
  );
};

/** Round by round. */
const valuesOf = (
  measurements: readonly Measurement[],
  system: SystemName,
  buyers: number,
  of: Value,
): number[] =>
  measurements.filter((one) => one.system === system && one.buyers === buyers).map((one) => one[of]);

const ratioTo = (
  measurements: readonly Measurement[],
  peer: SystemName,
  buyers: number,
  of: Bound['of'],
): Spread =>
  pairedRatio(valuesOf(measurements, 'cartstream', buyers, of), valuesOf(measurements, peer, buyers, of));

const tableOf = (
  systems: readonly System[],
  measurements: readonly Measurement[],
  buyers: number,
): string => {
  const of = (system: SystemName, value: Value): Spread =>
    spreadOf(valuesOf(measurements, system, buyers, value));
  const failuresOf = (system: SystemName): number =>
    measurements
      .filter((one) => one.system === system && one.buyers === buyers)
      .reduce((sum, { failures }) => sum + failures, 0);
  return `\n${buyers} buyer${buyers === 1 ? '' : 's'}: median of ${rounds} rounds (lowest–highest), and ours beside each\n${table(
    [
      { title: 'system' },
      ...['checkouts/s', 'ours', 'per CPU-s', 'ours', 'CPU ms', 'p50 ms', 'p99 ms', 'others', 'failed'].map(
        right,
      ),
    ],
    systems.map(({ name }) => [
      name,
      shownSpread(of(name, 'perSecond'), 1),
      `×${ratioTo(measurements, name, buyers, 'perSecond').median.toFixed(2)}`,
      shownSpread(of(name, 'perCpuSecond'), 1),
      `×${ratioTo(measurements, name, buyers, 'perCpuSecond').median.toFixed(2)}`,
      of(name, 'cpuMsPerCheckout').median.toFixed(2),
      of(name, 'p50Ms').median.toFixed(0),
      of(name, 'p99Ms').median.toFixed(0),
      of(name, 'otherCores').median.toFixed(1),
      thousands(failuresOf(name)),
    ]),
  )}`;
};

/** CPU time of one checkout at most buyers, process by process. */
const drawCpu = (systems: readonly System[], measurements: readonly Measurement[]): void => {
  const buyers = Math.max(...buyerCounts);
  const rows = systems.flatMap(({ name }) => {
    const own = measurements.filter((one) => one.system === name && one.buyers === buyers);
    const parts = [...Object.keys(own[0]?.cpuMsByProcess ?? {}), 'client'];
    return parts.map((part) => ({
      name: `${name} ${part}`,
      ms: spreadOf(
        own.map((one) =>
          part === 'client' ? one.clientCpuMsPerCheckout : (one.cpuMsByProcess[part] ?? Number.NaN),
        ),
      ).median,
    }));
  });
  const most = Math.max(...rows.map(({ ms }) => ms));
  console.log(`\nCPU milliseconds of a checkout, ${buyers} buyers`);
  for (const { name, ms } of rows.filter((row) => row.ms >= 0.01))
    console.log(`  ${name.padEnd(28)} ${bar(ms / most, 40).padEnd(40)} ${ms.toFixed(2)}`);
};
