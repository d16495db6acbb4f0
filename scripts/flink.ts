/**
 * `npm run flink [live-metrics|visits|product-performance|item-pairs]`: runs the Flink SQL of a windowed job on the
 * platform that CARTSTREAM_RUN names or that runs in `.local`, and prints its rows until it is stopped.
 *
 * `npm run flink -- --compare`: lets Flink and stream-jobs/windows compute the same events (`ROWS`, 100,000) of topics
 * of their own, out of order by up to 1.5 s and some of them too late for any window, and compares the rows one by one,
 * and the CPU time of both. Where no platform runs, engines are started.
 */
import { parseArgs } from 'node:util';
import { engines } from '#platform/testing/engines';
import { findEngines, runningPlatform } from '../tests/running-platform.js';
import { compareWithFlink } from './flink/comparison.js';
import { flinkJobs } from './flink/jobs.js';
import { flinkScript, installFlink, runFlink } from './flink/local-flink.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { compare: { type: 'boolean', default: false } },
});
const [job = 'live-metrics'] = positionals;

if (values.compare) {
  const { runFile, stop } = await findEngines();
  process.env.CARTSTREAM_RUN = runFile;
  const isEqual = await compareWithFlink(Number(process.env.ROWS ?? 100_000)).finally(stop);
  process.exit(isEqual ? 0 : 1);
}
if (!(flinkJobs as readonly string[]).includes(job)) {
  console.error(`no job ${job}; there are: ${flinkJobs.join(', ')}`);
  process.exit(2);
}
const runFile = runningPlatform();
if (runFile === undefined) {
  console.error('no platform runs whose events Flink could read: npm start');
  process.exit(1);
}
process.env.CARTSTREAM_RUN = runFile;
const { kafka, schemaRegistryUrl } = engines();
const script = flinkScript(job, {
  brokers: kafka.brokers.join(','),
  schemaRegistryUrl,
  topicPrefix: '',
  visitGapSeconds: 1_800,
  performanceWindowSeconds: 3_600,
  isBounded: false,
  sinkOf: () => "'connector' = 'print'",
});
const run = runFlink(installFlink(), script, 768);
run.process.stdout?.pipe(process.stdout);
const { output } = await run.ended;
console.log(output.slice(-2_000));
