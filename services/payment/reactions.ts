import type { Clock } from '#platform/clock';
import { contradiction } from '#platform/errors';
import { newId } from '#platform/ids';
import type { Reactions } from '#platform/messaging/reactor';
import type { EventMap, OrderStepsAsked } from '#schemas/events';
import { type Decision, isRefusal, type PaymentCommand } from './payment.js';
import type { PaymentStore } from './payment-store.js';

/** Payment's reactions to the events of order and inventory. They never call the provider: see provider-worker.ts. */
export const reactions = (
  payments: PaymentStore,
  clock: Clock,
  /** The provider of a payment that begins now. */
  providerNameOf: (method: string) => string,
): Reactions<EventMap> => {
  const known = (orderId: string) => ({ orderId, paymentId: newId(clock) });

  return {
    PaymentInstructed: async (tx, { value }) => {
      const { orderId, userId, amountMinor, currency, method, token } = value;
      await payments.update(tx, orderId, {
        type: 'NoteInstruction',
        known: known(orderId),
        charge: { userId, amountMinor, currency, method, provider: providerNameOf(method), token },
      });
    },

    StockReserved: async (tx, { value: { orderId, expiresAt: holdExpiresAtMs } }) => {
      await payments.update(tx, orderId, {
        type: 'NoteStockReserved',
        known: known(orderId),
        holdExpiresAtMs,
      });
    },

    OrderCancelled: async (tx, { value: { orderId, reason } }) => {
      await payments.update(tx, orderId, {
        type: 'CancelPayment',
        known: known(orderId),
        reason,
        nowMs: clock.nowMs(),
      });
    },

    OrderStepsAsked: async (tx, { value: { orderId, status, reason, returns } }) => {
      const steps = stepsOf({ status, reason, returns }, known(orderId), clock.nowMs());
      // A step that is not possible now is what staff see at the order.
      for (const step of steps) await payments.update(tx, orderId, step);
      await payments.hasten(tx, orderId);
    },

    OrderConfirmed: async (tx, { value: { orderId } }) =>
      mustBePossible(await payments.update(tx, orderId, { type: 'CapturePayment' }), orderId),

    OrderReturned: async (tx, { value: { orderId, returnId, refundMinor } }) =>
      mustBePossible(
        await payments.update(tx, orderId, {
          type: 'RefundPayment',
          refundId: returnId,
          amountMinor: refundMinor,
          isAtMost: true,
          nowMs: clock.nowMs(),
        }),
        orderId,
      ),
  };
};

/**
 * What the payment of an order has to have come to. Refunds that the provider has refused, or whose money came back, are
 * asked for again.
 */
const stepsOf = (
  { status, reason, returns }: Pick<OrderStepsAsked, 'status' | 'reason' | 'returns'>,
  known: { orderId: string; paymentId: string },
  nowMs: number,
): PaymentCommand[] => {
  const refunds = returns.map(
    ({ returnId: refundId, refundMinor: amountMinor }): PaymentCommand => ({
      type: 'RefundPayment',
      refundId,
      amountMinor,
      isAtMost: true,
      asksAgain: true,
      nowMs,
    }),
  );
  const owed: PaymentCommand = { type: 'AskForRefundsAgain', nowMs };
  if (status === 'cancelled')
    return [...refunds, owed, { type: 'CancelPayment', known, reason: reason ?? '', asksAgain: true, nowMs }];
  if (status === 'pending') return [];
  if (status === 'reserved') return [{ type: 'NoteStockReserved', known }];
  return [{ type: 'CapturePayment' }, ...refunds, owed];
};

const mustBePossible = (decision: Decision, orderId: string): void => {
  if (isRefusal(decision)) throw contradiction(`order ${orderId}: ${decision.refused}`);
};
