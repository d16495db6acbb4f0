import type { Metrics } from './metrics.js';

/** `cache_hits_total` and `cache_misses_total` of one cache, whose name is their label. */
export const cacheCounters = (
  metrics: Pick<Metrics, 'counter'>,
  cache: string,
): { hit(): void; miss(): void } => {
  const label = { cache };
  const hits = metrics.counter('cache_hits_total', 'Answers from a cache.', ['cache']);
  const misses = metrics.counter('cache_misses_total', 'Answers that were not cached.', ['cache']);
  return { hit: () => hits.inc(label), miss: () => misses.inc(label) };
};
