import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createClickHouse } from '#platform/clickhouse/client';
import { engines, runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { oracles } from '../services/analytics/oracles.js';
import { createReconciler } from '../services/analytics/reconciliation.js';
import { type OrderView, readRunFile, shopAt } from './shop.js';

type Timeline = {
  items: { type: string; service: string; occurredAt: string; data: Record<string, unknown> }[];
};
type Payments = {
  items: {
    id: string;
    status: string;
    amount: { amountMinor: number } | null;
    refunded: { amountMinor: number } | null;
  }[];
};

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
let admin: string;
let buyer: { token: string; userId: string };

beforeAll(async () => {
  admin = await shop.login(run.adminEmail, run.adminPassword);
  buyer = await shop.registerCustomer();
});

/** All that are made here, for the books at the end. */
const madeProducts: string[] = [];
const placedOrders: string[] = [];

const newProduct = async (initialStock: number, amountMinor = 1999) => {
  const productId = await shop.createProduct(admin, { initialStock, amountMinor });
  madeProducts.push(productId);
  return productId;
};

const buy = async (
  productId: string,
  options: { paymentToken?: string; quantity?: number; token?: string } = {},
) => {
  const { paymentToken = 'tok_ok', quantity = 1, token = buyer.token } = options;
  const placed = await shop.placeOrder({ token, items: [{ productId, quantity }], paymentToken });
  expect(placed.status).toBe(202);
  expect(placed.body).toMatchObject({ status: 'pending', statusUrl: `/api/orders/${placed.body.id}/status` });
  placedOrders.push(placed.body.id);
  return placed.body.id;
};

const timelineOf = async (orderId: string): Promise<string[]> =>
  (await shop.call<Timeline>('GET', `/api/orders/${orderId}/timeline`, { token: admin })).body.items.map(
    ({ type, service }) => `${service} ${type}`,
  );

const paymentsOf = async (orderId: string) =>
  (await shop.call<Payments>('GET', `/api/payments?orderId=${orderId}`, { token: admin })).body.items;

/** What follows a confirmation or a cancellation arrives a moment after it. */
const stockIs = (productId: string, expected: { onHand: number; reserved: number }) =>
  eventually(async () => expect(await shop.stockOf(productId)).toMatchObject(expected), { everyMs: 20 });

const paymentIs = (orderId: string, status: string) =>
  eventually(
    async () => expect((await paymentsOf(orderId)).map((payment) => payment.status)).toEqual([status]),
    {
      everyMs: 20,
    },
  );

describe('an order', () => {
  it('whose payment is good is confirmed, its stock gone and its money taken', async () => {
    const productId = await newProduct(5);
    const orderId = await buy(productId, { quantity: 2 });
    expect(await shop.settled(orderId, buyer.token)).toMatchObject({
      status: 'confirmed',
      items: [{ productId, quantity: 2, unitPrice: { amountMinor: 1999, currency: 'GBP' } }],
      total: { amountMinor: 3998, currency: 'GBP' },
    });
    await stockIs(productId, { onHand: 3, reserved: 0 });
    await paymentIs(orderId, 'captured');
    await eventually(async () => {
      const product = await shop.call<{ available: number }>('GET', `/api/products/${productId}`);
      expect(product.body.available).toBe(3);
    });
  });

  it('tells the whole of its saga on its timeline, without the payment token', async () => {
    const orderId = await buy(await newProduct(5));
    await shop.settled(orderId, buyer.token);
    await eventually(async () => expect(await timelineOf(orderId)).toHaveLength(6), { everyMs: 20 });
    const timeline = await timelineOf(orderId);
    expect(timeline.slice(0, 4)).toEqual([
      'order OrderPlaced',
      'inventory StockReserved',
      'payment PaymentAuthorized',
      'order OrderConfirmed',
    ]);
    expect(timeline.slice(4).sort()).toEqual(['inventory StockCommitted', 'payment PaymentCaptured']);
    const { body } = await shop.call<Timeline>('GET', `/api/orders/${orderId}/timeline`, {
      token: buyer.token,
    });
    expect(JSON.stringify(body)).not.toContain('tok_ok');
  });

  it.each([
    ['tok_declined', 'declined'],
    ['tok_insufficient_funds', 'insufficient_funds'],
    ['tok_of_nobody', 'invalid_token'],
  ])(
    'whose payment is declined (%s) is cancelled, and its stock given back',
    async (paymentToken, reason) => {
      const productId = await newProduct(5);
      const orderId = await buy(productId, { paymentToken });
      expect(await shop.settled(orderId, buyer.token)).toMatchObject({
        status: 'cancelled',
        reason: 'payment_declined',
      });
      await stockIs(productId, { onHand: 5, reserved: 0 });
      expect(await paymentsOf(orderId)).toMatchObject([{ status: 'declined', reason }]);
      expect(await timelineOf(orderId)).toContain('order OrderCancelled');
    },
  );

  it('for more than there is is cancelled unpaid, and holds nothing of what there was', async () => {
    const [plenty, scarce] = [await newProduct(10), await newProduct(1)];
    const placed = await shop.placeOrder({
      token: buyer.token,
      items: [
        { productId: plenty, quantity: 2 },
        { productId: scarce, quantity: 2 },
      ],
    });
    expect(await shop.settled(placed.body.id, buyer.token)).toMatchObject({
      status: 'cancelled',
      reason: 'out_of_stock',
    });
    await stockIs(plenty, { onHand: 10, reserved: 0 });
    await stockIs(scarce, { onHand: 1, reserved: 0 });
    await paymentIs(placed.body.id, 'cancelled');
  });

  it('whose provider fails twice is confirmed all the same, and charged once', async () => {
    const orderId = await buy(await newProduct(5), { paymentToken: 'tok_flaky' });
    expect((await shop.settled(orderId, buyer.token)).status).toBe('confirmed');
    await paymentIs(orderId, 'captured');
  });

  it('is priced by the catalogue, and refused for what the catalogue does not have', async () => {
    const refused = await shop.placeOrder({
      token: buyer.token,
      items: [{ productId: randomUUID(), quantity: 1 }],
    });
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({
      code: 'product_not_available',
      errors: [{ path: '/items/0/productId' }],
    });
  });

  it('belongs to its buyer and to staff; to others it does not exist', async () => {
    const orderId = await buy(await newProduct(5));
    const stranger = await shop.registerCustomer();
    const as = (token?: string) => shop.call('GET', `/api/orders/${orderId}`, { token });
    expect((await as(buyer.token)).status).toBe(200);
    expect((await as(admin)).status).toBe(200);
    expect((await as(stranger.token)).status).toBe(404);
    expect((await as()).status).toBe(404);
    const own = await shop.call<{ items: OrderView[] }>('GET', '/api/orders', { token: stranger.token });
    expect(own.body.items).toEqual([]);
  });
});

describe('placing an order', () => {
  it('twice with one Idempotency-Key places one order and gives one answer', async () => {
    const productId = await newProduct(5);
    const once = { token: buyer.token, items: [{ productId, quantity: 1 }], idempotencyKey: randomUUID() };
    const [first, second] = [await shop.placeOrder(once), await shop.placeOrder(once)];
    expect(second).toMatchObject({ status: 202, body: first.body });
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    await shop.settled(first.body.id, buyer.token);
    await stockIs(productId, { onHand: 4, reserved: 0 });
    const other = await shop.placeOrder({ ...once, items: [{ productId, quantity: 2 }] });
    expect(other.status).toBe(422);
  });

  it('as a guest needs an address to write to, and gives a token good for this order alone', async () => {
    const productId = await newProduct(5);
    const items = [{ productId, quantity: 1 }];
    expect((await shop.placeOrder({ items })).status).toBe(400);
    const [mine, another] = [
      await shop.placeOrder({ items, email: 'guest@example.com' }),
      await shop.placeOrder({ items, email: 'other@example.com' }),
    ];
    const read = (orderToken?: string) =>
      shop.call<{ status: string }>('GET', `/api/orders/${mine.body.id}/status`, {
        headers: orderToken === undefined ? {} : { 'x-order-token': orderToken },
      });
    expect((await read()).status).toBe(404);
    expect((await read(another.body.orderToken)).status).toBe(404);
    await eventually(async () => expect((await read(mine.body.orderToken)).body.status).toBe('confirmed'));
  });

  it('of one product on two lines is one line with the sum', async () => {
    const productId = await newProduct(5);
    const items = [
      { productId, quantity: 1 },
      { productId, quantity: 2 },
    ];
    const placed = await shop.placeOrder({ token: buyer.token, items });
    const order = await shop.settled(placed.body.id, buyer.token);
    expect(order).toMatchObject({ status: 'confirmed', items: [{ productId, quantity: 3 }] });
  });
});

describe('an order after its confirmation', () => {
  const fulfil = (orderId: string, body: object, token = admin) =>
    shop.call<OrderView & { code?: string; shipment?: object }>('POST', `/api/orders/${orderId}/fulfilment`, {
      token,
      body,
    });
  const cancel = (orderId: string, token = buyer.token) =>
    shop.call<OrderView & { code?: string }>('POST', `/api/orders/${orderId}/cancel`, { token });

  it('is cancelled by its buyer while its goods are there, and all is given back', async () => {
    const productId = await newProduct(5);
    const orderId = await buy(productId, { quantity: 2 });
    await shop.settled(orderId, buyer.token);
    expect((await cancel(orderId, (await shop.registerCustomer()).token)).status).toBe(404);
    const cancelled = { status: 200, body: { status: 'cancelled', reason: 'customer' } };
    expect(await cancel(orderId)).toMatchObject(cancelled);
    expect(await cancel(orderId)).toMatchObject(cancelled);
    await stockIs(productId, { onHand: 5, reserved: 0 });
    await paymentIs(orderId, 'refunded');
  });

  it('gets a part of its money back from staff, once, and never more than was taken', async () => {
    const orderId = await buy(await newProduct(5, 1000));
    await shop.settled(orderId, buyer.token);
    await paymentIs(orderId, 'captured');
    const id = (await paymentsOf(orderId))[0]?.id ?? '';
    const refund = (amountMinor: number, key: string = randomUUID()) =>
      shop.call<{ id: string; code?: string }>('POST', `/api/payments/${id}/refunds`, {
        token: admin,
        headers: { 'idempotency-key': key },
        body: { amountMinor, reason: 'scratched' },
      });
    const key = randomUUID();
    const first = await refund(400, key);
    expect(first).toMatchObject({ status: 202, body: { status: 'pending', amount: { amountMinor: 400 } } });
    expect((await refund(400, key)).body).toEqual(first.body);
    expect(await refund(601)).toMatchObject({ status: 422, body: { code: 'refund_exceeds_capture' } });
    await paymentIs(orderId, 'partially_refunded');
    const historyFor = async (token: string) =>
      (await shop.call<{ items: object[] }>('GET', `/api/payments/${id}/history`, { token })).body.items;
    const shown = await historyFor(buyer.token);
    expect(shown).toMatchObject([
      { kind: 'authorize', answer: 'authorized', attempts: 1 },
      { kind: 'capture', answer: 'captured' },
      { kind: 'refund', answer: 'refunded', amount: { amountMinor: 400 } },
    ]);
    expect(shown[2]).not.toHaveProperty('reason');
    expect((await historyFor(admin))[2]).toMatchObject({ reason: 'scratched' });
    const again = await shop.call<{ code?: string }>('POST', '/api/payments', {
      token: buyer.token,
      headers: { 'idempotency-key': randomUUID() },
      body: { orderId, method: 'card', token: 'tok_ok' },
    });
    expect(again).toMatchObject({ status: 409, body: { code: 'payment_not_retryable' } });
  });

  it('is shipped and delivered by staff, and then no longer cancelled', async () => {
    const orderId = await buy(await newProduct(5));
    await shop.settled(orderId, buyer.token);
    expect((await fulfil(orderId, { status: 'delivered' })).body.code).toBe('order_not_deliverable');
    const shipment = { carrier: 'DHL', trackingNumber: 'JD0001' };
    expect(await fulfil(orderId, { status: 'shipped', ...shipment })).toMatchObject({
      status: 200,
      body: { status: 'shipped', shipment },
    });
    expect(await cancel(orderId)).toMatchObject({ status: 409, body: { code: 'order_not_cancellable' } });
    expect((await fulfil(orderId, { status: 'delivered' })).body).toMatchObject({
      status: 'delivered',
      shipment,
    });
    const staffSees = await shop.call<Timeline>('GET', `/api/orders/${orderId}/timeline`, { token: admin });
    expect(staffSees.body.items).toContainEqual(
      expect.objectContaining({
        type: 'PaymentAuthorized',
        eventId: expect.any(String),
        causationId: expect.any(String),
        correlationId: expect.any(String),
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        attempt: expect.any(Number),
        topic: 'payments',
        partition: expect.any(Number),
        offset: expect.any(Number),
      }),
    );
    const buyerSees = await shop.call<Timeline>('GET', `/api/orders/${orderId}/timeline`, {
      token: buyer.token,
    });
    expect(buyerSees.body.items.map((item) => Object.keys(item).sort())).toEqual(
      buyerSees.body.items.map(() => ['data', 'occurredAt', 'service', 'type']),
    );
    await eventually(
      async () => {
        const { body } = await shop.call<{ items: { type: string; offset: number | null }[] }>(
          'GET',
          `/api/orders/${orderId}/timeline`,
          { token: admin },
        );
        expect(body.items.filter(({ offset }) => offset === null)).toEqual([]);
      },
      { timeoutMs: 20_000 },
    );
  });
});

describe('a return', () => {
  const sendBack = (orderId: string, productId: string, quantity: number, token = buyer.token) =>
    shop.call<{ id: string; refund: { amountMinor: number }; isFull: boolean; code?: string }>(
      'POST',
      `/api/orders/${orderId}/returns`,
      {
        token,
        headers: { 'idempotency-key': randomUUID() },
        body: { items: [{ productId, quantity }], reason: 'too bright' },
      },
    );

  it('of a part refunds that part, of the rest ends the order, and of more is refused', async () => {
    const productId = await newProduct(5, 700);
    const orderId = await buy(productId, { quantity: 3 });
    await shop.settled(orderId, buyer.token);
    const part = await sendBack(orderId, productId, 1);
    expect(part).toMatchObject({ status: 202, body: { refund: { amountMinor: 700 }, isFull: false } });
    await paymentIs(orderId, 'partially_refunded');
    expect((await sendBack(orderId, productId, 3)).body.code).toBe('return_exceeds_purchase');
    expect((await sendBack(orderId, productId, 2)).body).toMatchObject({ isFull: true });
    await paymentIs(orderId, 'refunded');
    await stockIs(productId, { onHand: 5, reserved: 0 });
    expect(await shop.orderOf(orderId, buyer.token)).toMatchObject({ status: 'returned' });
    expect((await sendBack(orderId, productId, 1)).status).toBe(409);
    await eventually(async () => {
      const timeline = await timelineOf(orderId);
      for (const type of ['order OrderReturned', 'payment PaymentRefunded', 'inventory StockReturned'])
        expect(timeline.filter((entry) => entry === type)).toHaveLength(2);
    });
  });

  it('of somebody else’s order is not possible', async () => {
    const productId = await newProduct(5);
    const orderId = await buy(productId);
    await shop.settled(orderId, buyer.token);
    const stranger = await shop.registerCustomer();
    expect((await sendBack(orderId, productId, 1, stranger.token)).status).toBe(404);
    const nonsense = await shop.call('POST', `/api/orders/${orderId}/returns`, {
      token: stranger.token,
      headers: { 'idempotency-key': randomUUID() },
      body: {},
    });
    expect(nonsense.status).toBe(404);
  });
});

describe('twenty buyers of three pieces', () => {
  it('get three: three are charged, seventeen are cancelled, and nothing is left', async () => {
    const productId = await newProduct(3);
    const orders = await Promise.all(Array.from({ length: 20 }, () => buy(productId)));
    const settled: OrderView[] = [];
    for (const orderId of orders) settled.push(await shop.settled(orderId, buyer.token));
    const count = (status: string) => settled.filter((order) => order.status === status).length;
    expect({ confirmed: count('confirmed'), cancelled: count('cancelled') }).toEqual({
      confirmed: 3,
      cancelled: 17,
    });
    await stockIs(productId, { onHand: 0, reserved: 0 });
    await eventually(async () => {
      const payments = (await Promise.all(orders.map(paymentsOf))).flat();
      expect(payments.filter((payment) => payment.status === 'captured')).toHaveLength(3);
      expect(payments.filter((payment) => payment.status === 'cancelled')).toHaveLength(17);
    });
  });
});

describe('the whole saga', () => {
  // The 95th percentile of a hundred is `benchmarks/saga.bench.ts`: a test shares its machine with other tests.
  it('takes less than a second for most of twenty orders', async () => {
    const productId = await newProduct(20);
    const durationsMs: number[] = [];
    for (let index = 0; index < 20; index += 1) {
      const startedAt = performance.now();
      const orderId = await buy(productId);
      expect((await shop.settled(orderId, buyer.token)).status).toBe('confirmed');
      durationsMs.push(performance.now() - startedAt);
    }
    durationsMs.sort((a, b) => a - b);
    expect(durationsMs[10]).toBeLessThan(1000);
  });
});

describe('the books', () => {
  it('agree on every order and product above, when they are compared as they will be half an hour from now', async ({
    onTestFinished,
  }) => {
    const clickhouse = createClickHouse({ url: engines().clickhouseUrl });
    onTestFinished(() => clickhouse.stop());
    const happened = async () =>
      (
        await clickhouse.query<{ ended: number; types: string[] }>(
          `SELECT uniqExactIf(key, type IN ('OrderConfirmed', 'OrderCancelled')) AS ended, groupUniqArray(type) AS types
           FROM domain_events WHERE key IN {orders:Array(String)}`,
          { orders: placedOrders },
        )
      )[0];
    await eventually(async () =>
      expect(await happened()).toEqual({
        ended: placedOrders.length,
        types: expect.arrayContaining([
          'PaymentDeclined',
          'StockReleased',
          'OrderReturned',
          'PaymentRefunded',
        ]),
      }),
    );
    const asOfMs = Date.now() + 1_800_000;
    const reconciler = createReconciler(clickhouse, {
      read: async () => ({ asOfMs, lagMs: 0, version: '' }),
    });
    const isOurs = ({ subject }: { subject: string }) =>
      [...placedOrders, ...madeProducts].some((id) => subject.includes(id));
    await eventually(async () => {
      const { found } = await reconciler.differences(oracles, undefined, 100_000);
      expect(found.filter(isOurs)).toEqual([]);
    });
  });
});
