import type { Clock } from '#platform/clock';
import type { ReceivedEvent } from '#platform/messaging/events';
import type { Reactions } from '#platform/messaging/reactor';
import type { Tx } from '#platform/postgres/transaction';
import type { Logger } from '#platform/service-host';
import type { EventMap } from '#schemas/events';
import type { OrderCommand } from './order.js';
import type { OrderMetrics } from './order-metrics.js';
import type { OrderStore } from './order-store.js';
import type { ProductReplica } from './product-replica.js';

/** What an order does when something happens to its stock or its money; all of it goes on its timeline. */
export const sagaReactions = ({
  orders,
  clock,
  logger,
  metrics,
}: {
  orders: OrderStore;
  clock: Clock;
  logger: Logger;
  metrics: OrderMetrics;
}): Reactions<EventMap> => {
  type SagaEvent = ReceivedEvent<string, { orderId: string }>;
  type PaymentEvent = ReceivedEvent<string, { orderId: string; paymentId: string }>;

  const decide = async (tx: Tx, event: SagaEvent, command: OrderCommand): Promise<void> => {
    const { orderId } = event.value;
    const outcome = await orders.update(tx, orderId, command);
    if (outcome === null || 'refused' in outcome || outcome.events.length === 0) return;
    tx.afterCommit(() => {
      logger.info({ orderId, cause: event.type }, `order ${outcome.after.status}`);
      metrics.observe(outcome, clock.nowMs());
    });
  };

  const follow = async (tx: Tx, event: SagaEvent, command: OrderCommand): Promise<void> => {
    if (await keep(tx, event)) await decide(tx, event, command);
  };

  const followPayment = async (
    tx: Tx,
    event: PaymentEvent,
    status: Parameters<OrderStore['notePayment']>[3],
    command?: OrderCommand,
  ): Promise<void> => {
    const { orderId, paymentId } = event.value;
    // An event seen before says how the payment was, not how it is.
    if (!(await keep(tx, event))) return;
    if (command) await decide(tx, event, command);
    await orders.notePayment(tx, orderId, paymentId, status);
  };

  const keep = (tx: Tx, event: SagaEvent): Promise<boolean> => orders.note(tx, event.value.orderId, event);
  const keepOnly = async (tx: Tx, event: SagaEvent): Promise<void> => {
    await keep(tx, event);
  };

  return {
    StockReserved: (tx, event) =>
      follow(tx, event, {
        type: 'NoteStockReserved',
        holdExpiresAtMs: event.value.expiresAt,
        nowMs: clock.nowMs(),
      }),
    StockRejected: (tx, event) =>
      follow(tx, event, { type: 'CancelOrder', reason: 'out_of_stock', nowMs: clock.nowMs() }),
    PaymentAuthorized: (tx, event) =>
      followPayment(tx, event, 'authorized', {
        type: 'NotePaymentAuthorized',
        paymentId: event.value.paymentId,
        nowMs: clock.nowMs(),
      }),
    PaymentDeclined: (tx, event) =>
      followPayment(tx, event, 'declined', {
        type: 'CancelOrder',
        reason: 'payment_declined',
        nowMs: clock.nowMs(),
      }),
    PaymentCaptured: (tx, event) => followPayment(tx, event, 'captured'),
    PaymentVoided: (tx, event) => followPayment(tx, event, 'voided'),
    PaymentRefunded: async (tx, event) => {
      if (await keep(tx, event))
        await orders.noteRefund(tx, { ...event.value, occurredAtMs: event.value.occurredAt });
    },
    StockReleased: keepOnly,
    StockCommitted: keepOnly,
    StockReturned: keepOnly,
  };
};

/** Keeps the copy of the catalogue that orders are priced from. */
export const catalogueReactions = (products: ProductReplica): Reactions<EventMap> => ({
  ProductCreated: (tx, { value }) => products.note(tx, value),
});
