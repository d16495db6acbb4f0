import type { Metrics } from '#platform/service-host';
import { isOpen } from './order.js';
import type { Outcome } from './order-store.js';

export type OrderMetrics = {
  /** Counts the outcome of a command, and times it from the moment when the order was placed. */
  observe(outcome: Outcome, nowMs: number): void;
  refused(): void;
  active(orders: number): void;
  /** Sets the number of stuck orders, whatever they wait for. */
  stuck(orders: number): void;
};

const sagaBuckets = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300, 900];

export const createOrderMetrics = (metrics: Metrics): OrderMetrics => {
  const created = metrics.counter('orders_created_total', 'Orders asked for.', ['status']);
  const processing = metrics.histogram(
    'order_processing_duration_seconds',
    'From placed to confirmed or cancelled.',
    [],
    sagaBuckets,
  );
  const saga = metrics.histogram(
    'saga_execution_duration_seconds',
    'From placed to confirmed or cancelled, by outcome.',
    ['outcome'],
    sagaBuckets,
  );
  const compensations = metrics.counter(
    'saga_compensations_total',
    'Orders cancelled, by reason; payment_failed undoes a sale.',
    ['reason'],
  );
  const active = metrics.gauge('active_orders', 'Orders neither confirmed nor cancelled yet.');
  const stuck = metrics.gauge(
    'stuck_orders',
    'Orders that wait without an event: see GET /api/ops/sagas?stuck=true.',
  );
  const value = metrics.histogram(
    'order_value_minor',
    'Total of orders placed, in minor units.',
    [],
    [500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 500_000],
  );
  const items = metrics.histogram(
    'order_items_count',
    'Lines of orders placed.',
    [],
    [1, 2, 3, 5, 10, 20, 50],
  );

  return {
    observe: ({ before, after, events }, nowMs) => {
      for (const event of events) {
        if (event.type === 'OrderPlaced') {
          created.inc({ status: 'success' });
          value.observe(event.data.totalMinor);
          items.observe(event.data.lines.length);
        }
        // An order that is cancelled after its confirmation was counted when it was confirmed.
        if (event.type === 'OrderConfirmed' || (event.type === 'OrderCancelled' && isOpen(before))) {
          const seconds = before.status === 'new' ? 0 : Math.max(0, nowMs - before.placedAtMs) / 1000;
          const outcome = after.status === 'confirmed' ? 'confirmed' : 'cancelled';
          processing.observe(seconds);
          saga.observe({ outcome }, seconds);
        }
        if (event.type === 'OrderCancelled') compensations.inc({ reason: event.data.reason });
      }
    },
    refused: () => created.inc({ status: 'failure' }),
    active: (orders) => active.set(orders),
    stuck: (orders) => stuck.set(orders),
  };
};
