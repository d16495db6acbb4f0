/**
 * `npm run bench [name …]`: prints a table with ratios and writes `benchmarks/results/<name>.json`.
 * Without a name all of them. Most use, and change, the platform that CARTSTREAM_RUN names or that runs in `.local`, and
 * start one only where none runs; docs/commands.md says which start their own.
 */
import { parseArgs } from 'node:util';

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    // How often `start` starts the platform.
    runs: { type: 'string', default: '10' },
    // How long `scale` keeps the platform under a steady load; 0 to compare layouts and catalogues instead.
    minutes: { type: 'string', default: '0' },
  },
});

const benchmarks: Record<string, () => Promise<void>> = {
  ingest: async () => (await import('./ingest.bench.js')).runIngestBench(),
  freshness: async () => (await import('./freshness.bench.js')).runFreshnessBench(),
  soak: async () => (await import('./soak.bench.js')).runSoakBench(),
  broker: async () => (await import('./broker.bench.js')).runBrokerBench(),
  cost: async () => (await import('./cost.bench.js')).runCostBench(),
  checkout: async () => (await import('./checkout.bench.js')).runCheckoutBench(),
  load: async () => (await import('./load.bench.js')).runLoadBench(),
  scale: async () => (await import('./scale.bench.js')).runScaleBench({ minutes: Number(values.minutes) }),
  queries: async () => (await import('./queries.bench.js')).runQueriesBench(),
  catalogue: async () => (await import('./catalogue.bench.js')).runCatalogueBench(),
  cache: async () => (await import('./cache.bench.js')).runCacheBench(),
  attack: async () => (await import('./attack.bench.js')).runAttackBench(),
  reads: async () => (await import('./reads.bench.js')).runReadsBench(),
  recommend: async () => (await import('./recommend.bench.js')).runRecommendBench(),
  shelves: async () => (await import('./shelves.bench.js')).runShelvesBench(),
  saga: async () => (await import('./saga.bench.js')).runSagaBench(),
  windows: async () => (await import('./windows.bench.js')).runWindowsBench(),
  start: async () => (await import('./start.bench.js')).runStartBench({ runs: Number(values.runs) }),
};

const unknown = wanted.filter((name) => benchmarks[name] === undefined);
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}
const given = process.env.CARTSTREAM_RUN ?? '';
for (const [name, run] of Object.entries(benchmarks)) {
  if (wanted.length === 0 || wanted.includes(name))
    await run().catch((error: unknown) => {
      // The others are measured all the same.
      console.error(`${name}:`, error);
      process.exitCode = 1;
    });
  // Some have named the platform that they started and stopped.
  process.env.CARTSTREAM_RUN = given;
}
// Not 0: a benchmark says by `process.exitCode` when what it measured was not exact.
process.exit();
