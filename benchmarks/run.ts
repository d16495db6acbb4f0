/**
 * `npm run bench [name …]`: prints a table with ratios and writes `benchmarks/results/<name>.json`. Without a name,
 * every benchmark that brings its own engines.
 */
const benchmarks: Record<string, { needs: 'nothing' | 'a running platform'; run(): Promise<void> }> = {
  ingest: {
    needs: 'nothing',
    run: async () => (await import('./ingest.bench.js')).runIngestBench(),
  },
  saga: {
    needs: 'a running platform',
    run: async () => (await import('./saga.bench.js')).runSagaBench(),
  },
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => benchmarks[name] === undefined);
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}
for (const [name, { needs, run }] of Object.entries(benchmarks)) {
  if (wanted.length > 0 ? !wanted.includes(name) : needs !== 'nothing') continue;
  await run();
}
process.exit(0);
