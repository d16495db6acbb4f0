import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import { newId } from '#platform/ids';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { createPaymentStore } from './payment-store.js';
import { paymentRoutes } from './routes.js';

const host = testHost('payment-test');
const buyer = randomUUID();
const supporter = randomUUID();
const auth: Authenticator = {
  principalOf: async (header) =>
    header === 'Bearer staff'
      ? { kind: 'user', userId: supporter, roles: ['support'] }
      : { kind: 'user', userId: buyer, roles: ['customer'] },
};
let scratch: ScratchDatabase;
let app: HttpApp;

beforeAll(async () => {
  scratch = await scratchDatabase(
    ['outbox', 'http'].map((part) => `platform/${part}/migrations`).concat('services/payment/migrations'),
  );
  const events: Parameters<typeof createPaymentStore>[0]['events'] = {
    event: (type, key, value, { occurredAt }) => ({
      topic: type,
      key,
      value: Buffer.from(JSON.stringify(value)),
      headers: { 'occurred-at': String(occurredAt) },
    }),
  };
  app = createHttpServer(host, { port: 0, title: 'payment', auth }).app;
  const payments = createPaymentStore({ clock: host.clock, events });
  const { clock, logger } = host;
  paymentRoutes(app, { db: scratch.db, payments, providerNameOf: () => 'sandbox', clock, logger });
});
afterAll(() => scratch.drop());

const paid = async (userId: string, createdAt: string): Promise<string> => {
  const orderId = newId();
  await scratch.db.query(
    `INSERT INTO payments (payment_id, order_id, status, user_id, amount_minor, currency, method, refunds,
       refunded_minor, created_at, updated_at)
     VALUES ($1, $2, 'captured', $3, 100, 'GBP', 'card', '[]', 0, $4, $4)`,
    [newId(), orderId, userId, createdAt],
  );
  return orderId;
};

const ask = async (query: Record<string, string>, who = 'buyer') => {
  const answer = await app.inject({
    method: 'GET',
    url: '/api/payments',
    query,
    headers: { authorization: `Bearer ${who}` },
  });
  return { status: answer.statusCode, body: answer.json() as { items: { orderId: string }[] } };
};
const listed = async (query: Record<string, string>, who?: string) =>
  (await ask(query, who)).body.items.map(({ orderId }) => orderId);

describe('a list of payments', () => {
  test('has what meets every filter, that of the order among them', async () => {
    const orderId = await paid(buyer, '2026-05-01T12:00:00Z');
    const foreign = await paid(randomUUID(), '2026-05-01T12:00:00Z');
    expect(await listed({ orderId })).toEqual([orderId]);
    expect(await listed({ orderId: foreign })).toEqual([]);
    expect(await listed({ orderId, from: '2026-05-01T12:00:01Z' })).toEqual([]);
    expect(await listed({ orderId, to: '2026-05-01T12:00:00Z' })).toEqual([]);
    expect(await listed({ orderId, from: '2026-05-01T12:00:00Z', to: '2026-05-01T12:00:01Z' })).toEqual([
      orderId,
    ]);
    expect(await listed({ orderId: foreign }, 'staff')).toEqual([foreign]);
    expect(await listed({ orderId: foreign, userId: buyer }, 'staff')).toEqual([]);
    expect(await listed({ orderId, userId: buyer.toUpperCase() })).toEqual([orderId]);
  });

  test('takes times of any zone', async () => {
    const orderId = await paid(buyer, '2025-05-01T12:00:00Z');
    const hour = { from: '2025-05-01T13:30:00+02:00', to: '2025-05-01T14:30:00+02:00' };
    expect(await listed(hour)).toEqual([orderId]);
    expect((await ask({ from: '2025-02-30T13:30:00+02:00' })).status).toBe(400);
    expect((await ask({ from: '2025-05-01' })).status).toBe(400);
    for (const to of ['2025-05-01T13:30:00+02:00', '2025-05-01T11:29:59Z'])
      expect((await ask({ from: '2025-05-01T13:30:00+02:00', to })).body).toMatchObject({
        status: 400,
        code: 'invalid_period',
        errors: [{ path: '/from', message: 'must be before `to`' }],
      });
  });
});

const idOf = async (orderId: string) => {
  const { rows } = await scratch.db.query<{ id: string }>(
    'SELECT payment_id AS id FROM payments WHERE order_id = $1',
    [orderId],
  );
  return rows[0]?.id ?? '';
};

test('a payment that changes twice in a millisecond is not taken for unchanged', async () => {
  const id = await idOf(await paid(buyer, '2026-05-03T12:00:00Z'));
  const answerTo = (etag?: string) =>
    app.inject({
      url: `/api/payments/${id}`,
      headers: {
        authorization: 'Bearer buyer',
        ...(etag === undefined ? {} : { 'if-none-match': etag }),
      },
    });
  const { etag } = (await answerTo()).headers;
  expect((await answerTo(etag)).statusCode).toBe(304);
  await scratch.db.query('UPDATE payments SET refunded_minor = 1 WHERE payment_id = $1', [id]);
  expect((await answerTo(etag)).statusCode).toBe(200);
});

test('why staff gave money back is for staff', async () => {
  const orderId = await paid(buyer, '2026-05-04T12:00:00Z');
  const paymentId = await idOf(orderId);
  const refundId = newId();
  await scratch.db.query(
    `UPDATE payments SET refunds = jsonb_build_array(jsonb_build_object('refundId', $2::text, 'amountMinor', 40,
       'state', 'done')), refunded_minor = 40 WHERE payment_id = $1`,
    [paymentId, refundId],
  );
  await scratch.db.query(
    `INSERT INTO provider_calls (key, payment_id, kind, amount_minor, refund_id, due_at, is_open, correlation_id,
       created_at)
     VALUES ($1, $2, 'refund', 40, $3, now(), false, $1, now())`,
    [`${orderId}:refund:${refundId}`, paymentId, refundId],
  );
  await scratch.db.query(
    `INSERT INTO refund_requests (refund_id, payment_id, amount_minor, reason, requested_by, created_at)
     VALUES ($1, $2, 40, 'a difficult customer', $3, now())`,
    [refundId, paymentId, randomUUID()],
  );
  const historyFor = async (who: string) => {
    const headers = { authorization: `Bearer ${who}` };
    const answer = await app.inject({ url: `/api/payments/${paymentId}/history`, headers });
    return (answer.json() as { items: object[] }).items;
  };
  expect(await historyFor('staff')).toMatchObject([{ refundId, reason: 'a difficult customer' }]);
  const [shown, ...more] = await historyFor('buyer');
  expect([shown, more]).toMatchObject([{ kind: 'refund', refundId }, []]);
  expect(shown).not.toHaveProperty('reason');
});

test('a refund of a payment that took nothing is refused', async () => {
  const paymentId = await idOf(await paid(buyer, '2026-05-05T12:00:00Z'));
  for (const status of ['failed', 'declined', 'voided']) {
    await scratch.db.query('UPDATE payments SET status = $2 WHERE payment_id = $1', [paymentId, status]);
    const answer = await app.inject({
      method: 'POST',
      url: `/api/payments/${paymentId}/refunds`,
      headers: { authorization: 'Bearer staff', 'idempotency-key': newId() },
      payload: { amountMinor: 40, reason: 'as asked' },
    });
    expect([answer.statusCode, answer.json()]).toMatchObject([409, { code: 'payment_not_captured' }]);
  }
  const { rows } = await scratch.db.query('SELECT FROM refund_requests WHERE payment_id = $1', [paymentId]);
  expect(rows).toEqual([]);
});

describe('a refund that staff have paid by other means', () => {
  const failedRefund = async () => {
    const orderId = await paid(buyer, '2026-05-06T12:00:00Z');
    const refundId = newId();
    await scratch.db.query(
      `UPDATE payments SET refunds = jsonb_build_array(jsonb_build_object('refundId', $2::text, 'amountMinor', 40,
         'state', 'failed')) WHERE order_id = $1`,
      [orderId, refundId],
    );
    return { orderId, paymentId: await idOf(orderId), refundId };
  };
  const say = (
    paymentId: string,
    refundId: string,
    key = newId(),
    reason = 'a transfer, as the card is closed',
  ) =>
    app.inject({
      method: 'POST',
      url: `/api/payments/${paymentId}/refunds/${refundId}/paid-otherwise`,
      headers: { authorization: 'Bearer staff', 'idempotency-key': key },
      payload: { reason },
    });
  const published = async (orderId: string) => {
    const { rows } = await scratch.db.query<{ topic: string }>('SELECT topic FROM outbox WHERE key = $1', [
      orderId,
    ]);
    return rows.map(({ topic }) => topic);
  };

  test('counts as refunded, once, and its history says how and to staff why', async () => {
    const { orderId, paymentId, refundId } = await failedRefund();
    const key = newId();
    for (let time = 0; time < 2; time += 1) {
      const answer = await say(paymentId, refundId, key);
      expect([answer.statusCode, answer.json()]).toMatchObject([
        200,
        { status: 'partially_refunded', refunds: [{ id: refundId, status: 'refunded' }] },
      ]);
    }
    expect(await published(orderId)).toEqual(['PaymentRefunded']);
    const again = await say(paymentId, refundId);
    expect([again.statusCode, again.json()]).toMatchObject([409, { code: 'refund_not_failed' }]);
    const historyFor = async (who: string) => {
      const headers = { authorization: `Bearer ${who}` };
      const answer = await app.inject({ url: `/api/payments/${paymentId}/history`, headers });
      return (answer.json() as { items: object[] }).items;
    };
    const item = { kind: 'paid_otherwise', refundId, amount: { amountMinor: 40 }, answer: 'refunded' };
    expect(await historyFor('staff')).toMatchObject([
      { ...item, reason: 'a transfer, as the card is closed' },
    ]);
    const [shown] = await historyFor('buyer');
    expect(shown).toMatchObject(item);
    expect(shown).not.toHaveProperty('reason');
  });

  test('is one of the payment, and takes a reason', async () => {
    const { paymentId, refundId, orderId } = await failedRefund();
    expect((await say(paymentId, newId())).json()).toMatchObject({ code: 'refund_not_found' });
    expect((await say(newId(), refundId)).json()).toMatchObject({ code: 'payment_not_found' });
    expect((await say(paymentId, refundId, newId(), ' ')).statusCode).toBe(400);
    expect(await published(orderId)).toEqual([]);
  });
});

test('a payment of somebody else is none', async () => {
  const statusOf = async (path: string, who = 'buyer') =>
    (await app.inject({ url: path, headers: { authorization: `Bearer ${who}` } })).statusCode;
  const own = await idOf(await paid(buyer, '2026-05-02T12:00:00Z'));
  const foreign = await idOf(await paid(randomUUID(), '2026-05-02T12:00:00Z'));
  for (const path of ['', '/history']) {
    expect(await statusOf(`/api/payments/${own}${path}`)).toBe(200);
    expect(await statusOf(`/api/payments/${foreign}${path}`)).toBe(404);
    expect(await statusOf(`/api/payments/${foreign}${path}`, 'staff')).toBe(200);
  }
});
