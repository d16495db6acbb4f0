import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTransaction } from '#platform/postgres/transaction';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { buyerStore, openKeptMs } from './buyer-store.js';

let scratch: ScratchDatabase;
const nowMs = Date.parse('2026-06-01T12:00:00Z');
const address = {
  name: 'Ada',
  line1: '1 Row',
  line2: 'Back',
  city: 'Bonn',
  postalCode: '53111',
  country: 'DE',
};
const erased = { name: 'erased', line1: 'erased', city: 'erased', postalCode: 'erased', country: 'DE' };

beforeAll(async () => {
  scratch = await scratchDatabase(['platform/http/migrations', 'services/order/migrations']);
});
afterAll(() => scratch.drop());

const place = async (userId: string, status: string, createdAtMs = nowMs - 1000): Promise<string> => {
  const orderId = randomUUID();
  await scratch.db.query(
    `INSERT INTO orders (order_id, user_id, email, status, version, lines, total_minor, currency, shipping_address,
       payment_method, correlation_id, deadline_at, created_at, updated_at)
     VALUES ($1, $2, 'ada@example.org', $3, 1, '[]', 1999, 'EUR', $4, 'card', '', now(), $5, now())`,
    [orderId, userId, status, JSON.stringify(address), new Date(createdAtMs)],
  );
  return orderId;
};
const change = (orderId: string, status: string) =>
  scratch.db.query('UPDATE orders SET status = $2 WHERE order_id = $1', [orderId, status]);
const erase = (userId: string) => inTransaction(scratch.db, (tx) => buyerStore.erase(tx, userId, nowMs));
const rowOf = async (orderId: string) =>
  (
    await scratch.db.query<{ email: string | null; address: object; total: number }>(
      `SELECT email, shipping_address AS address, total_minor::int AS total FROM orders WHERE order_id = $1`,
      [orderId],
    )
  ).rows[0];

describe('the buyer of an order', () => {
  it.each(['delivered', 'returned', 'cancelled'])('is erased at once from one that is %s', async (status) => {
    const [buyer, other] = [randomUUID(), randomUUID()];
    const [own, others] = [await place(buyer, status), await place(other, status)];
    await erase(buyer);
    await erase(buyer);
    expect(await rowOf(own)).toEqual({ email: null, address: erased, total: 1999 });
    expect(await rowOf(others)).toMatchObject({ email: 'ada@example.org', address });
  });

  it('is erased from the stored answers to a cancellation, whoever has asked for it', async () => {
    const buyer = randomUUID();
    const [own, others] = [await place(buyer, 'cancelled'), await place(randomUUID(), 'cancelled')];
    for (const orderId of [own, others])
      await scratch.db.query(
        `INSERT INTO idempotency_keys (principal, key, request_hash, status, headers, body)
         VALUES ('staff', $1::text, '', 200, '{}', jsonb_build_object('id', $1::text, 'shippingAddress', $2::jsonb))`,
        [orderId, JSON.stringify(address)],
      );
    await erase(buyer);
    const { rows } = await scratch.db.query('SELECT key FROM idempotency_keys WHERE key = ANY ($1)', [
      [own, others],
    ]);
    expect(rows).toEqual([{ key: others }]);
  });

  it('is erased from one that is to be sent when it ends', async () => {
    const buyer = randomUUID();
    const orderId = await place(buyer, 'confirmed');
    await erase(buyer);
    await change(orderId, 'shipped');
    expect(await rowOf(orderId)).toMatchObject({ address });
    await change(orderId, 'delivered');
    expect(await rowOf(orderId)).toEqual({ email: null, address: erased, total: 1999 });
  });

  it('is erased after thirty days from one that never ends', async () => {
    const buyer = randomUUID();
    const orderId = await place(buyer, 'confirmed');
    await erase(buyer);
    await buyerStore.sweep(scratch.db, nowMs + openKeptMs);
    expect(await rowOf(orderId)).toMatchObject({ address });
    expect(await buyerStore.sweep(scratch.db, nowMs + openKeptMs + 1)).toBe(1);
    expect(await rowOf(orderId)).toMatchObject({ email: null, address: erased });
  });

  it('is erased too where the order came with a token that outlived the account', async () => {
    const buyer = randomUUID();
    await erase(buyer);
    const late = await place(buyer, 'pending', nowMs + 5 * 60_000);
    await buyerStore.sweep(scratch.db, nowMs + 6 * 60_000);
    await change(late, 'cancelled');
    expect(await rowOf(late)).toMatchObject({ email: null, address: erased });
  });

  it('has typed nothing that stays', async () => {
    const buyer = randomUUID();
    const orderId = await place(buyer, 'returned');
    await scratch.db.query(
      `INSERT INTO order_events (order_id, event_id, type, service, occurred_at, data)
       VALUES ($1, 'returned', 'OrderReturned', 'order', now(), '{"reason": "Ada did not like it", "refundMinor": 1999}')`,
      [orderId],
    );
    await erase(buyer);
    const { rows } = await scratch.db.query('SELECT data FROM order_events WHERE order_id = $1', [orderId]);
    expect(rows).toEqual([{ data: { refundMinor: 1999 } }]);
  });
});
