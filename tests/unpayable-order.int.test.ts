import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTransaction } from '#platform/postgres/transaction';
import { timelineOf } from '../services/order/timeline.js';
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

/**
 * A capture that the provider refuses for good after the sale: its effects on the order, the stock, the sales and the
 * money.
 */

let shop: Choreography;
let lamp: string;

beforeAll(async () => {
  shop = await createChoreography();
  lamp = await newProduct(shop, 1999, 100);
  await shop.settle();
});
afterAll(() => shop?.drop());

const place = (token: string, quantity = 2) =>
  placeOrder(shop, { token, items: [{ productId: lamp, quantity, unitPriceMinor: 1999 }] });
const orderOf = (orderId: string) => orderViewOf(shop, orderId);
const paymentOf = (orderId: string) => shop.payments.find(shop.db('payment'), { orderId });
const stock = () => shop.stock.find(shop.db('inventory'), lamp);
const eventsOf = async (orderId: string) =>
  (await timelineOf(shop.db('order'), orderId)).map(({ type }) => type);
const unsettled = () => unsettledOrders(shop);
const ledgerOf = (orderId: string) => salesSumOf(shop, orderId);
const providerCalls = async (orderId: string) => {
  const { rows } = await shop
    .db('payment')
    .query<{ call: string }>(
      `SELECT replace(key, $1 || ':', '') || ' ' || attempts AS call FROM provider_calls WHERE key LIKE $1 || ':%' ORDER BY seq`,
      [orderId],
    );
  return rows.map(({ call }) => call);
};

describe('an authorisation that lapsed before the capture', () => {
  it('is renewed once, and the money is taken', async () => {
    const before = await stock();
    const orderId = await place('tok_capture_lapses');
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'confirmed', paymentStatus: 'captured' });
    expect(await providerCalls(orderId)).toEqual([
      'authorize 1',
      'capture 1',
      'renew 1',
      'capture:renewed 1',
    ]);
    expect(await stock()).toMatchObject({ onHand: (before?.onHand ?? 0) - 2, reserved: 0 });

    await returnItems(shop, orderId, [{ productId: lamp, quantity: 2 }]);
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'returned', paymentStatus: 'refunded' });
    expect(await unsettled()).toEqual([]);
  });
});

describe('money that cannot be taken at all', () => {
  it('undoes the sale: order, goods and ledger are as if it had not been, and nothing is asked again', async () => {
    const before = await stock();
    const orderId = await place('tok_capture_fails');
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({
      status: 'cancelled',
      reason: 'payment_failed',
      paymentStatus: 'failed',
    });
    expect(await paymentOf(orderId)).toMatchObject({ status: 'failed', reason: 'declined' });
    expect(await stock()).toMatchObject({ onHand: before?.onHand, reserved: 0 });
    expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
    expect(await providerCalls(orderId)).toEqual(['authorize 1', 'capture 1', 'renew 1']);
    expect(await eventsOf(orderId)).toEqual(
      expect.arrayContaining(['OrderConfirmed', 'PaymentFailed', 'OrderCancelled', 'StockReleased']),
    );
    expect(await unsettled()).toEqual([]);
    await expect(returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }])).rejects.toThrow(
      'order_not_returnable',
    );
  });

  it('undoes only what has not come back before', async () => {
    const before = await stock();
    const orderId = await place('tok_capture_fails', 3);
    // The order is confirmed, its capture not yet tried, when the buyer sends one piece back.
    await shop.settle({
      beforeProvider: async () => {
        const order = await orderOf(orderId);
        const hasReturned = order?.lines.some(({ returned }) => returned > 0);
        if (order?.status === 'confirmed' && !hasReturned)
          await returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }]);
      },
    });
    expect(await orderOf(orderId)).toMatchObject({ status: 'cancelled', reason: 'payment_failed' });
    expect(await stock()).toMatchObject({ onHand: before?.onHand, reserved: 0 });
    expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
    expect(await paymentOf(orderId)).toMatchObject({ status: 'failed', refundedMinor: 0 });
    expect(await unsettled()).toEqual([]);
  });

  it('leaves an order that came back whole as it is: nothing was taken, and nothing is owed', async () => {
    const orderId = await place('tok_capture_fails', 1);
    await shop.settle({
      beforeProvider: async () => {
        if ((await orderOf(orderId))?.status === 'confirmed')
          await returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }]);
      },
    });
    expect(await orderOf(orderId)).toMatchObject({ status: 'returned', paymentStatus: 'failed' });
    expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
    expect(await unsettled()).toEqual([]);
  });

  it('does not hold up the payments behind it', async () => {
    const failing = await Promise.all(Array.from({ length: 5 }, () => place('tok_capture_fails', 1)));
    const good = await place('tok_ok', 1);
    await shop.settle();
    expect(await orderOf(good)).toMatchObject({ status: 'confirmed', paymentStatus: 'captured' });
    for (const orderId of failing) expect(await orderOf(orderId)).toMatchObject({ status: 'cancelled' });
  });
});

describe('a refund that the provider will never make', () => {
  it('stays due, where operators see it with its reason, and is not asked for again', async () => {
    const orderId = await place('tok_refund_fails', 1);
    await shop.settle();
    await returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }]);
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'returned', paymentStatus: 'captured' });
    expect(await unsettled()).toMatchObject([
      { orderId, waitsFor: ['refund'], refundsFailed: [{ amountMinor: 1999, reason: 'account_closed' }] },
    ]);
    expect((await providerCalls(orderId)).at(-1)).toMatch(/^refund:.* 1$/);
  });

  it('is closed when staff have paid it by other means, and the provider is not asked again', async () => {
    const orderId = await place('tok_refund_fails', 1);
    await shop.settle();
    await returnItems(shop, orderId, [{ productId: lamp, quantity: 1 }]);
    await shop.settle();
    const [{ refundId = '' } = {}] = (await paymentOf(orderId))?.refunds ?? [];
    const calls = await providerCalls(orderId);
    await inTransaction(shop.db('payment'), (tx) =>
      shop.payments.update(tx, orderId, {
        type: 'NotePaidOtherwise',
        refundId,
        nowMs: shop.clock.nowMs(),
      }),
    );
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: 'returned', paymentStatus: 'refunded' });
    expect((await unsettled()).filter((order) => order.orderId === orderId)).toEqual([]);
    expect(await providerCalls(orderId)).toEqual(calls);
    expect(ledgerOf(orderId)).toEqual({ pieces: 0, minor: 0 });
  });
});
