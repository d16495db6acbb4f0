import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import { newId } from '#platform/ids';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { eventually } from '#platform/testing/eventually';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { cartClaimIn } from '#schemas/cart-id';
import type { EventMap } from '#schemas/events';
import { idKeptMs, isProof } from './cart-id.js';
import { createCartKey } from './cart-key-store.js';
import { createCartStore } from './cart-store.js';
import { createOrderTakings, takingsKeptMs } from './order-takings-store.js';
import { createProductReplica, createStockReplica } from './product-replica.js';
import { reactions } from './reactions.js';
import { cartRoutes } from './routes.js';
import { createSweep, type Sweep } from './sweep-worker.js';

/** A bearer token is the id of its user. */
const auth: Authenticator = {
  principalOf: async (header) =>
    header === undefined
      ? { kind: 'anonymous' }
      : { kind: 'user', userId: header.slice('Bearer '.length), roles: ['customer'] },
};

let scratch: ScratchDatabase;
let app: HttpApp;
let clock: HandClock;
let sweep: Sweep;
let handle: ReturnType<typeof reactions>;

beforeAll(async () => {
  scratch = await scratchDatabase(['services/cart/migrations']);
  clock = handClock();
  const host = testHost('cart-test', { clock });
  const { db } = scratch;
  const carts = createCartStore(clock);
  const products = createProductReplica(db);
  const key = createCartKey(db);
  handle = reactions({
    carts,
    products,
    stock: createStockReplica(db),
    takings: createOrderTakings(carts, clock, (claim, atMs) => isProof(claim, key.secret(), atMs)),
  });
  await Promise.all([key.start(), createCartKey(db).start()]);
  app = createHttpServer(host, { port: 0, title: 'cart', auth }).app;
  cartRoutes(app, { db, carts, products, secret: key.secret, clock, productWaitMs: 0 });
  sweep = createSweep(host, db, { guestKeptMs: idKeptMs, userKeptMs: 2 * idKeptMs, everyMs: 1000 });
});
afterAll(() => scratch.drop());

const happens = <T extends keyof EventMap & keyof typeof handle>(type: T, value: Partial<EventMap[T]>) =>
  inTransaction(scratch.db, async (tx) => {
    await handle[type]?.(tx, { type, value } as never);
  });

/** The version of a product's price counts up with each call. */
let version = 0;
const hasPrice = async (
  productId: string,
  priceMinor: number,
  changes: Partial<EventMap['ProductCreated']> = {},
) => {
  version += 1;
  const product = { productId, version, name: 'Lamp', priceMinor, currency: 'GBP', active: true, ...changes };
  await happens('ProductUpdated', product);
};
const newProduct = async (priceMinor = 500, available = 10): Promise<string> => {
  const productId = newId();
  await hasPrice(productId, priceMinor);
  await happens('StockAdjusted', { productId, available, stockVersion: 2 });
  return productId;
};

type Cart = {
  items: { productId: string; quantity: number; unitPrice: object }[];
  total: { amountMinor: number } | null;
  warnings: { code: string }[];
  code?: string;
};
type Who = { user?: string; cartId?: string; ifMatch?: string };

const ask = async (method: 'GET' | 'PUT' | 'DELETE', path: string, who: Who = {}, payload?: object) => {
  const answer = await app.inject({
    method,
    url: `/api/cart${path}`,
    headers: {
      ...(who.user === undefined ? {} : { authorization: `Bearer ${who.user}` }),
      ...(who.cartId === undefined ? {} : { 'x-cart-id': who.cartId }),
      ...(who.ifMatch === undefined ? {} : { 'if-match': who.ifMatch }),
    },
    ...(payload === undefined ? {} : { payload }),
  });
  return {
    status: answer.statusCode,
    body: answer.json() as Cart,
    cartId: answer.headers['x-cart-id'] as string,
    etag: answer.headers.etag as string,
  };
};
const put = (who: Who, productId: string, quantity = 1) =>
  ask('PUT', `/items/${productId}`, who, { quantity });
/** Whether a transaction of this database waits for another one. */
const somebodyWaits = async () =>
  (
    await scratch.db.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
  ).rows.length > 0;
const linesOf = async (who: Who) =>
  (await ask('GET', '', who)).body.items.map(({ productId, quantity }) => [productId, quantity]);
const guestWith = async (...lines: [string, number][]): Promise<Who> => {
  const { cartId } = await ask('GET', '');
  for (const [productId, quantity] of lines) await put({ cartId }, productId, quantity);
  return { cartId };
};

describe('a guest', () => {
  it('gets an id with the first answer, and the same cart with it, at the prices of now', async () => {
    const lamp = await newProduct(500);
    const first = await ask('GET', '');
    expect(first).toMatchObject({ status: 200, body: { items: [], total: null, warnings: [] } });
    const { cartId } = first;
    const filled = await put({ cartId }, lamp, 3);
    expect(filled).toMatchObject({
      status: 200,
      cartId,
      body: { total: { amountMinor: 1500, currency: 'GBP' } },
    });
    expect(await linesOf({ cartId })).toEqual([[lamp, 3]]);
    expect((await ask('PUT', '', { cartId }, filled.body)).status).toBe(200);
    expect((await ask('DELETE', `/items/${lamp}`, { cartId })).body.items).toEqual([]);
  });

  it.each(['forged', 'of another shop', 'expired'])('whose id is %s has a new, empty cart', async (what) => {
    const lamp = await newProduct();
    const { cartId = '' } = await guestWith([lamp, 1]);
    if (what === 'expired') clock.advanceMs(idKeptMs);
    const sent = { forged: `${newId()}${cartId.slice(36)}`, 'of another shop': `${cartId.slice(0, -4)}AAAA` }[
      what
    ];
    const answer = await ask('GET', '', { cartId: sent ?? cartId });
    expect(answer).toMatchObject({ status: 200, body: { items: [] } });
    expect(answer.cartId.slice(0, 36)).not.toBe(cartId.slice(0, 36));
  });

  it('keeps the cart as long as it is looked at: its id is renewed', async () => {
    const lamp = await newProduct();
    let { cartId = '' } = await guestWith([lamp, 1]);
    for (let nth = 0; nth < 4; nth += 1) {
      clock.advanceMs(idKeptMs * 0.6);
      ({ cartId } = await ask('GET', '', { cartId }));
      await sweep.sweep();
    }
    expect(await linesOf({ cartId })).toEqual([[lamp, 1]]);
    clock.advanceMs(idKeptMs + 1);
    expect(await sweep.sweep()).toBeGreaterThan(0);
    expect(
      (await scratch.db.query('SELECT 1 FROM carts WHERE cart_id = $1', [cartId.slice(0, 36)])).rows,
    ).toEqual([]);
  });
});

describe('a user', () => {
  it('has a cart for longer than a guest, and not for ever', async () => {
    const [lamp, user] = [await newProduct(), randomUUID()];
    const kept = async () => {
      const { rows } = await scratch.db.query('SELECT 1 FROM carts WHERE user_id = $1', [user]);
      return rows.length === 1;
    };
    await put({ user }, lamp);
    clock.advanceMs(idKeptMs + 1);
    await sweep.sweep();
    expect(await kept()).toBe(true);
    clock.advanceMs(idKeptMs);
    await sweep.sweep();
    expect(await kept()).toBe(false);
  });
});

describe('at the login', () => {
  it('the cart of the guest becomes part of the user’s, exactly once, also in many requests at once', async () => {
    const [lamp, book] = [await newProduct(), await newProduct()];
    const user = randomUUID();
    await put({ user }, lamp, 1);
    const { cartId = '' } = await guestWith([lamp, 2], [book, 1]);
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask('GET', '', { user, cartId })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await linesOf({ user })).toEqual([
      [lamp, 3],
      [book, 1],
    ]);
    const afterLogout = await ask('GET', '', { cartId });
    expect(afterLogout.body.items).toEqual([]);
    expect(afterLogout.cartId.slice(0, 36)).not.toBe(cartId.slice(0, 36));
    await put({ cartId: afterLogout.cartId }, book, 5);
    expect(await linesOf({ user })).toHaveLength(2);
  });

  it('what has no place in the cart of both is named by the answer that unites them', async () => {
    const user = randomUUID();
    const full = await Promise.all(Array.from({ length: 100 }, () => newProduct()));
    await ask('PUT', '', { user }, { items: full.map((productId) => ({ productId, quantity: 1 })) });
    const [lamp, ...others] = [await newProduct(), await newProduct()];
    for (const request of ['read', 'change'] as const) {
      const { cartId = '' } = await guestWith([lamp, 3], [full[0] as string, 1]);
      const united =
        request === 'read'
          ? await ask('GET', '', { user, cartId })
          : await put({ user, cartId }, full[1] as string, 2);
      expect(united.body.items).toHaveLength(100);
      expect(united.body.warnings.filter(({ code }) => code === 'left_out')).toMatchObject([
        { productId: lamp, message: expect.stringMatching(/^3 of it did not fit/) },
      ]);
      expect((await ask('GET', '', { user })).body.warnings).toEqual([]);
    }
    // A request that is refused unites nothing, so that the next one says it.
    const { cartId = '' } = await guestWith([lamp, 3]);
    expect((await put({ user, cartId }, others[0] as string)).status).toBe(409);
    expect((await ask('GET', '', { user, cartId })).body.warnings).toMatchObject([{ code: 'left_out' }]);
  });

  it('of two accounts at once, the cart becomes part of the one that was first, for good', async () => {
    const [lamp, book] = [await newProduct(), await newProduct()];
    const users = [randomUUID(), randomUUID()];
    const { cartId = '' } = await guestWith([lamp, 2]);
    const carts = createCartStore(clock);
    const id = cartId.slice(0, 36);
    // Both have seen that the cart is open, as requests do that come together.
    for (const user of users) await inTransaction(scratch.db, (tx) => carts.adopt(tx, id, user));
    expect(await Promise.all(users.map((user) => linesOf({ user })))).toEqual([[[lamp, 2]], []]);
    await put({ user: users[1] as string }, book, 1);
    const owners = await inTransaction(scratch.db, (tx) => carts.lockAll(tx, { userIds: [], cartIds: [id] }));
    expect(owners.get(id)).toEqual({ userId: users[0] });
  });

  it('no line is lost that the guest adds at the same time', async () => {
    const products = await Promise.all(Array.from({ length: 6 }, () => newProduct()));
    const user = randomUUID();
    const { cartId = '' } = await guestWith();
    const adding = products.map((productId) => put({ cartId }, productId));
    const [merged] = await Promise.all([ask('GET', '', { user, cartId }), ...adding]);
    const added = (await Promise.all(adding)).filter(({ status }) => status === 200);
    const guests = new Set(added.map(({ cartId: id }) => id));
    const kept = [
      await linesOf({ user, cartId }),
      ...(await Promise.all([...guests].map((id) => linesOf({ cartId: id })))),
    ];
    expect(merged.status).toBe(200);
    expect(kept.flat().length).toBeGreaterThanOrEqual(added.length);
  });
});

describe('a cart', () => {
  it('knows the stock that a product begins with, until inventory says more of it', async () => {
    const [user, productId] = [newId(), newId()];
    const created = { productId, version: 1, name: 'Lamp', priceMinor: 500, currency: 'GBP', active: true };
    await happens('ProductCreated', { ...created, initialStock: 4 });
    await put({ user }, productId, 1);
    const shown = async () => (await ask('GET', '', { user })).body.items;
    expect(await shown()).toMatchObject([{ available: 4 }]);
    await happens('StockReserved', { lines: [{ productId, quantity: 1, available: 3, stockVersion: 2 }] });
    await happens('ProductCreated', { ...created, initialStock: 4 });
    await happens('StockAdjusted', { productId, available: 4, stockVersion: 1 });
    expect(await shown()).toMatchObject([{ available: 3 }]);
  });

  it('reports prices and stock that have changed since, until the line is put again', async () => {
    const lamp = await newProduct(500, 5);
    const user = randomUUID();
    await put({ user }, lamp, 3);
    await hasPrice(lamp, 700);
    await happens('StockReserved', {
      lines: [{ productId: lamp, quantity: 4, available: 1, stockVersion: 3 }],
    });
    const { body } = await ask('GET', '', { user });
    expect(body.total).toEqual({ amountMinor: 2100, currency: 'GBP' });
    expect(body.warnings).toMatchObject([
      { code: 'price_changed', before: { amountMinor: 500 }, now: { amountMinor: 700 } },
      { code: 'insufficient_stock', available: 1 },
    ]);
    expect((await put({ user }, lamp, 1)).body.warnings).toEqual([]);
    version += 1;
    await happens('ProductDeleted', { productId: lamp, version });
    expect((await ask('GET', '', { user })).body).toMatchObject({
      total: null,
      warnings: [{ code: 'product_not_available' }],
    });
  });

  it('has an ETag that a change may be based on', async () => {
    const lamp = await newProduct();
    const user = randomUUID();
    const { etag } = await put({ user }, lamp, 1);
    expect(
      (
        await app.inject({
          url: '/api/cart',
          headers: { authorization: `Bearer ${user}`, 'if-none-match': etag },
        })
      ).statusCode,
    ).toBe(304);
    const both = await Promise.all(
      [2, 3].map((quantity) => ask('PUT', `/items/${lamp}`, { user, ifMatch: etag }, { quantity })),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 412]);
  });

  it.each([
    [{ quantity: 0 }, 400],
    [{ quantity: 1001 }, 400],
    [{ quantity: 1.5 }, 400],
    [{ quantity: '1' }, 400],
    [{ quantity: 1, colour: 'red' }, 400],
    [{}, 400],
  ])('refuses the line %j', async (payload, status) => {
    expect((await ask('PUT', `/items/${await newProduct()}`, {}, payload)).status).toBe(status);
  });

  it('takes an item as it was read, with another quantity in it', async () => {
    const lamp = await newProduct();
    const { cartId, body } = await put({}, lamp);
    const [item] = body.items;
    const again = await ask('PUT', `/items/${lamp}`, { cartId }, { ...item, quantity: 3 });
    expect(again).toMatchObject({ status: 200, body: { items: [{ ...item, quantity: 3 }] } });
  });

  it('refuses what is unknown, not for sale, or too much', async () => {
    const lamp = await newProduct();
    const gone = await newProduct();
    await hasPrice(gone, 1, { active: false });
    expect(await put({}, newId())).toMatchObject({ status: 404, body: { code: 'product_not_found' } });
    expect(await put({}, gone)).toMatchObject({ status: 422, body: { code: 'product_not_available' } });
    const items = [lamp, gone].map((productId) => ({ productId, quantity: 1 }));
    expect(await ask('PUT', '', {}, { items })).toMatchObject({
      status: 422,
      body: { errors: [{ path: '/items/1/productId', message: 'is not for sale' }] },
    });
    const twice = [600, 600].map((quantity) => ({ productId: lamp, quantity }));
    expect((await ask('PUT', '', {}, { items: twice })).status).toBe(400);
    const many = await Promise.all(Array.from({ length: 101 }, () => newProduct()));
    const full = many.slice(0, 100).map((productId) => ({ productId, quantity: 1 }));
    const { cartId } = await ask('PUT', '', {}, { items: full });
    expect(await put({ cartId }, many[100] ?? '')).toMatchObject({
      status: 409,
      body: { code: 'too_many_products' },
    });
  });
});

describe('an order', () => {
  const order = async (
    who: { userId?: string; cartId?: string },
    lines: [string, number][],
    occurredAt = clock.nowMs(),
  ) => {
    const orderId = newId();
    const placed = {
      orderId,
      userId: who.userId ?? null,
      ...cartClaimIn(who.cartId),
      lines: lines.map(([productId, quantity]) => ({ productId, quantity })) as never,
      occurredAt,
    };
    await happens('OrderPlaced', placed);
    return { orderId, again: () => happens('OrderPlaced', placed) };
  };

  it('takes its pieces out of the buyer’s cart once, however often its event comes', async () => {
    const [lamp, book] = [await newProduct(), await newProduct()];
    const user = randomUUID();
    await put({ user }, lamp, 3);
    await put({ user }, book, 1);
    const { again } = await order({ userId: user }, [
      [lamp, 1],
      [book, 2],
    ]);
    await again();
    expect(await linesOf({ user })).toEqual([[lamp, 2]]);
    await order({ userId: user }, [[lamp, 2]], clock.nowMs() - takingsKeptMs);
    expect(await linesOf({ user })).toEqual([[lamp, 2]]);
  });

  it('takes them out of the cart that a guest names', async () => {
    const lamp = await newProduct();
    const guest = await guestWith([lamp, 2]);
    const user = randomUUID();
    await put({ user }, lamp, 1);
    await order({ cartId: guest.cartId ?? '' }, [[lamp, 2]]);
    expect(await linesOf(guest)).toEqual([]);
    expect(await linesOf({ user })).toEqual([[lamp, 1]]);
  });

  it('takes nothing out of a cart whose id the caller only knows, or that had expired', async () => {
    const lamp = await newProduct();
    const guest = await guestWith([lamp, 2]);
    const { cartId = '' } = guest;
    const forged = `${cartId.slice(0, -5)}AAAAA`;
    await order({ cartId: forged }, [[lamp, 2]]);
    await order({ cartId: `${cartId.slice(0, 36)}.zzzzzzz.x` }, [[lamp, 2]]);
    await order({ cartId }, [[lamp, 2]], clock.nowMs() + idKeptMs);
    expect(await linesOf(guest)).toEqual([[lamp, 2]]);
  });

  it('of a guest who has logged in since finds the user’s cart, to take pieces and to give them back', async () => {
    const lamp = await newProduct();
    const user = randomUUID();
    const guest = await guestWith([lamp, 2]);
    const { orderId } = await order(guest, [[lamp, 2]]);
    await ask('GET', '', { ...guest, user });
    await happens('OrderCancelled', { orderId, reason: 'payment_declined' });
    expect(await linesOf({ user })).toEqual([[lamp, 2]]);

    const other = await guestWith([lamp, 1]);
    await ask('GET', '', { ...other, user });
    await order(other, [[lamp, 1]]);
    expect(await linesOf({ user })).toEqual([[lamp, 2]]);
  });

  it('and others at the same time touch several carts in any order, and nobody waits for ever', async () => {
    const lamp = await newProduct();
    const users = Array.from({ length: 3 }, () => randomUUID());
    for (const user of users) await put({ user }, lamp, 40);
    const takeFrom = async (buyers: readonly string[]) =>
      inTransaction(
        scratch.db,
        (tx) =>
          Promise.all(
            buyers.map((userId) => {
              const lines = [{ productId: lamp, quantity: 1 }];
              const value = { orderId: newId(), userId, cartId: null, lines, occurredAt: clock.nowMs() };
              return handle.OrderPlaced?.(tx, { type: 'OrderPlaced', value } as never);
            }),
          ),
        { attemptsMax: 1 },
      );
    const orders = [users, users.toReversed()];
    for (let round = 0; round < 5; round += 1) await Promise.all([...orders, ...orders].map(takeFrom));
    for (const user of users) expect(await linesOf({ user })).toEqual([[lamp, 20]]);
  });

  it('that fails gives them back once, to what is in the cart by then; one that the customer cancels does not', async () => {
    const lamp = await newProduct();
    const user = randomUUID();
    await put({ user }, lamp, 2);
    const { orderId } = await order({ userId: user }, [[lamp, 2]]);
    await put({ user }, lamp, 1);
    for (let nth = 0; nth < 2; nth += 1)
      await happens('OrderCancelled', { orderId, reason: 'payment_declined' });
    expect(await linesOf({ user })).toEqual([[lamp, 3]]);
    const second = await order({ userId: user }, [[lamp, 3]]);
    await happens('OrderCancelled', { orderId: second.orderId, reason: 'customer' });
    expect(await linesOf({ user })).toEqual([]);
  });

  it('of somebody who was erased finds no cart', async () => {
    const lamp = await newProduct();
    const user = randomUUID();
    await put({ user }, lamp, 2);
    await happens('UserErased', { userId: user });
    await order({ userId: user }, [[lamp, 2]]);
    const again = await put({ user }, lamp, 1);
    expect([again.status, again.body.code]).toEqual([401, 'account_erased']);
    const guest = await guestWith([lamp, 1]);
    expect((await ask('GET', '', { ...guest, user })).body.items).toEqual([]);
    expect((await scratch.db.query('SELECT 1 FROM carts WHERE user_id = $1', [user])).rows).toEqual([]);
  });

  it.each(['the first cart', 'the erasure'])(
    'of somebody who is erased at the same time finds no cart either, where %s comes first',
    async (first) => {
      const user = randomUUID();
      const carts = createCartStore(clock);
      const makeCart = async (tx: Tx) => void (await carts.lock(tx, { userId: user }));
      const erase = (tx: Tx) => carts.forgetUser(tx, user);
      const [one, other] = first === 'the erasure' ? [erase, makeCart] : [makeCart, erase];
      const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const earlier = inTransaction(scratch.db, async (tx) => {
        await one(tx);
        begun.resolve();
        await goOn.promise;
      });
      await begun.promise;
      let isOver = false;
      const later = inTransaction(scratch.db, other).finally(() => {
        isOver = true;
      });
      await eventually(async () => isOver || (await somebodyWaits()));
      goOn.resolve();
      await Promise.all([earlier, later]);
      expect((await scratch.db.query('SELECT 1 FROM carts WHERE user_id = $1', [user])).rows).toEqual([]);
    },
  );
});
