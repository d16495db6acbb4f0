import type { Queryable } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';

const refreshMs = 10_000;
const productsShownMax = 50;

/** Gauges of products with low stock and of holds past their expiry. Refreshed every 10 s. */
export const watchLevels = (host: Pick<Host, 'metrics' | 'logger' | 'clock'>, db: Queryable): Component => {
  const level = host.metrics.gauge('inventory_level', 'Available pieces of products running low.', [
    'product',
  ]);
  const overdue = host.metrics.gauge(
    'inventory_holds_overdue',
    'Holds past their expiry that the order service has not ended.',
  );

  const refresh = async (): Promise<void> => {
    const low = await db.query<{ product_id: string; available: number }>(
      `SELECT product_id, on_hand - reserved AS available FROM stock
         WHERE on_hand - reserved <= low_stock_threshold ORDER BY 2, 1 LIMIT $1`,
      [productsShownMax],
    );
    level.reset();
    for (const { product_id, available } of low.rows) level.set({ product: product_id }, available);
    const late = await db.query<{ holds: number }>(
      "SELECT count(*) AS holds FROM holds WHERE status = 'held' AND expires_at < $1",
      [new Date(host.clock.nowMs())],
    );
    overdue.set(late.rows[0]?.holds ?? 0);
  };

  return createPeriodicWork({
    name: 'levels',
    everyMs: refreshMs,
    work: refresh,
    onFailure: (error) => host.logger.debug({ err: error }, 'stock levels not refreshed'),
  });
};
