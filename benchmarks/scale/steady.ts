/** The platform under orders at a steady rate: what memory, lag and backlog do in that time. */
import { loadavg } from 'node:os';
import { findPlatform } from '../../tests/running-platform.js';
import { ourShop } from '../checkout/systems.js';
import { writeDrawing } from '../drawing.js';
import { spreadOf } from '../figures.js';
import type { OpenOrdersResult } from '../load/open-orders.js';
import { buyAtRate, buyInLoop } from '../load/orders.js';
import { circumstancesNote, writeResults } from '../results.js';
import type { Sample } from './samples.js';
import { coresBetween, reportTrends, sampleUntilStopped, trendCharts } from './trends.js';

const peakBuyers = 32;
const peakDurationMs = 10_000;
const windowMs = 30_000;

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
    const sampling = sampleUntilStopped(platform.runFile, (now, before) => {
      const cores = coresBetween(now, before);
      return `${cores.toFixed(2)} cores, ${((cores * 1000) / perSecond).toFixed(1)} ms of CPU an order`;
    });
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

type Steady = {
  perSecond: number;
  minutes: number;
  load: number;
  samples: readonly Sample[];
  result: OpenOrdersResult;
};

const report = ({ perSecond, minutes, load, samples, result }: Steady): void => {
  const trends = reportTrends(samples);
  const confirmed = result.windows.filter(({ orders }) => orders > 0);
  console.log(
    `${result.operations} orders confirmed, ${result.failures} failed${result.firstFailure ? `: ${result.firstFailure}` : ''}; accepted p99 ${result.accepted.p99Ms.toFixed(0)} ms, confirmed p99 ${result.confirmed.p99Ms.toFixed(0)} ms, worst ${windowMs / 1000} s ${Math.max(...confirmed.map(({ confirmedP99Ms }) => confirmedP99Ms)).toFixed(0)} ms; load average at the start ${load.toFixed(1)}`,
  );
  draw({ perSecond, minutes, load, samples, result });
  writeResults('steady', { minutes, perSecond, load, trends, result, samples });
};

const draw = ({ perSecond, minutes, load, samples, result }: Steady): void => {
  const latency = (name: string, key: 'acceptedP99Ms' | 'confirmedP99Ms') => ({
    name,
    points: result.windows.map((window) => ({ x: window.endsAtMs / 60_000, y: window[key] })),
  });
  writeDrawing(
    'steady-load',
    [
      ...trendCharts(samples, `${perSecond.toFixed(0)} orders a second for ${minutes} minutes`),
      {
        title: `99th percentile of each ${windowMs / 1000} s`,
        xTitle: 'minutes',
        yTitle: 'ms',
        lines: [latency('confirmed', 'confirmedP99Ms'), latency('accepted', 'acceptedP99Ms')],
      },
    ],
    circumstancesNote(spreadOf([load])),
  );
};
