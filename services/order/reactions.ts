import type { Clock } from '#platform/clock';
import type { ReceivedEvent } from '#platform/messaging/events';
import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { Tx } from '#platform/postgres/transaction';
import type { Logger } from '#platform/service-host';
import type { EventMap } from '#schemas/events';
import { buyerStore } from './buyer-store.js';
import type { OrderCommand } from './order.js';
import type { OrderMetrics } from './order-metrics.js';
import type { OrderStore } from './order-store.js';
import type { ProductReplica } from './product-replica.js';
import {
  forgetRefundsDue,
  notePayment,
  noteRefunded,
  noteRefundFailed,
  noteStock,
  type ShownStatus,
  type StockStatus,
} from './settlement.js';
import { noteOther } from './timeline.js';

type SagaDeps = { orders: OrderStore; clock: Clock; logger: Logger; metrics: OrderMetrics };
type SagaEvent = ReceivedEvent<string, { orderId: string }>;
type PaymentEvent = ReceivedEvent<string, { orderId: string; paymentId: string }>;

/** Applies an event of inventory or payment to its order, at most once, and puts the event on the timeline. */
const createFollower = ({ orders, clock, logger, metrics }: SagaDeps) => {
  /** Whether the order has changed, and with it what it shows. */
  const decide = async (
    tx: Tx,
    event: SagaEvent,
    command: OrderCommand | undefined,
    shown?: ShownStatus,
  ): Promise<boolean> => {
    if (command === undefined) return false;
    const { orderId } = event.value;
    const outcome = await orders.update(tx, orderId, command, shown);
    if (outcome === null || 'refused' in outcome || outcome.events.length === 0) return false;
    tx.afterCommit(() => {
      logger.info({ orderId, cause: event.type }, `order ${outcome.after.status}`);
      metrics.observe(outcome, clock.nowMs());
    });
    return true;
  };

  const followStock = async (
    tx: Tx,
    event: SagaEvent,
    stock: StockStatus,
    command?: OrderCommand,
  ): Promise<void> => {
    if (!(await keep(tx, event))) return;
    if (!(await decide(tx, event, command, { stock }))) await noteStock(tx, event.value.orderId, stock);
  };

  const followPayment = async (
    tx: Tx,
    event: PaymentEvent,
    status: Parameters<typeof notePayment>[2]['status'],
    command?: OrderCommand,
  ): Promise<void> => {
    const { orderId, paymentId } = event.value;
    // An event that was handled before describes an earlier state of the payment, so it must not change anything.
    if (!(await keep(tx, event))) return;
    const payment = { paymentId, status };
    if (!(await decide(tx, event, command, { payment })))
      await notePayment(tx, orderId, { ...payment, nowMs: clock.nowMs() });
  };

  const keep = (tx: Tx, event: SagaEvent): Promise<boolean> => noteOther(tx, event.value.orderId, event);

  return { decide, keep, followStock, followPayment };
};

/** Order's reactions to the events of inventory and payment; each event goes on the order's timeline. */
export const sagaReactions = (deps: SagaDeps): Reactions<EventMap> => {
  const { clock } = deps;
  const { decide, keep, followStock, followPayment } = createFollower(deps);

  return {
    StockReserved: (tx, event) =>
      followStock(tx, event, 'held', {
        type: 'NoteStockReserved',
        holdExpiresAtMs: event.value.expiresAt,
        nowMs: clock.nowMs(),
      }),
    StockRejected: (tx, event) =>
      followStock(tx, event, 'rejected', {
        type: 'CancelOrder',
        reason: 'out_of_stock',
        nowMs: clock.nowMs(),
      }),
    PaymentAuthorized: (tx, event) =>
      followPayment(tx, event, 'authorized', {
        type: 'NotePaymentAuthorized',
        paymentId: event.value.paymentId,
        nowMs: clock.nowMs(),
      }),
    PaymentDeclined: (tx, event) =>
      followPayment(tx, event, 'declined', {
        type: 'NotePaymentDeclined',
        retryUntilMs: event.value.retryUntil,
        nowMs: clock.nowMs(),
      }),
    PaymentCaptured: (tx, event) => followPayment(tx, event, 'captured'),
    PaymentVoided: (tx, event) => followPayment(tx, event, 'voided'),
    PaymentFailed: async (tx, event) => {
      await followPayment(tx, event, 'failed', { type: 'NotePaymentFailed', nowMs: clock.nowMs() });
      await forgetRefundsDue(tx, event.value.orderId);
    },
    PaymentRefunded: async (tx, event) => {
      if (!(await keep(tx, event))) return;
      const { paymentId, refundId, amountMinor, occurredAt: refundedAtMs } = event.value;
      const nowMs = clock.nowMs();
      const noted = await noteRefunded(tx, event.value, { paymentId, refundedAtMs, nowMs });
      if (noted === 'unasked')
        await decide(tx, event, { type: 'NoteGoodwill', refundId, amountMinor, nowMs });
    },
    RefundFailed: async (tx, event) => {
      if (await keep(tx, event)) await noteRefundFailed(tx, event.value, clock.nowMs());
    },
    StockReleased: (tx, event) => followStock(tx, event, 'released'),
    StockCommitted: (tx, event) => followStock(tx, event, 'committed'),
    StockReturned: async (tx, event) => {
      await keep(tx, event);
    },
  };
};

/** Maintains the copy of the catalogue by which orders are priced. */
export const catalogueReactions = (products: ProductReplica): Reactions<EventMap> => ({
  ProductCreated: recognisingRepeats((tx, { value }) => products.note(tx, value)),
  ProductUpdated: recognisingRepeats((tx, { value }) => products.note(tx, value)),
  ProductDeleted: recognisingRepeats((tx, { value }) => products.end(tx, value.productId, value.version)),
});

/** Order's reaction to an account that was erased. */
export const accountReactions = (): Reactions<EventMap> => ({
  UserErased: (tx, { value }) => buyerStore.erase(tx, value.userId, value.occurredAt),
});
