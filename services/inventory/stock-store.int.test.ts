import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PlatformError } from '#platform/errors';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import { projectPath } from '#platform/project';
import { currentCorrelation, withCorrelation } from '#platform/telemetry/correlation';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import { createAdmission } from '#platform/waiting/admission';
import { type BackInStockStore, createBackInStockStore } from './back-in-stock-store.js';
import { createHoldStore, type HoldStore } from './hold-store.js';
import { createInventoryMetrics } from './inventory-metrics.js';
import { createProductsForSale } from './product-replica.js';
import { reactions } from './reactions.js';
import { createStockStore, type StockStore } from './stock-store.js';

const counted = createInventoryMetrics(testHost('inventory-test').metrics);

const clock = handClock();
let db: Database;
let stock: StockStore;
let holds: HoldStore;
let holdMs = 1_200_000;
let waiting: BackInStockStore;
let products: ReturnType<typeof createProductsForSale>;

beforeAll(async () => {
  const url = new URL(engines().databaseUrl);
  url.pathname = `/test_inventory_${randomUUID().replaceAll('-', '')}`;
  db = createDatabase(testHost('inventory-test', { clock }), {
    url: url.toString(),
    poolMax: 20,
    migrations: ['platform/outbox/migrations', 'services/inventory/migrations'].map(projectPath),
  });
  await db.start();
  const events: Parameters<typeof createStockStore>[0]['events'] = {
    event: (type, key, value, { occurredAt }) => ({
      topic: type,
      key,
      value: Buffer.from(JSON.stringify(value)),
      headers: {
        'occurred-at': String(occurredAt),
        'correlation-id': currentCorrelation()?.correlationId ?? '',
      },
    }),
  };
  stock = createStockStore({ clock, events });
  holds = createHoldStore({ clock, events, holdMs: () => holdMs });
  waiting = createBackInStockStore({ clock, events });
  products = createProductsForSale(db);
});

afterAll(async () => {
  const name = new URL(db.pool.options.connectionString as string).pathname.slice(1);
  await db.stop();
  const admin = createDatabase(testHost('inventory-test'), { url: engines().databaseUrl });
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.stop();
});

const open = async (onHand: number): Promise<string> => {
  const productId = randomUUID();
  await inTransaction(db, (tx) => stock.open(tx, productId, onHand));
  return productId;
};
const reserve = (orderId: string, ...lines: [productId: string, quantity: number][]) =>
  inTransaction(db, (tx) =>
    holds.reserve(
      tx,
      orderId,
      lines.map(([productId, quantity]) => ({ productId, quantity })),
    ),
  );
const release = (orderId: string) =>
  inTransaction(db, (tx) => holds.release(tx, orderId, 'payment_declined'));
const commit = (orderId: string) => inTransaction(db, (tx) => holds.commit(tx, orderId));
const level = async (productId: string) => {
  const row = await stock.find(db, productId);
  return { onHand: row?.onHand, reserved: row?.reserved };
};
const published = async (key: string): Promise<{ type: string; value: Record<string, unknown> }[]> => {
  const { rows } = await db.query<{ topic: string; value: Buffer }>(
    'SELECT topic, value FROM outbox WHERE key = $1 ORDER BY seq',
    [key],
  );
  return rows.map(({ topic, value }) => ({ type: topic, value: JSON.parse(value.toString()) }));
};

describe('orders that are decided in one transaction', () => {
  test('get the pieces in their order, and each event carries the correlation of its own cause', async () => {
    const [first, second] = [await open(3), await open(5)];
    const orders = Array.from({ length: 4 }, () => randomUUID());
    const outcomes = await inTransaction(db, (tx) =>
      Promise.all(
        orders.map((orderId) =>
          withCorrelation({ correlationId: `saga of ${orderId}` }, () =>
            holds.reserve(tx, orderId, [
              { productId: first, quantity: 1 },
              { productId: second, quantity: 2 },
            ]),
          ),
        ),
      ),
    );
    expect(outcomes).toEqual(['reserved', 'reserved', 'rejected', 'rejected']);
    expect([await level(first), await level(second)]).toEqual([
      { onHand: 3, reserved: 2 },
      { onHand: 5, reserved: 4 },
    ]);
    const { rows } = await db.query<{ key: string; topic: string; correlation: string }>(
      `SELECT key, topic, headers->>'correlation-id' AS correlation FROM outbox
       WHERE key = ANY ($1) ORDER BY seq`,
      [orders],
    );
    expect(rows).toEqual(
      orders.map((key, n) => ({
        key,
        topic: n < 2 ? 'StockReserved' : 'StockRejected',
        correlation: `saga of ${key}`,
      })),
    );
  });
});

test('a hold lasts as long as holds do when it begins', async ({ onTestFinished }) => {
  const before = holdMs;
  onTestFinished(() => {
    holdMs = before;
  });
  const productId = await open(5);
  const orders = [randomUUID(), randomUUID()] as const;
  for (const [nth, orderId] of orders.entries()) {
    holdMs = (nth + 1) * 1000;
    await reserve(orderId, [productId, 1]);
    const [held] = await published(orderId);
    expect(held?.value.expiresAt).toBe(clock.nowMs() + holdMs);
  }
  const { rows } = await db.query<{ expiresAt: Date }>(
    'SELECT expires_at AS "expiresAt" FROM holds WHERE order_id = ANY ($1) ORDER BY expires_at',
    [orders],
  );
  expect(rows.map(({ expiresAt }) => expiresAt.getTime() - clock.nowMs())).toEqual([1000, 2000]);
});

describe('twenty buyers at once', () => {
  test('of three pieces get exactly three', async () => {
    const productId = await open(3);
    const orders = Array.from({ length: 20 }, () => randomUUID());
    const outcomes = await Promise.all(orders.map((orderId) => reserve(orderId, [productId, 1])));
    expect(outcomes.filter((outcome) => outcome === 'reserved')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'rejected')).toHaveLength(17);
    expect(await level(productId)).toEqual({ onHand: 3, reserved: 3 });
  });

  test('of several products in different orders neither deadlock nor oversell', async () => {
    const [a, b, c] = [await open(10), await open(10), await open(10)];
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const lines = [a, b, c].map((productId): [string, number] => [productId, 1]);
        return reserve(randomUUID(), ...(index % 2 === 0 ? lines : lines.reverse()));
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'reserved')).toHaveLength(10);
    for (const productId of [a, b, c]) expect(await level(productId)).toEqual({ onHand: 10, reserved: 10 });
  });

  test('who hold, give back and buy leave a ledger that sums to the stock', async () => {
    const productId = await open(15);
    const reservedOnly: string[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const orderId = randomUUID();
        if ((await reserve(orderId, [productId, 2])) !== 'reserved') return;
        if (index % 3 === 0) await release(orderId);
        else if (index % 3 === 1) await commit(orderId);
        else reservedOnly.push(orderId);
      }),
    );
    const { onHand, reserved } = await level(productId);
    expect(reserved).toBe(2 * reservedOnly.length);
    const { rows } = await db.query(
      `SELECT sum(on_hand_delta) AS "onHand", sum(reserved_delta) AS reserved, count(*) AS movements,
              max(stock_version) AS version FROM movements WHERE product_id = $1`,
      [productId],
    );
    expect(rows[0]).toMatchObject({ onHand, reserved });
    expect(rows[0]?.movements).toBe(rows[0]?.version);
  });
});

describe('two hundred buyers at once', () => {
  const buyers = 200;

  test('of the last fifty pieces, in carts of several products in any order, get fifty', async () => {
    const scarce = await open(50);
    const others = await Promise.all(Array.from({ length: 5 }, () => open(1000)));
    const orders = Array.from({ length: buyers }, () => randomUUID());
    const cart = (buyer: number): [string, number][] => {
      const lines = [scarce, ...others.filter((_, at) => (buyer >> at) % 2 === 0)];
      const from = buyer % lines.length;
      return [...lines.slice(from), ...lines.slice(0, from)].map((productId) => [productId, 1]);
    };
    // As many as there are connections: on a slow machine the last of more would not get one in time.
    const connections = createAdmission(20);
    const outcomes = await Promise.all(
      orders.map((orderId, buyer) => connections.run(() => reserve(orderId, ...cart(buyer)))),
    );
    const won = orders.filter((_, buyer) => outcomes[buyer] === 'reserved');
    expect(won).toHaveLength(50);
    await Promise.all(won.map(commit));

    expect(await level(scarce)).toEqual({ onHand: 0, reserved: 0 });
    const events = (await Promise.all(orders.map(published))).flat();
    for (const productId of [scarce, ...others]) {
      const { rows } = await db.query(
        `SELECT sum(on_hand_delta) AS "onHand", sum(reserved_delta) AS reserved FROM movements WHERE product_id = $1`,
        [productId],
      );
      expect(rows[0]).toEqual(await level(productId));
      const sold = events
        .filter(({ type }) => type === 'StockCommitted')
        .flatMap(({ value }) => value.lines as { productId: string; quantity: number }[])
        .reduce((sum, line) => sum + (line.productId === productId ? line.quantity : 0), 0);
      expect(sold).toBe((productId === scarce ? 50 : 1000) - ((await level(productId)).onHand ?? 0));
    }
    const { rows } = await db.query<{ deadlocks: number }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(rows[0]?.deadlocks).toBe(0);
  });
});

describe('stock that runs low', () => {
  const lowEvents = async (productId: string) =>
    (await published(productId)).filter(({ type }) => type === 'LowStock').map(({ value }) => value);

  test('is reported once when a sale takes it to its threshold, and again after it was above', async () => {
    const productId = await open(7);
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
    await reserve(first, [productId, 1]);
    expect(await lowEvents(productId)).toEqual([]);
    await reserve(second, [productId, 1]);
    await reserve(third, [productId, 1]);
    await commit(third);
    expect(await lowEvents(productId)).toMatchObject([{ productId, available: 5, lowStockThreshold: 5 }]);
    await release(first);
    await release(second);
    await reserve(randomUUID(), [productId, 2]);
    expect(await lowEvents(productId)).toMatchObject([{ available: 5 }, { available: 4 }]);
  });

  test('is reported when a count or a higher threshold finds it so', async () => {
    const [counted, raised] = [await open(20), await open(20)];
    const adjust = (productId: string, onHand: number, lowStockThreshold?: number) =>
      inTransaction(db, (tx) =>
        stock.adjust(tx, productId, { onHand: () => onHand, lowStockThreshold, reason: 'count' }),
      );
    await adjust(counted, 3);
    await adjust(counted, 2);
    await adjust(raised, 20, 30);
    expect(await lowEvents(counted)).toMatchObject([{ available: 3 }]);
    expect(await lowEvents(raised)).toMatchObject([{ available: 20, lowStockThreshold: 30 }]);
  });
});

describe('a reservation', () => {
  test('holds every line or none', async () => {
    const [plenty, scarce] = [await open(10), await open(1)];
    const orderId = randomUUID();
    expect(await reserve(orderId, [plenty, 2], [scarce, 2])).toBe('rejected');
    expect(await level(plenty)).toEqual({ onHand: 10, reserved: 0 });
    expect(await published(orderId)).toEqual([
      {
        type: 'StockRejected',
        value: {
          orderId,
          lines: [{ productId: scarce, requested: 2, available: 1 }],
          occurredAt: clock.nowMs(),
        },
      },
    ]);
  });

  test('asked for twice holds once', async () => {
    const productId = await open(10);
    const orderId = randomUUID();
    expect(await reserve(orderId, [productId, 2])).toBe('reserved');
    expect(await reserve(orderId, [productId, 2])).toBe('already_decided');
    expect(await level(productId)).toEqual({ onHand: 10, reserved: 2 });
    expect(await published(orderId)).toMatchObject([
      {
        type: 'StockReserved',
        value: { lines: [{ productId, quantity: 2, available: 8, stockVersion: 2 }] },
      },
    ]);
  });

  test('of a product not known yet decides nothing until it is told to count it as sold out', async () => {
    const known = await open(5);
    const [orderId, stranger] = [randomUUID(), randomUUID()];
    expect(await reserve(orderId, [known, 1], [stranger, 1])).toEqual({ unknown: [stranger] });
    expect(await published(orderId)).toEqual([]);
    const lines = [{ productId: stranger, quantity: 1 }];
    const outcome = await inTransaction(db, (tx) =>
      holds.reserve(tx, orderId, lines, { unknownAreSoldOut: true }),
    );
    expect(outcome).toBe('rejected');
  });

  test('that rolls back leaves neither a hold nor an event', async () => {
    const productId = await open(5);
    const orderId = randomUUID();
    await expect(
      inTransaction(db, async (tx) => {
        await holds.reserve(tx, orderId, [{ productId, quantity: 1 }]);
        throw new Error('something later in the batch');
      }),
    ).rejects.toThrow('later in the batch');
    expect(await level(productId)).toEqual({ onHand: 5, reserved: 0 });
    expect(await published(orderId)).toEqual([]);
  });
});

describe('an order that two transactions meet for the first time', () => {
  test('is decided by one of them, and the other begins again with what that one has left', async () => {
    const productId = await open(5);
    const orderId = randomUUID();
    const reserved = Promise.withResolvers<void>();
    const committing = Promise.withResolvers<void>();
    const reserving = inTransaction(db, async (tx) => {
      await holds.reserve(tx, orderId, [{ productId, quantity: 2 }]);
      reserved.resolve();
      await committing.promise;
    });
    await reserved.promise;
    const cancelled = Promise.allSettled([release(orderId)]);
    await eventually(async () => {
      const { rows } = await db.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    });
    committing.resolve();
    await reserving;
    expect(await cancelled).toMatchObject([{ status: 'rejected', reason: { retriable: true } }]);
    await release(orderId);
    expect(await level(productId)).toEqual({ onHand: 5, reserved: 0 });
  });
});

describe('eight orders of one transaction, each for another product nobody has heard of', () => {
  test('wait once in all before they are refused', async () => {
    const unknownProductWaitMs = 10_000;
    const host = testHost('inventory-test', { clock });
    const react = reactions({ ...host, stock, holds, waiting, products, counted, unknownProductWaitMs });
    const placed = Array.from({ length: 8 }, () => ({ orderId: randomUUID(), productId: randomUUID() }));
    const occurredAt = clock.nowMs();
    const asOneTransaction = () =>
      inTransaction(db, async (tx) => {
        for (const { orderId, productId } of placed)
          await react.OrderPlaced?.(tx, {
            value: { orderId, lines: [{ productId, quantity: 1 }] },
            occurredAt,
          } as never);
      });
    for (;;) {
      const fault = await asOneTransaction().catch((error: unknown) => error);
      if (fault === undefined) break;
      expect(fault).toBeInstanceOf(PlatformError);
      expect(fault).toMatchObject({ code: 'not_yet_known', retriable: true });
      clock.advanceMs(500);
      expect(clock.nowMs() - occurredAt).toBeLessThanOrEqual(unknownProductWaitMs + 1000);
    }
    expect(clock.nowMs() - occurredAt).toBeGreaterThanOrEqual(unknownProductWaitMs);
    for (const { orderId } of placed)
      expect((await published(orderId)).map(({ type }) => type)).toEqual(['StockRejected']);
  });
});

describe('a sale of what was never held', () => {
  test('is told apart from one whose hold is still to come: waiting cannot mend it', async () => {
    const react = reactions({
      ...testHost('inventory-test', { clock }),
      stock,
      holds,
      counted,
      waiting,
      products,
      unknownProductWaitMs: 10_000,
    });
    const confirmed = inTransaction(db, async (tx) => {
      await react.OrderConfirmed?.(tx, { value: { orderId: randomUUID() } } as never);
    });
    await expect(confirmed).rejects.toMatchObject({ code: 'contradiction', retriable: false });
  });
});

describe('the end of a hold', () => {
  test('gives the pieces back once', async () => {
    const productId = await open(5);
    const orderId = randomUUID();
    await reserve(orderId, [productId, 2]);
    await release(orderId);
    await release(orderId);
    expect(await level(productId)).toEqual({ onHand: 5, reserved: 0 });
    expect((await published(orderId)).map(({ type }) => type)).toEqual(['StockReserved', 'StockReleased']);
  });

  test('takes the pieces away once', async () => {
    const productId = await open(5);
    const orderId = randomUUID();
    await reserve(orderId, [productId, 2]);
    await commit(orderId);
    await commit(orderId);
    expect(await level(productId)).toEqual({ onHand: 3, reserved: 0 });
  });

  test('before its beginning bars the reservation', async () => {
    const productId = await open(5);
    const orderId = randomUUID();
    await release(orderId);
    expect(await reserve(orderId, [productId, 2])).toBe('already_decided');
    expect(await level(productId)).toEqual({ onHand: 5, reserved: 0 });
  });
});

describe('a return', () => {
  test('puts the pieces back once for each return, and is refused where nothing was sold', async () => {
    const productId = await open(5);
    const [orderId, returnId] = [randomUUID(), randomUUID()];
    const takeBack = () =>
      inTransaction(db, (tx) => holds.takeBack(tx, orderId, returnId, [{ productId, quantity: 1 }]));
    await reserve(orderId, [productId, 2]);
    expect(await takeBack()).toEqual({ refused: 'nothing_sold', status: 'held' });
    await commit(orderId);
    await takeBack();
    await takeBack();
    expect(await level(productId)).toEqual({ onHand: 4, reserved: 0 });
  });
});

describe('a sale whose order is cancelled after all', () => {
  test('brings back once what had not come back before, and stays undone whatever comes again', async () => {
    const productId = await open(5);
    const [orderId, returnId] = [randomUUID(), randomUUID()];
    const takeBack = () =>
      inTransaction(db, (tx) => holds.takeBack(tx, orderId, returnId, [{ productId, quantity: 1 }]));
    await reserve(orderId, [productId, 3]);
    await commit(orderId);
    await takeBack();
    expect(await level(productId)).toEqual({ onHand: 3, reserved: 0 });
    await release(orderId);
    for (const again of [() => release(orderId), () => commit(orderId), takeBack])
      expect(await again()).toBeUndefined();
    expect(await reserve(orderId, [productId, 3])).toBe('already_decided');
    expect(await level(productId)).toEqual({ onHand: 5, reserved: 0 });
    expect((await published(orderId)).at(-1)).toMatchObject({
      type: 'StockReleased',
      value: { lines: [{ productId, quantity: 2, available: 5 }] },
    });
  });
});

describe('what is stored', () => {
  test('cannot be oversold even by a statement that forgets to look', async () => {
    const productId = await open(1);
    await expect(
      db.query('UPDATE stock SET reserved = reserved + 2 WHERE product_id = $1', [productId]),
    ).rejects.toThrow(/violates check constraint/);
  });

  test('is a ledger nobody rewrites', async () => {
    await open(1);
    await expect(db.query('UPDATE movements SET on_hand = 7')).rejects.toThrow('append-only');
    await expect(db.query('DELETE FROM movements')).rejects.toThrow('append-only');
  });

  test('is never stated below what is promised', async () => {
    const productId = await open(5);
    await reserve(randomUUID(), [productId, 3]);
    const adjust = (onHand: number) =>
      inTransaction(db, (tx) => stock.adjust(tx, productId, { onHand: () => onHand, reason: 'correction' }));
    expect(await adjust(2)).toEqual({ refused: 'below_reserved', reserved: 3 });
    expect(await adjust(3)).toMatchObject({ onHand: 3, reserved: 3 });
    expect((await published(productId)).at(-1)).toMatchObject({
      type: 'StockAdjusted',
      value: { delta: -2, available: 0, reason: 'correction' },
    });
  });
});

test('nothing is left of what an account waits for when it is erased', async () => {
  const [productId, userId, another] = [await open(0), randomUUID(), randomUUID()];
  await inTransaction(db, async (tx) => {
    for (const asker of [userId, another]) await waiting.ask(tx, { productId, userId: asker });
  });
  const react = reactions({
    ...testHost('inventory-test', { clock }),
    ...{ stock, holds, waiting, products, counted, unknownProductWaitMs: 0 },
  });
  await inTransaction(db, async (tx) => {
    await react.UserErased?.(tx, { value: { userId } } as never);
  });
  const { rows } = await db.query('SELECT user_id FROM back_in_stock WHERE product_id = $1', [productId]);
  expect(rows).toEqual([{ user_id: another }]);
});

test('nobody hears of a product that is withdrawn; who waits hears of it when it is for sale again', async () => {
  const [productId, userId, another] = [randomUUID(), randomUUID(), randomUUID()];
  const react = reactions({
    ...testHost('inventory-test', { clock }),
    ...{ stock, holds, waiting, products, counted, unknownProductWaitMs: 0 },
  });
  const happens = (type: 'ProductCreated' | 'ProductUpdated' | 'ProductDeleted', value: object) =>
    inTransaction(db, async (tx) => {
      await react[type]?.(tx, { value: { productId, ...value } } as never);
    });
  const ask = (asker: string) => inTransaction(db, (tx) => waiting.ask(tx, { productId, userId: asker }));
  const toldNow = async () => {
    await waiting.report(db, 100);
    const told = (await published(productId)).filter(({ type }) => type === 'BackInStock');
    return told.map(({ value }) => (value as { userId: string }).userId);
  };
  await happens('ProductCreated', { version: 1, active: true, initialStock: 0 });
  await ask(userId);
  await happens('ProductUpdated', { version: 2, active: false });
  await inTransaction(db, (tx) => stock.adjust(tx, productId, { onHand: () => 3, reason: 'correction' }));
  expect(await toldNow()).toEqual([]);
  expect(await ask(another)).toBe('unknown_product');
  await happens('ProductUpdated', { version: 3, active: true });
  expect(await toldNow()).toEqual([userId]);
  await ask(another);
  await happens('ProductDeleted', { version: 4 });
  await happens('ProductUpdated', { version: 3, active: true });
  expect(await toldNow()).toEqual([userId]);
  expect(await ask(another)).toBe('unknown_product');
  const { rows } = await db.query('SELECT FROM back_in_stock WHERE product_id = $1', [productId]);
  expect(rows).toEqual([]);
});
