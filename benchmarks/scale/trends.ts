import { createClickHouse } from '#platform/clickhouse/client';
import { sleep } from '#platform/waiting/sleep';
import { readRunFile } from '../../tests/shop.js';
import type { Chart, Line } from '../drawing.js';
import { type Point, percentile, slopeOf } from '../figures.js';
import { table } from '../terminal.js';
import { type Sample, takeSample } from './samples.js';

const sampleEveryMs = 5_000;
/** Caches and heaps fill in the first part of the time; the slope is taken over the rest. */
const fillingShare = 1 / 3;
/** More lines than this cannot be distinguished in a drawing. */
const groupsDrawnMax = 7;

export type Trend = { name: string; unit: string; mean: number; highest: number; perMinute: number };

/** Samples of a platform every five seconds until `stop`. Each minute a line says how it is; `say` adds to it. */
export const sampleUntilStopped = (
  runFile: string,
  say: (now: Sample, before: Sample | undefined) => string,
): { samples: Promise<Sample[]>; stop(): void } => {
  const stopping = new AbortController();
  const sinceMs = performance.now();
  const take = async (): Promise<Sample[]> => {
    const samples: Sample[] = [];
    const clickhouse = createClickHouse({ url: readRunFile(runFile).clickhouse });
    try {
      while (!stopping.signal.aborted) {
        const sample = await takeSample(runFile, { sinceMs, clickhouse });
        samples.push(sample);
        if (samples.length % 12 === 0) console.log(`  ${inWords(sample)}, ${say(sample, samples.at(-12))}`);
        await sleep(sampleEveryMs, { signal: stopping.signal });
      }
      return samples;
    } finally {
      await clickhouse.stop();
    }
  };
  return { samples: take(), stop: () => stopping.abort() };
};

/** The cores that the platform used between two samples. */
export const coresBetween = (now: Sample, before: Sample | undefined): number =>
  before === undefined ? Number.NaN : (now.cpuMs - before.cpuMs) / (now.atMs - before.atMs);

const inWords = (now: Sample): string =>
  `${(now.atMs / 60_000).toFixed(1)} min: ${sumOf(now.memoryMbByProcess).toFixed(0)} MB, lag ${sumOf(now.lagByGroup)}, outbox ${now.outboxRows}, ${now.partsMax} parts`;

const sumOf = (values: Record<string, number>): number =>
  Object.values(values).reduce((sum, value) => sum + value, 0);

/** Prints how each size of the samples went after the first third, and returns it. */
export const reportTrends = (samples: readonly Sample[]): Trend[] => {
  const trends = sizesOf(samples).map(({ name, unit, points }): Trend => {
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
  return trends;
};

const sizesOf = (samples: readonly Sample[]): { name: string; unit: string; points: Point[] }[] => {
  const over = (value: (sample: Sample) => number): Point[] =>
    samples.map((sample) => ({ x: sample.atMs / 60_000, y: value(sample) }));
  return [
    { name: 'memory, together', unit: 'MB', points: over((one) => sumOf(one.memoryMbByProcess)) },
    ...Object.keys(samples[0]?.memoryMbByProcess ?? {}).map((name) => ({
      name: `memory, ${name}`,
      unit: 'MB',
      points: over((one) => one.memoryMbByProcess[name] ?? Number.NaN),
    })),
    { name: 'lag of all consumers', unit: 'records', points: over((one) => sumOf(one.lagByGroup)) },
    { name: 'rows in the outboxes', unit: 'rows', points: over((one) => one.outboxRows) },
    { name: 'most parts of a table', unit: 'parts', points: over((one) => one.partsMax) },
  ];
};

/** Memory, lag, backlog and parts over time. `load` says in the title what the platform was under. */
export const trendCharts = (samples: readonly Sample[], load: string): Chart[] => {
  const lineOf = (name: string, value: (sample: Sample) => number | undefined): Line => ({
    name,
    points: samples.map((one) => ({ x: one.atMs / 60_000, y: value(one) ?? Number.NaN })),
  });
  const xTitle = 'minutes';
  const memory = Object.keys(samples[0]?.memoryMbByProcess ?? {}).map((name) =>
    lineOf(name, (one) => one.memoryMbByProcess[name]),
  );
  const lag = Object.keys(samples.at(-1)?.lagByGroup ?? {}).map((name) =>
    lineOf(name, (one) => one.lagByGroup[name]),
  );
  return [
    {
      title: `Memory (PSS) of each process, ${load}`,
      xTitle,
      yTitle: 'MB',
      lines: memory.toSorted(byTypical),
    },
    {
      title: 'Lag of the consumers by group',
      xTitle,
      yTitle: 'records',
      lines: lag.toSorted(byTypical).slice(0, groupsDrawnMax),
    },
    {
      title: 'Rows in the outboxes',
      xTitle,
      yTitle: 'rows',
      lines: [lineOf('rows in the outboxes', (one) => one.outboxRows)],
    },
    {
      title: 'Active parts of the table that has most',
      xTitle,
      yTitle: 'parts',
      lines: [lineOf('parts', (one) => one.partsMax)],
    },
  ];
};

const byTypical = (one: Line, other: Line): number => typical(other.points) - typical(one.points);

const typical = (points: readonly Point[]): number =>
  percentile(
    points.map(({ y }) => y),
    0.5,
  );
