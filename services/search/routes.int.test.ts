import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import type { ReceivedEvent } from '#platform/messaging/events';
import { inTransaction } from '#platform/postgres/transaction';
import { createRedis } from '#platform/redis/client';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import type { EventMap, EventType, ProductCreated } from '#schemas/events';
import { createAnswerCache } from './answer-cache.js';
import { createDocumentStore, documentsChannel, readProducts } from './document-store.js';
import { createLiveIndex, type LiveIndex } from './index-listener.js';
import { reactions } from './reactions.js';
import { searchRoutes } from './routes.js';

/** The search's endpoint over its real documents, which the test's events make. */

const host = testHost('search-test');
let scratch: ScratchDatabase;
let index: LiveIndex;
let app: HttpApp;
let reads = 0;

beforeAll(async () => {
  scratch = await scratchDatabase(['services/search/migrations']);
  const { db } = scratch;
  index = host.use(createLiveIndex(host, db));
  app = createHttpServer(host, { port: 0, title: 'search' }).app;
  const redis = host.use(createRedis(host, engines().redisUrl));
  const answers = createAnswerCache(host, redis, { index, isOn: true, databaseUrl: randomUUID() });
  const products = (ids: readonly string[]) => {
    reads += 1;
    return readProducts(db, ids);
  };
  searchRoutes(app, { find: index.find, products, answers }, host.metrics);
  await host.start();
});
afterAll(async () => {
  await host.stop();
  await scratch.drop();
});

const react = <T extends EventType>(type: T, value: Partial<EventMap[T]>) =>
  inTransaction(scratch.db, async (tx) => {
    const reaction = reactions(createDocumentStore())[type];
    await reaction?.(tx, { type, value } as unknown as ReceivedEvent<T, EventMap[T]>);
  });

/** As events that arrive together. */
const reactTogether = (values: readonly ProductCreated[]) =>
  inTransaction(scratch.db, async (tx) => {
    const { noteProduct } = createDocumentStore();
    await Promise.all(values.map((value) => noteProduct(tx, value)));
  });

const lamp = (given: Partial<ProductCreated>): ProductCreated => ({
  productId: randomUUID(),
  version: 1,
  name: 'Paper lantern',
  description: 'Warm light',
  category: 'home/lighting',
  priceMinor: 1999,
  currency: 'EUR',
  brand: 'Lumen',
  tags: [],
  groupId: null,
  active: true,
  initialStock: 3,
  createdAt: 1000,
  occurredAt: 2000,
  attributes: '{"colour":"ochre"}',
  images: [],
  ageRestricted: false,
  featured: false,
  changedBy: null,
  ...given,
});

const ask = async (query: string) => {
  const answer = await app.inject({ method: 'GET', url: `/api/products/search?${query}` });
  return { status: answer.statusCode, body: answer.json() };
};
const idsOf = async (query: string): Promise<string[]> =>
  (await ask(query)).body.items.map(({ id }: { id: string }) => id);

describe('the search', () => {
  it('follows what becomes of a product, whatever order its news comes in', async () => {
    const word = `w${randomUUID().slice(0, 8)}`;
    const product = lamp({ name: `Lantern ${word}` });
    const { productId } = product;
    await react('ProductRated', { productId, ratingVersion: 2, sum: 9, count: 2 });
    await react('StockReserved', {
      lines: [{ productId, quantity: 1, available: 7, stockVersion: 4 }],
    } as never);
    await react('ProductCreated', product);
    await eventually(async () => (await idsOf(`q=${word}`)).length === 1);
    expect((await ask(`q=${word}`)).body).toMatchObject({
      items: [
        {
          id: productId,
          name: `Lantern ${word}`,
          price: { amountMinor: 1999, currency: 'EUR' },
          attributes: { colour: 'ochre' },
          available: 7,
          rating: { average: 4.5, count: 2 },
          createdAt: '1970-01-01T00:00:01.000Z',
          updatedAt: '1970-01-01T00:00:02.000Z',
        },
      ],
      next: null,
      total: 1,
      facets: {
        category: [
          { value: 'home', count: 1 },
          { value: 'home/lighting', count: 1 },
        ],
      },
    });
    await react('ProductUpdated', { ...product, version: 3, name: `Torch ${word}` });
    await react('ProductUpdated', { ...product, version: 2, name: `Candle ${word}` });
    await react('StockAdjusted', { productId, available: 0, stockVersion: 5 });
    await react('StockReleased', {
      lines: [{ productId, quantity: 1, available: 9, stockVersion: 3 }],
    } as never);
    await eventually(async () => (await idsOf(`q=torch+${word}&inStock=false`)).length === 1);
    expect((await ask(`q=torch+${word}`)).body.items).toMatchObject([{ available: 0 }]);
    await react('ProductUpdated', { ...product, version: 4, active: false });
    await eventually(async () => (await idsOf(`q=${word}`)).length === 0);
    await react('ProductUpdated', { ...product, version: 5 });
    await eventually(async () => (await idsOf(`q=${word}`)).length === 1);
    await react('ProductDeleted', { productId, version: 6 });
    await eventually(async () => (await idsOf(`q=${word}`)).length === 0);
    await react('ProductUpdated', { ...product, version: 5 });
    await react('StockAdjusted', { productId, available: 9, stockVersion: 6 });
    const last = lamp({ name: `Last ${word}` });
    await react('ProductCreated', last);
    await eventually(async () => (await idsOf(`q=${word}`)).length === 1);
    expect(await idsOf(`q=${word}`)).toEqual([last.productId]);
  });

  it('answers a question again from memory, until what it shows or finds has changed', async () => {
    const word = `w${randomUUID().slice(0, 8)}`;
    const product = lamp({ name: `Lantern ${word}` });
    const { productId } = product;
    await react('ProductCreated', product);
    await eventually(async () => (await idsOf(`q=${word}`)).length === 1);
    await eventually(async () => {
      const before = reads;
      await Promise.all(Array.from({ length: 20 }, () => ask(`q=${word}`)));
      return reads === before;
    });
    await react('StockAdjusted', { productId, available: 2, stockVersion: 2 });
    await eventually(async () => (await ask(`q=${word}`)).body.items[0].available === 2);
    await react('StockAdjusted', { productId, available: 0, stockVersion: 3 });
    await eventually(async () => (await ask(`q=${word}&inStock=true`)).body.total === 0);
    expect(await host.metrics.render()).toMatch(/cache_hits_total\{cache="search_memory"[^}]*\} [1-9]/);
  });

  it('has the stock that a product begins with, also where its description has changed since', async () => {
    const word = `w${randomUUID().slice(0, 8)}`;
    const product = lamp({ name: `Lantern ${word}` });
    const { initialStock: _, ...described } = product;
    await reactTogether([product, { ...described, version: 2, priceMinor: 700 } as ProductCreated]);
    await react('StockAdjusted', { productId: product.productId, available: 3, stockVersion: 1 });
    await eventually(async () => (await idsOf(`q=${word}`)).length === 1);
    const shown = async () => (await ask(`q=${word}`)).body.items[0];
    expect(await shown()).toMatchObject({ available: 3, price: { amountMinor: 700 } });
    await reactTogether([{ ...described, version: 3, priceMinor: 900 } as ProductCreated]);
    await eventually(async () => (await shown()).price.amountMinor === 900);
    expect(await shown()).toMatchObject({ available: 3 });
  });

  it('puts what is sold first, and counts an order once', async () => {
    const word = `w${randomUUID().slice(0, 8)}`;
    const [one, other] = [lamp({ name: `Lantern ${word}` }), lamp({ name: `Lantern ${word}` })] as const;
    await react('ProductCreated', one);
    await react('ProductCreated', other);
    const sale = (productId: string, quantity: number, orderId: string) =>
      react('StockCommitted', {
        orderId,
        occurredAt: Date.UTC(2026, 0, 2),
        lines: [{ productId, quantity, available: 3, stockVersion: 1 }],
      } as never);
    await sale(other.productId, 3, randomUUID());
    const orderId = randomUUID();
    for (const _ of [1, 2, 3]) await sale(one.productId, 2, orderId);
    await eventually(async () => (await idsOf(`q=${word}`))[0] === other.productId);
    expect(await idsOf(`q=${word}&sort=popularity`)).toEqual([other.productId, one.productId]);
  });

  it('is walked page by page, and says what was really searched', async () => {
    const word = `xylograph${randomUUID().replaceAll(/\W|\d/g, '')}`;
    for (let n = 0; n < 5; n += 1)
      await react('ProductCreated', lamp({ name: `Lantern ${word}`, priceMinor: n }));
    await eventually(async () => (await idsOf(`q=${word}`)).length === 5);
    const seen: string[] = [];
    let cursor = '';
    for (let page = 0; page < 3; page += 1) {
      const { body } = await ask(`q=${word.slice(0, -1)}q&limit=2&sort=price${cursor}`);
      expect([body.corrected, body.total]).toEqual([word, 5]);
      seen.push(...body.items.map(({ price }: { price: { amountMinor: string } }) => price.amountMinor));
      cursor = `&cursor=${body.next}`;
      expect(body.next === null).toBe(page === 2);
      if (page > 0) continue;
      const other = await ask(`q=${word}&limit=2&sort=-price${cursor}`);
      expect([other.status, other.body.code]).toEqual([400, 'invalid_cursor']);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  it('is bounded, and counts what it finds', async () => {
    for (const query of [
      '',
      'q=',
      `q=${'a'.repeat(201)}`,
      'q=a&sort=best',
      'q=a&limit=101',
      'q=a&minRating=6',
      'q=a&x=1',
      'q=a&minPrice=9&maxPrice=1',
      // Not a category that there is not, which would find nothing.
      'q=a&category=/',
      'q=a&category=%20/%20/',
    ])
      expect([query, (await ask(query)).status]).toEqual([query, 400]);
    expect((await ask('q=%F0%9F%92%A1')).body).toMatchObject({ items: [], total: 0 });
    const metrics = await host.metrics.render();
    expect(metrics).toMatch(/search_queries_total\{result="hit"[^}]*\} [1-9]/);
    expect(metrics).toMatch(/search_queries_total\{result="empty"[^}]*\} [1-9]/);
    expect(metrics).toContain('search_duration_seconds_count');
  });

  it('finds in a new instance what it finds in the old one', async () => {
    const otherHost = testHost('search-other');
    const other = otherHost.use(createLiveIndex(otherHost, scratch.db));
    await otherHost.start();
    const query = { text: 'lantern', sort: 'newest', hitsMax: 100 } as const;
    expect(other.find(query)).toEqual(index.find(query));
    expect(other.size()).toBe(index.size());
    await otherHost.stop();
  });

  it('follows no changes while its index is read whole, also after that failed', async () => {
    const otherHost = testHost('search-other');
    let gate: { arrived: () => void; opened: Promise<void> } | undefined;
    const db: typeof scratch.db = {
      ...scratch.db,
      query: async (text, values) => {
        const isOfAll = text.includes('ORDER BY product_id LIMIT');
        if (isOfAll) gate?.arrived();
        if (isOfAll) await gate?.opened;
        return scratch.db.query(text, values);
      },
    };
    const other = otherHost.use(createLiveIndex(otherHost, db));
    await otherHost.start();
    await eventually(() => expect(other.isFollowing()).toBe(true));
    const gated = () => {
      const [arrival, opening] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      gate = { arrived: arrival.resolve, opened: opening.promise };
      return { arrived: arrival.promise, open: opening.resolve, fail: opening.reject };
    };
    const first = gated();
    await scratch.db.query('SELECT pg_notify($1, $2)', [documentsChannel, '']);
    await first.arrived;
    expect(other.isFollowing()).toBe(false);
    const second = gated();
    first.fail(new Error('The connection is lost.'));
    await second.arrived;
    expect(other.isFollowing()).toBe(false);
    second.open();
    await eventually(() => expect(other.isFollowing()).toBe(true));
    await otherHost.stop();
  });
});
