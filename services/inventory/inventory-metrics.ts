import type { Metrics } from '#platform/service-host';

export type InventoryMetrics = ReturnType<typeof createInventoryMetrics>;

/** Counts what is done to stock, by operation and outcome. */
export const createInventoryMetrics = (metrics: Metrics) => {
  const operations = metrics.counter('inventory_operations_total', 'Attempts to change stock.', [
    'operation',
    'status',
  ]);
  const reserved = metrics.counter('inventory_reserved_total', 'Orders whose stock was held.');
  const rate = metrics.gauge(
    'reservation_success_rate',
    'Share of orders served from stock since the start.',
  );
  let attempts = 0;
  let successes = 0;
  const reservation = (outcome: 'reserved' | 'rejected'): void => {
    const isReserved = outcome === 'reserved';
    attempts += 1;
    if (isReserved) {
      successes += 1;
      reserved.inc();
    }
    operations.inc({ operation: 'reserve', status: isReserved ? 'success' : 'failure' });
    rate.set(successes / attempts);
  };
  const other = (operation: 'release' | 'commit' | 'return' | 'adjust' | 'restock', isDone: boolean): void =>
    operations.inc({ operation, status: isDone ? 'success' : 'failure' });
  return { reservation, other };
};
