import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { listOrders } from './order-view.js';

let scratch: ScratchDatabase;
beforeAll(async () => {
  scratch = await scratchDatabase(['services/order/migrations']);
});
afterAll(() => scratch.drop());

const place = async (email: string | null): Promise<string> => {
  const orderId = randomUUID();
  await scratch.db.query(
    `INSERT INTO orders (order_id, email, user_id, guest_token_hash, status, version, lines, total_minor, currency, shipping_address, payment_method,
       correlation_id, deadline_at, created_at, updated_at)
     VALUES ($1, $2, $3, $4, 'confirmed', 1, '[]', 1999, 'EUR', '{}', 'card', '', now(), now(), now())`,
    [orderId, email, email === null ? randomUUID() : null, email === null ? null : Buffer.alloc(32)],
  );
  return orderId;
};

describe('orders that staff look for', () => {
  it('are found by the address they were placed with and by the end of their id, in any case', async () => {
    const [first, second, other] = [
      await place('Ada@example.org'),
      await place('ada@example.org'),
      await place(null),
    ];
    const found = async (by: Parameters<typeof listOrders>[1]) =>
      (await listOrders(scratch.db, by, { beforeOrderId: undefined, rowsMax: 10 })).map(
        ({ orderId }) => orderId,
      );
    expect(await found({ email: 'ADA@example.org' })).toEqual([first, second].sort().reverse());
    expect(await found({ email: 'a@example.org' })).toEqual([]);
    expect(await found({ shortId: other.slice(-8).toUpperCase() })).toEqual([other]);
    expect(await found({ shortId: other.slice(0, 8) })).toEqual([]);
    expect(await found({ email: 'ada@example.org', shortId: other.slice(-8) })).toEqual([]);
    expect(await found({})).toHaveLength(3);
  });
});
