import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { inTransaction } from '#platform/postgres/transaction';
import type { OrderCommand } from '../services/order/order.js';
import { shown } from '../services/order/order-schemas.js';
import {
  type Choreography,
  createChoreography,
  newProduct,
  orderViewOf,
  placeOrder,
  returnItems,
  salesSumOf,
  unsettledOrders,
} from './choreography.js';

/** What buyers and staff do to an order after it was placed, and what follows in the stock, the money and the sales. */

const retryMs = 60_000;
let shop: Choreography;
let lamp: string;

beforeAll(async () => {
  shop = await createChoreography(retryMs);
  lamp = await newProduct(shop, 1999, 100);
  await shop.settle();
});
afterAll(() => shop?.drop());

const place = (quantity = 2, token = 'tok_ok') =>
  placeOrder(shop, { token, items: [{ productId: lamp, quantity, unitPriceMinor: 1999 }] });
const orderOf = (orderId: string) => orderViewOf(shop, orderId);
const paymentOf = (orderId: string) => shop.payments.find(shop.db('payment'), { orderId });
const stock = () => shop.stock.find(shop.db('inventory'), lamp);
const unsettled = () => unsettledOrders(shop);
const change = (orderId: string, command: OrderCommand) =>
  inTransaction(shop.db('order'), (tx) => shop.orders.update(tx, orderId, command));
const cancel = (orderId: string) => change(orderId, { type: 'CancelAtRequest', nowMs: shop.clock.nowMs() });
/** As the route of the payment service does it for staff. */
const giveBack = (orderId: string, amountMinor: number, refundId = newId(shop.clock)) =>
  inTransaction(shop.db('payment'), (tx) =>
    shop.payments.update(tx, orderId, {
      type: 'RefundPayment',
      refundId,
      amountMinor,
      nowMs: shop.clock.nowMs(),
    }),
  );
/** As the route does it for staff. */
const askAgain = (orderId: string): Promise<void> =>
  inTransaction(shop.db('order'), async (tx) => {
    const outcome = await shop.orders.update(tx, orderId, {
      type: 'GiveUpOverdue',
      nowMs: shop.clock.nowMs(),
    });
    if (outcome === null || 'refused' in outcome) throw new Error('it is there');
    await shop.orders.askForSteps(tx, orderId, outcome.after);
  });
const ledgerOf = (orderId: string) => salesSumOf(shop, orderId);
const noticesOf = (orderId: string): string[] =>
  shop.log.filter(({ key, topic }) => key === orderId && topic === 'orders').map(({ type }) => type);

/** The order is confirmed and its capture not yet tried when `interfere` runs. */
const whileCapturing = async (orderId: string, interfere: () => Promise<unknown>): Promise<void> => {
  let done = false;
  await shop.settle({
    beforeProvider: async () => {
      if (done || (await orderOf(orderId))?.status !== 'confirmed') return;
      done = true;
      await interfere();
    },
  });
  expect(done).toBe(true);
};

const expectUndone = async (orderId: string, before: Awaited<ReturnType<typeof stock>>) => {
  expect(await orderOf(orderId)).toMatchObject({ status: 'cancelled', reason: 'customer' });
  expect(await stock()).toMatchObject({ onHand: before?.onHand, reserved: 0 });
  expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
  expect(await unsettled()).toEqual([]);
};

describe('an order that its buyer cancels', () => {
  it('before anything was held holds nothing and is never charged', async () => {
    const before = await stock();
    const orderId = await place();
    await cancel(orderId);
    await shop.settle();
    await expectUndone(orderId, before);
    expect(await paymentOf(orderId)).toMatchObject({ status: 'aborted' });
  });

  it('after the money was taken gets all of it back, and the goods stay', async () => {
    const before = await stock();
    const orderId = await place();
    await shop.settle();
    await cancel(orderId);
    expect(await cancel(orderId)).toMatchObject({ events: [] });
    await shop.settle();
    await expectUndone(orderId, before);
    expect(await paymentOf(orderId)).toMatchObject({ status: 'captured', refundedMinor: 3998 });
    expect(await orderOf(orderId)).toMatchObject({ paymentStatus: 'refunded' });
  });

  it('during the capture gets it back when it is through', async () => {
    const before = await stock();
    const orderId = await place();
    await whileCapturing(orderId, () => cancel(orderId));
    await expectUndone(orderId, before);
    expect(await paymentOf(orderId)).toMatchObject({ status: 'captured', refundedMinor: 3998 });
  });

  it('whose capture then fails owes nothing', async () => {
    const before = await stock();
    const orderId = await place(2, 'tok_capture_fails');
    await whileCapturing(orderId, () => cancel(orderId));
    await expectUndone(orderId, before);
    expect(await paymentOf(orderId)).toMatchObject({ status: 'failed', refundedMinor: 0 });
  });

  it('after a part came back and a part of the money was given back gets the rest', async () => {
    const before = await stock();
    const orderId = await place(3);
    await shop.settle();
    await returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }]);
    await giveBack(orderId, 500);
    await shop.settle();
    expect(ledgerOf(orderId)).toEqual({ pieces: 2, minor: 3 * 1999 - 1999 - 500 });
    await cancel(orderId);
    await shop.settle();
    await expectUndone(orderId, before);
    expect(await paymentOf(orderId)).toMatchObject({ refundedMinor: 3 * 1999 });
  });
});

describe('an order whose goods left', () => {
  it('is shipped and delivered, is reported, and comes back whole', async () => {
    const before = await stock();
    const orderId = await place();
    await shop.settle();
    const nowMs = shop.clock.nowMs();
    const shipment = { carrier: 'DHL', trackingNumber: '42' };
    await change(orderId, { type: 'ShipOrder', shipment, nowMs });
    expect(await orderOf(orderId)).toMatchObject({ status: 'shipped', shipment });
    expect(await cancel(orderId)).toEqual({ refused: 'order_not_cancellable', status: 'shipped' });
    await change(orderId, { type: 'DeliverOrder', nowMs });
    await shop.settle();
    expect(noticesOf(orderId)).toEqual(['OrderPlaced', 'OrderConfirmed', 'OrderShipped', 'OrderDelivered']);
    const { rows } = await shop
      .db('notification')
      .query<{ template: string }>(
        'SELECT template FROM notifications WHERE order_id = $1 ORDER BY template',
        [orderId],
      );
    expect(rows.map(({ template }) => template)).toEqual([
      'order_confirmed',
      'order_delivered',
      'order_shipped',
    ]);
    await returnItems(shop, orderId, [{ productId: lamp, quantity: 2 }]);
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'returned', paymentStatus: 'refunded', shipment });
    expect(await stock()).toMatchObject({ onHand: before?.onHand, reserved: 0 });
    expect(await unsettled()).toEqual([]);
  });
});

describe('an order whose payment was declined', () => {
  const tryAgain = (orderId: string, token: string) =>
    inTransaction(shop.db('payment'), (tx) =>
      shop.payments.update(tx, orderId, {
        type: 'RetryPayment',
        method: 'paypal',
        provider: 'sandbox',
        token,
        nowMs: shop.clock.nowMs(),
      }),
    );

  it('keeps its stock while the buyer may try again, and is confirmed by another token', async () => {
    const orderId = await place(2, 'tok_declined');
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'reserved', paymentStatus: 'declined' });
    expect(await unsettled()).toMatchObject([{ orderId, waitsFor: ['payment_retry'] }]);
    await tryAgain(orderId, 'tok_insufficient_funds');
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'reserved', paymentStatus: 'declined' });
    await tryAgain(orderId, 'tok_ok');
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'confirmed', paymentStatus: 'captured' });
    expect(await paymentOf(orderId)).toMatchObject({ status: 'captured', method: 'paypal', tries: 3 });
    expect(await unsettled()).toEqual([]);
  });

  it('is cancelled when that time is over, and then not tried again', async () => {
    const before = await stock();
    const orderId = await place(2, 'tok_declined');
    await shop.settle();
    shop.clock.advanceMs(retryMs);
    await shop.sweep();
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'cancelled', reason: 'payment_declined' });
    expect(await tryAgain(orderId, 'tok_ok')).toMatchObject({ refused: 'not_retryable' });
    expect(await stock()).toMatchObject({ onHand: before?.onHand, reserved: before?.reserved });
    expect(await unsettled()).toEqual([]);
  });
});

describe('an order whose payment was declined shortly before its hold ends', () => {
  it('waits until then, past its own deadline, and its buyer is told no later time', async () => {
    const holdMs = 1_200_000;
    const orderId = await place(2, 'tok_declined');
    const heldUntilMs = shop.clock.nowMs() + holdMs;
    let passes = holdMs - 10_000;
    await shop.settle({
      beforeProvider: async () => {
        shop.clock.advanceMs(passes);
        passes = 0;
      },
    });
    expect(await paymentOf(orderId)).toMatchObject({ retryUntil: new Date(heldUntilMs) });
    shop.clock.advanceMs(9_999);
    await shop.sweep();
    const waiting = await orderOf(orderId);
    expect(waiting).toMatchObject({ status: 'reserved' });
    expect(waiting && shown(waiting).givesUpAt).toBe(new Date(heldUntilMs).toISOString());
    shop.clock.advanceMs(1);
    await shop.sweep();
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'cancelled', reason: 'payment_declined' });
    expect(await unsettled()).toEqual([]);
  });
});

describe('money that staff give back without a return', () => {
  it('is in the sales, and lessens what later returns refund', async () => {
    const orderId = await place(1);
    await shop.settle();
    const refundId = newId(shop.clock);
    await giveBack(orderId, 1500, refundId);
    await giveBack(orderId, 1500, refundId);
    await shop.settle();
    const given = await orderOf(orderId);
    expect(given).toMatchObject({ status: 'confirmed', paymentStatus: 'partially_refunded' });
    expect(given && shown(given).refundable).toEqual({ amountMinor: 499, currency: 'EUR' });
    expect(ledgerOf(orderId)).toEqual({ pieces: 1, minor: 499 });
    await returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }]);
    await shop.settle();
    expect(await paymentOf(orderId)).toMatchObject({ refundedMinor: 1999 });
    expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
    expect(await unsettled()).toEqual([]);
  });

  it('at the same time as a return never exceeds what was taken', async () => {
    const orderId = await place(1);
    await shop.settle();
    await Promise.all([
      giveBack(orderId, 1500),
      returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }]),
    ]);
    await shop.settle();
    expect(await paymentOf(orderId)).toMatchObject({ refundedMinor: 1999 });
    expect(await giveBack(orderId, 1)).toMatchObject({ refused: 'refund_exceeds_capture' });
    expect(await unsettled()).toEqual([]);
  });

  it('that the bank sends back days later is due again, until staff have it paid once more', async () => {
    const orderId = await place(1);
    await shop.settle();
    const refundId = newId(shop.clock);
    await giveBack(orderId, 500, refundId);
    await shop.settle();
    expect(await unsettled()).toEqual([]);
    await inTransaction(shop.db('payment'), (tx) =>
      shop.payments.update(tx, orderId, {
        type: 'NoteAnswer',
        answer: { to: 'refund', outcome: 'refused', refundId, reason: 'lost_or_stolen_card' },
        nowMs: shop.clock.nowMs(),
        toTry: 1,
      }),
    );
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'confirmed', paymentStatus: 'captured' });
    expect(await unsettled()).toMatchObject([{ orderId, waitsFor: ['refund'], refundsFailed: [{}] }]);
    expect(await giveBack(orderId, 1999)).toMatchObject({ refused: 'refund_exceeds_capture' });
    await askAgain(orderId);
    await shop.settle();
    expect(await paymentOf(orderId)).toMatchObject({ refundedMinor: 500 });
    expect(await orderOf(orderId)).toMatchObject({ paymentStatus: 'partially_refunded' });
    // The sales have it once.
    expect(ledgerOf(orderId)).toEqual({ pieces: 1, minor: 1499 });
    expect(await unsettled()).toEqual([]);
  });

  const whole: [string, (orderId: string) => Promise<unknown>][] = [
    ['return', (orderId) => returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }])],
    ['cancellation', cancel],
  ];
  for (const [what, undo] of whole) {
    it(`whole, beside a ${what} that comes before its answer or before its notice, ends both`, async () => {
      const orderId = await place(1);
      await shop.settle();
      await giveBack(orderId, 1999);
      await undo(orderId);
      await shop.settle();
      expect(await paymentOf(orderId)).toMatchObject({ refundedMinor: 1999 });
      expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
      expect(await orderOf(orderId)).toMatchObject({ paymentStatus: 'refunded' });
      expect(await unsettled()).toEqual([]);
    });

    it(`in vain, beside a ${what}, is asked for again by staff, and the ${what} is paid`, async () => {
      const orderId = await place(1, 'tok_refund_fails');
      await shop.settle();
      await giveBack(orderId, 1999);
      await undo(orderId);
      await shop.settle();
      expect(await unsettled()).toMatchObject([{ orderId, refundsFailed: [{ amountMinor: 1999 }] }]);
      // The buyer's account is open again.
      await shop.db('payment').query('UPDATE sandbox_ledger SET behaviour = NULL');
      await askAgain(orderId);
      await shop.settle();
      expect(await paymentOf(orderId)).toMatchObject({ refundedMinor: 1999 });
      expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
      expect(await unsettled()).toEqual([]);
    });
  }
});
