import { describe, expect, it } from 'vitest';
import { type Catalogue, catalogueOf } from '../catalogue/catalogue.js';
import { randomFrom } from '../random.js';
import type { Call, ShopAnswer, ShopClient } from '../shop-client.js';
import { createAssortment } from './assortment.js';
import { basketsOf } from './baskets.js';
import { clicksQuantiles, generatedPaths, openBrowsePaths, revisitShare } from './browse-paths.js';
import { writeFirstReviews } from './first-reviews.js';
import { restock } from './operator.js';
import { createReturns, returnDelayMs } from './returns.js';
import { emptyTally, type VisitWorld, visit } from './visit.js';

const catalogue = catalogueOf(200);
const startMs = Date.UTC(2026, 11, 1);

type Asked = { method: string; path: string } & Call;

/** A shop that accepts everything and remembers what it was asked. */
const obligingShop = (statusOf: (path: string) => number = () => 200) => {
  const asked: Asked[] = [];
  const idOf = (place: number) => `product-${place}`;
  const listed = catalogue.products.map(({ name, category }, place) => ({
    id: idOf(place),
    name,
    category,
    available: place === 7 ? 3 : 100,
    active: true,
    attributes: { place },
  }));
  const bodyFor = (path: string): unknown => {
    if (path.startsWith('/api/products?')) {
      const from = Number(new URL(path, 'http://shop').searchParams.get('cursor') ?? 0);
      return {
        items: listed.slice(from, from + 100),
        next: from + 100 < listed.length ? `${from + 100}` : null,
      };
    }
    if (path.startsWith('/api/recommendations'))
      return {
        recommendationId: 'r',
        items: catalogue.products[0]?.neighbours.map((place) => ({ productId: idOf(place) })),
      };
    if (path.startsWith('/api/products/search?')) return { items: [], total: 4 };
    if (path.includes('/status?')) return { status: 'confirmed' };
    if (path.endsWith('/reviews')) return { id: `of-${path.split('/')[3]}` };
    if (path === '/api/orders') return { id: 'order', orderToken: 'guest-token' };
    if (path === '/api/auth/login') return { accessToken: 'admin-token' };
    return {};
  };
  const shop: ShopClient = {
    call: async <T>(method: string, path: string, options: Call = {}): Promise<ShopAnswer<T>> => {
      asked.push({ method, path, ...options });
      return { status: statusOf(path), body: bodyFor(path) as T, retryAfterMs: undefined };
    },
    close: async () => {},
  };
  const told = () =>
    asked
      .filter(({ path }) => path === '/api/events')
      .flatMap(({ body }) => (body as { events: Record<string, unknown>[] }).events);
  return { shop, asked, told };
};

const worldOf = async (shop: ShopClient, from: Catalogue = catalogue): Promise<VisitWorld> => {
  const assortment = createAssortment(shop, from);
  await assortment.refresh();
  return {
    shop,
    catalogue: from,
    assortment,
    baskets: basketsOf(from),
    someone: async () => ({ userId: 'user', token: 'token' }),
    wait: async () => {},
    nowMs: () => startMs,
    tally: emptyTally(),
  };
};

describe('generated browsing', () => {
  const paths = Array.from({ length: 4000 }, (_, nth) => generatedPaths(catalogue).next(randomFrom(nth)));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  it('is as long as the visits it stands for', () => {
    const length = mean(paths.map((path) => path.length));
    expect(length).toBeGreaterThan(4.7);
    expect(length).toBeLessThan(6.1);
    expect(Math.max(...paths.map((path) => path.length))).toBeLessThanOrEqual(clicksQuantiles.at(-1) ?? 0);
  });

  it('comes back to products as often', () => {
    const again = paths.flatMap((path) =>
      path.slice(1).map((place, nth) => (path.slice(0, nth + 1).includes(place) ? 1 : 0)),
    );
    expect(Math.abs(mean(again) - revisitShare)).toBeLessThan(0.06);
  });

  it('is repeated by its seed', () => {
    expect(generatedPaths(catalogue).next(randomFrom(5))).toEqual(paths[5]);
  });

  it('stands in where the real visits are not there', async () => {
    expect((await openBrowsePaths(catalogue, '/nowhere')).source).toBe('generated');
  });
});

describe('a basket', () => {
  it('holds products once, at least one piece each, in household numbers', () => {
    const baskets = basketsOf(catalogue);
    for (let seed = 0; seed < 500; seed += 1) {
      const lines = baskets.fill([3, 5], seed % 12, randomFrom(seed));
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.length).toBeLessThanOrEqual(12);
      expect(new Set(lines.map(({ place }) => place)).size).toBe(lines.length);
      for (const { pieces } of lines) {
        expect(pieces).toBeGreaterThanOrEqual(1);
        expect(pieces).toBeLessThanOrEqual(20);
      }
    }
  });

  it('can be filled from a catalogue of one', () => {
    expect(basketsOf(catalogueOf(1)).fill([], 0, randomFrom(1))).toHaveLength(1);
  });
});

describe('a visit', () => {
  const manyVisits = async () => {
    const { shop, asked, told } = obligingShop();
    const world = await worldOf(shop);
    const bought = [];
    for (let seed = 0; seed < 400; seed += 1) {
      const order = await visit(world, generatedPaths(catalogue).next(randomFrom(seed)), randomFrom(seed));
      if (order !== null) bought.push(order);
    }
    return { asked, told: told(), world, bought };
  };

  it('tells the shop of everything a shopper does, in words the shop accepts', async () => {
    const { told, world, bought } = await manyVisits();
    const types = new Set(told.map(({ type }) => type));
    expect(types).toEqual(
      new Set([
        'product_viewed',
        'products_searched',
        'product_added',
        'checkout_started',
        'recommendation_shown',
        'recommendation_clicked',
      ]),
    );
    expect(world.tally.orders).toBe(bought.length);
    expect(world.tally.abandoned).toBeGreaterThan(0);
    expect(bought.length).toBeGreaterThan(10);
    for (const event of told) {
      expect(event.visitId).toMatch(/^[\w-]{36}$/);
      if (String(event.type).startsWith('recommendation_')) expect(event.recommendationId).toBe('r');
      if (event.type === 'products_searched') expect(event.query).not.toBe('');
    }
  });

  it('reports how many products a search found, and nothing of that where it had no answer', async () => {
    const { told, asked } = await manyVisits();
    const searched = (events: typeof told) => events.filter(({ type }) => type === 'products_searched');
    const words = asked
      .filter(({ path }) => path.startsWith('/api/products/search?'))
      .map(({ path }) => new URL(path, 'http://shop').searchParams.get('q'));
    expect(searched(told).map(({ query, results }) => [query, results])).toEqual(
      words.map((query) => [query, 4]),
    );

    const { shop, told: toldWithout } = obligingShop((path) =>
      path.startsWith('/api/products/search?') ? 503 : 200,
    );
    const world = await worldOf(shop);
    for (let seed = 0; seed < 40; seed += 1) await visit(world, [1, 2], randomFrom(seed));
    expect(searched(toldWithout()).length).toBe(world.tally.searches);
    expect(world.tally.searches).toBeGreaterThan(0);
    for (const event of searched(toldWithout())) expect(event).not.toHaveProperty('results');
  });

  it('clicks the top of a list more than its end', async () => {
    const { told } = await manyVisits();
    const clicks = told
      .filter(({ type }) => type === 'recommendation_clicked')
      .map(({ position }) => position);
    const at = (place: number) => clicks.filter((position) => position === place).length;
    expect(at(0)).toBeGreaterThan(at(3));
  });

  it('gives each order a key of its own, and an address to a guest', async () => {
    const { asked } = await manyVisits();
    const orders = asked.filter(({ path }) => path === '/api/orders');
    const keys = orders.map(({ headers }) => headers?.['idempotency-key']);
    expect(new Set(keys).size).toBe(orders.length);
    for (const { token, body } of orders)
      expect((body as { email?: string }).email !== undefined).toBe(token === undefined);
  });

  it('ends where the shop does not serve', async () => {
    const { shop } = obligingShop((path) => (path === '/api/events' ? 503 : 200));
    const world = await worldOf(shop);
    await expect(visit(world, [1, 2], randomFrom(1))).rejects.toMatchObject({ isTrouble: true });
  });
});

describe('returns', () => {
  const bought = {
    orderId: 'o',
    items: [{ productId: 'p', quantity: 3 }],
    token: undefined,
    orderToken: 't',
  };

  it('are sent some time later, of no more than was bought, and as often as in the data', async () => {
    const { shop, asked } = obligingShop((path) => (path.endsWith('/returns') ? 202 : 200));
    const returns = createReturns(shop, catalogue);
    for (let seed = 0; seed < 1000; seed += 1) returns.consider(bought, startMs, randomFrom(seed));
    expect(await returns.sendDue(startMs + returnDelayMs.min - 1)).toBe(0);
    const sent = await returns.sendDue(startMs + returnDelayMs.max);
    expect(sent / 1000).toBeGreaterThan(catalogue.baskets.returnShare - 0.05);
    expect(sent / 1000).toBeLessThan(catalogue.baskets.returnShare + 0.05);
    for (const { body, headers } of asked) {
      const [item] = (body as { items: { quantity: number }[] }).items;
      expect(item?.quantity).toBeLessThanOrEqual(3);
      expect(headers?.['x-order-token']).toBe('t');
    }
  });
});

describe('the first reviews', () => {
  const write = async (rated: number) => {
    const { shop, asked } = obligingShop();
    const { assortment } = await worldOf(shop);
    const call: ShopClient['call'] = async <T>(
      method: 'GET' | 'POST' | 'PUT' | 'PATCH',
      path: string,
      options: Call = {},
    ) =>
      path.includes('sort=rating')
        ? { status: 200, body: { items: [{ rating: { count: rated } }] } as T, retryAfterMs: undefined }
        : shop.call<T>(method, path, options);
    const written = await writeFirstReviews({
      shop: { ...shop, call },
      assortment,
      accounts: { any: async () => ({ userId: 'user', token: 'buyer' }) },
      admin: { email: 'a', password: 'b' },
      random: randomFrom(1),
      pause: async () => {},
    });
    return { written, asked };
  };

  it('are of what their writers have bought, and most of them are approved by the operator', async () => {
    const { written, asked } = await write(0);
    expect(written).toBeGreaterThan(30);
    const bought = new Set(
      asked
        .filter(({ path }) => path === '/api/orders')
        .flatMap(({ body }) => (body as { items: { productId: string }[] }).items)
        .map(({ productId }) => productId),
    );
    const reviews = asked.filter(({ path }) => path.endsWith('/reviews'));
    for (const { path, body, token } of reviews) {
      expect([token, bought.has(path.split('/')[3] ?? '')]).toEqual(['buyer', true]);
      expect((body as { rating: number }).rating).toBeOneOf([2, 3, 4, 5]);
    }
    const approved = asked.filter(({ method }) => method === 'PATCH');
    expect(approved.length).toBeGreaterThan(written * 0.8);
    expect(approved.length).toBeLessThan(written);
    expect(approved.every(({ token }) => token === 'admin-token')).toBe(true);
  });

  it('are not written where something is rated already', async () => {
    const { written, asked } = await write(1);
    expect([written, asked.filter(({ path }) => path === '/api/orders')]).toEqual([0, []]);
  });
});

it('the operator restocks what has nearly run out, and nothing else', async () => {
  const { shop, asked } = obligingShop();
  const { assortment } = await worldOf(shop);
  expect(await restock(shop, assortment, { email: 'a', password: 'b' }, () => 50)).toBe(1);
  expect(asked.filter(({ path }) => path.includes('restock')).map(({ path }) => path)).toEqual([
    '/api/inventory/product-7/restock',
  ]);
});
