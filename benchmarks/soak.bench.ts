/**
 * `npm run bench soak`: the platform under shoppers' events at a steady rate (`RATE`, a second; `MINUTES`), and what
 * memory, lag, backlog and ClickHouse's parts do in that time.
 */
import { loadavg } from 'node:os';
import { sleep } from '#platform/waiting/sleep';
import { findPlatform } from '../tests/running-platform.js';
import { writeDrawing } from './drawing.js';
import { spreadOf } from './figures.js';
import { startShoppers } from './freshness/load.js';
import { circumstancesNote, writeResults } from './results.js';
import { coresBetween, reportTrends, sampleUntilStopped, trendCharts } from './scale/trends.js';
import { thousands } from './terminal.js';

const perSecond = Number(process.env.RATE ?? 2_000);
const minutes = Number(process.env.MINUTES ?? 60);

export const runSoakBench = async (): Promise<void> => {
  const { runFile, stop } = await findPlatform(1_000);
  try {
    process.env.CARTSTREAM_RUN = runFile;
    const load = loadavg()[0] ?? Number.NaN;
    console.log(`${minutes} minutes at ${thousands(perSecond)} events/s`);
    const shoppers = startShoppers(perSecond);
    const sampling = sampleUntilStopped(
      runFile,
      (now, before) => `${coresBetween(now, before).toFixed(2)} cores`,
    );
    await sleep(minutes * 60_000).finally(sampling.stop);
    const reached = await shoppers.stop();
    const samples = await sampling.samples;
    const trends = reportTrends(samples);
    console.log(`${thousands(reached)} of ${thousands(perSecond)} events a second reached Kafka`);
    writeDrawing(
      'soak',
      trendCharts(samples, `${thousands(reached)} events a second for ${minutes} minutes`),
      circumstancesNote(spreadOf([load])),
    );
    writeResults('soak', { minutes, perSecond, reached, load, trends, samples });
  } finally {
    await stop();
  }
};
