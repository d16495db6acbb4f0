import type { Metrics } from '#platform/telemetry/metrics';

/** Counts changes of the catalogue, one by one or of an import. */
export const createProductMetrics = (metrics: Metrics) => ({
  created: metrics.counter('products_created_total', 'Products added to the catalogue.'),
  updated: metrics.counter('products_updated_total', 'Changes of products, removals included.'),
});
