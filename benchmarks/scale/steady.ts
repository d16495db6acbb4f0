/** The platform under orders at a steady rate: what memory, lag and backlog do in that time. */
import { loadavg } from 'node:os';
import { sleep } from '#platform/waiting/sleep';
import { findPlatform } from '../../tests/running-platform.js';
import { ourShop } from '../checkout/systems.js';
import { writeDrawing } from '../drawing.js';
import { type Point, percentile, slopeOf, spreadOf } from '../figures.js';
import type { OpenOrdersResult } from '../load/open-orders.js';
import { buyAtRate, buyInLoop } from '../load/orders.js';
import { circumstancesNote, writeResults } from '../results.js';
import { table } from '../terminal.js';
import { type Sample, takeSample } from './samples.js';

const peakBuyers = 32;
const peakDurationMs = 10_000;
const sampleEveryMs = 5_000;
const windowMs = 30_000;
/** Caches and heaps fill in the first part of the time; the slope is taken over the rest. */
const fillingShare = 1 / 3;

export const runSteady = async (minutes: number): Promise<void> => {
  const platform = await findPlatform(1000);
  try {
    const system = await ourShop(platform.runFile);
    // The runtimes of a platform that has just started compile its code first.
    await buyInLoop(system, { buyers: peakBuyers, durationMs: peakDurationMs });
    const peak = await buyInLoop(system, { buyers: peakBuyers, durationMs: peakDurationMs });
    const perSecond = Number(process.env.RATE ?? peak.perSecond / 2);
    console.log(
      `the peak is ${peak.perSecond.toFixed(1)} orders/s; ${minutes} minutes at ${perSecond.toFixed(1)}/s`,
    );
    const load = loadavg()[0] ?? Number.NaN;
    const sampling = sampleUntilStopped(platform.runFile, perSecond);
    const { result } = await buyAtRate(system, {
      perSecond,
      durationMs: minutes * 60_000,
      warmUpMs: peakDurationMs,
      windowMs,
    }).finally(sampling.stop);
    report({ perSecond, minutes, load, samples: await sampling.samples, result });
  } finally {
    await platform.stop();
  }
};

const sampleUntilStopped = (runFile: string, perSecond: number) => {
  const stopping = new AbortController();
  const sinceMs = performance.now();
  const take = async (): Promise<Sample[]> => {
    const samples: Sample[] = [];
    while (!stopping.signal.aborted) {
      const sample = await takeSample(runFile, sinceMs);
      samples.push(sample);
      if (samples.length % 12 === 0) console.log(`  ${sayOf(sample, samples.at(-12), perSecond)}`);
      await sleep(sampleEveryMs, { signal: stopping.signal });
    }
    return samples;
  };
  return { samples: take(), stop: () => stopping.abort() };
};

const sumOf = (values: Record<string, number>): number =>
  Object.values(values).reduce((sum, value) => sum + value, 0);

const sayOf = (now: Sample, before: Sample | undefined, perSecond: number): string => {
  const cores = before === undefined ? Number.NaN : (now.cpuMs - before.cpuMs) / (now.atMs - before.atMs);
  return `${(now.atMs / 60_000).toFixed(1)} min: ${sumOf(now.memoryMbByProcess).toFixed(0)} MB, lag ${sumOf(now.lagByGroup)}, outbox ${now.outboxRows}, ${cores.toFixed(2)} cores, ${((cores * 1000) / perSecond).toFixed(1)} ms of CPU an order`;
};

type Steady = {
  perSecond: number;
  minutes: number;
  load: number;
  samples: readonly Sample[];
  result: OpenOrdersResult;
};

type Trend = { name: string; unit: string; mean: number; highest: number; perMinute: number };

const report = ({ perSecond, minutes, load, samples, result }: Steady): void => {
  const over = (value: (sample: Sample) => number): Point[] =>
    samples.map((sample) => ({ x: sample.atMs / 60_000, y: value(sample) }));
  const lines = [
    { name: 'memory, together', unit: 'MB', points: over((one) => sumOf(one.memoryMbByProcess)) },
    ...Object.keys(samples[0]?.memoryMbByProcess ?? {}).map((name) => ({
      name: `memory, ${name}`,
      unit: 'MB',
      points: over((one) => one.memoryMbByProcess[name] ?? Number.NaN),
    })),
    { name: 'lag of all consumers', unit: 'records', points: over((one) => sumOf(one.lagByGroup)) },
    { name: 'rows in the outboxes', unit: 'rows', points: over((one) => one.outboxRows) },
  ];
  const trends: Trend[] = lines.map(({ name, unit, points }) => {
    const steady = points.slice(Math.floor(points.length * fillingShare));
    const values = steady.map(({ y }) => y);
    return {
      name,
      unit,
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      highest: Math.max(...values),
      perMinute: slopeOf(steady),
    };
  });
  console.log(
    `\nafter the first third of the time\n${table(
      [{ title: '' }, ...['mean', 'highest', 'a minute'].map((title) => ({ title, right: true }))],
      trends.map(({ name, unit, mean, highest, perMinute }) => [
        name,
        `${mean.toFixed(1)} ${unit}`,
        highest.toFixed(1),
        `${perMinute >= 0 ? '+' : ''}${perMinute.toFixed(2)}`,
      ]),
    )}`,
  );
  const silent = samples.flatMap((one) => one.silent);
  if (silent.length > 0) console.log(`${silent.length} times without metrics, first: ${silent[0]}`);
  const confirmed = result.windows.filter(({ orders }) => orders > 0);
  console.log(
    `${result.operations} orders confirmed, ${result.failures} failed${result.firstFailure ? `: ${result.firstFailure}` : ''}; accepted p99 ${result.accepted.p99Ms.toFixed(0)} ms, confirmed p99 ${result.confirmed.p99Ms.toFixed(0)} ms, worst ${windowMs / 1000} s ${Math.max(...confirmed.map(({ confirmedP99Ms }) => confirmedP99Ms)).toFixed(0)} ms; load average at the start ${load.toFixed(1)}`,
  );
  draw({ perSecond, minutes, load, lines, samples, result });
  writeResults('steady', { minutes, perSecond, load, trends, result, samples });
};

const draw = (drawn: {
  perSecond: number;
  minutes: number;
  load: number;
  lines: { name: string; points: Point[] }[];
  samples: readonly Sample[];
  result: OpenOrdersResult;
}): void => {
  const { perSecond, minutes, load, lines, samples, result } = drawn;
  const memory = lines
    .filter(({ name }) => name.startsWith('memory, ') && name !== 'memory, together')
    .map(({ name, points }) => ({ name: name.replace('memory, ', ''), points }))
    .toSorted((a, b) => typical(b.points) - typical(a.points));
  const groups = Object.keys(samples.at(-1)?.lagByGroup ?? {});
  const lag = groups
    .map((name) => ({
      name,
      points: samples.map((one) => ({ x: one.atMs / 60_000, y: one.lagByGroup[name] ?? Number.NaN })),
    }))
    .toSorted((a, b) => typical(b.points) - typical(a.points))
    .slice(0, 7);
  const outbox = lines.filter(({ name }) => name === 'rows in the outboxes');
  const latency = (name: string, key: 'acceptedP99Ms' | 'confirmedP99Ms') => ({
    name,
    points: result.windows.map((window) => ({ x: window.endsAtMs / 60_000, y: window[key] })),
  });
  const xTitle = 'minutes';
  writeDrawing(
    'steady-load',
    [
      {
        title: `Memory (PSS) of each process, ${perSecond.toFixed(0)} orders a second for ${minutes} minutes`,
        xTitle,
        yTitle: 'MB',
        lines: memory,
      },
      { title: 'Lag of the consumers by group', xTitle, yTitle: 'records', lines: lag },
      { title: 'Rows in the outboxes', xTitle, yTitle: 'rows', lines: outbox },
      {
        title: `99th percentile of each ${windowMs / 1000} s`,
        xTitle,
        yTitle: 'ms',
        lines: [latency('confirmed', 'confirmedP99Ms'), latency('accepted', 'acceptedP99Ms')],
      },
    ],
    circumstancesNote(spreadOf([load])),
  );
};

const typical = (points: readonly Point[]): number =>
  percentile(
    points.map(({ y }) => y),
    0.5,
  );
