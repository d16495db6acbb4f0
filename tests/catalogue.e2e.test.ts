import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '#platform/config';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import { engines, runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { searchConfig } from '../services/search/config.js';
import { rebuildSearch } from '../services/search/rebuild-worker.js';
import { readRunFile, shopAt } from './shop.js';

/** A product's life as a merchant and a buyer see it, through the gateway. */

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
const followMs = { timeoutMs: 10_000, everyMs: 20 };
let admin: string;

type Product = {
  id: string;
  name: string;
  price: { amountMinor: number };
  rating: { average: number; count: number };
  available: number;
};
type Found = { items: Product[]; total: number; corrected?: string };

beforeAll(async () => {
  admin = await shop.login(run.adminEmail, run.adminPassword);
});

const search = async (text: string, limit = 100): Promise<Found> =>
  (await shop.call<Found>('GET', `/api/products/search?limit=${limit}&q=${encodeURIComponent(text)}`)).body;
const product = (id: string) => shop.call<Product>('GET', `/api/products/${id}`);
const newWord = () => `xylo${randomUUID().replaceAll(/[^a-f]/g, '')}`;

describe('a product', () => {
  it('is found, bought, reviewed, changed and removed, and everybody who has a copy of it follows', async () => {
    const word = newWord();
    const id = await shop.createProduct(admin, {
      name: `Lantern ${word}`,
      amountMinor: 1000,
      initialStock: 5,
    });
    await eventually(async () => (await search(word)).total === 1, followMs);
    const typed = await search(`lantern ${word.slice(0, -1)}`);
    expect(typed.items[0]?.id).toBe(id);

    const buyer = await shop.registerCustomer();
    const { body: order } = await shop.placeOrder({
      token: buyer.token,
      items: [{ productId: id, quantity: 2 }],
    });
    expect((await shop.settled(order.id, buyer.token)).status).toBe('confirmed');
    await eventually(async () => (await search(word)).items[0]?.available === 3, followMs);

    const path = `/api/products/${id}/reviews`;
    type Review = { id: string; verifiedPurchase: boolean };
    let review: Review | undefined;
    await eventually(async () => {
      const made = await shop.call<Review>('POST', path, {
        token: buyer.token,
        body: { rating: 4, title: 'Bright', text: 'Burns for hours.' },
      });
      if (made.status === 201) review = made.body;
      return made.status === 201;
    }, followMs);
    const approved = await shop.call<Review>('PATCH', `/api/reviews/${review?.id}`, {
      token: admin,
      body: { status: 'approved' },
    });
    expect(approved.status).toBe(200);
    const listed = async () => (await shop.call<{ items: Review[] }>('GET', path)).body.items[0];
    await eventually(async () => (await listed())?.verifiedPurchase === true, followMs);
    await eventually(async () => (await product(id)).body.rating?.count === 1, followMs);
    await eventually(async () => (await search(word)).items[0]?.rating.average === 4, followMs);

    const read = await product(id);
    const body = { ...read.body, name: `Torch ${word}`, price: { amountMinor: 1500, currency: 'GBP' } };
    const headers = { 'if-match': String(read.headers.get('etag')) };
    const changed = await shop.call<Product>('PUT', `/api/products/${id}`, { token: admin, headers, body });
    expect(changed.status).toBe(200);
    expect((await product(id)).body.name).toBe(`Torch ${word}`);
    await eventually(
      async () => (await search(`torch ${word}`)).items[0]?.price.amountMinor === 1500,
      followMs,
    );
    let total = 0;
    await eventually(async () => {
      const { body: placed } = await shop.placeOrder({
        token: buyer.token,
        items: [{ productId: id, quantity: 1 }],
      });
      total = (await shop.settled(placed.id, buyer.token)).total.amountMinor;
      return total !== 1000;
    }, followMs);
    expect(total).toBe(1500);

    const etag = String((await product(id)).headers.get('etag'));
    const removed = await shop.call('DELETE', `/api/products/${id}`, {
      token: admin,
      headers: { 'if-match': etag },
    });
    expect(removed.status).toBe(204);
    expect((await product(id)).status).toBe(404);
    await eventually(async () => (await search(word)).total === 0, followMs);
    await eventually(
      async () =>
        (await shop.placeOrder({ token: buyer.token, items: [{ productId: id, quantity: 1 }] })).status >=
        400,
      followMs,
    );
  });
});

describe('a catalogue', () => {
  it('is imported through the gateway, found, and found alike when the search is made anew from Kafka', async () => {
    const word = newWord();
    const lines = Array.from({ length: 600 }, (_, n) =>
      JSON.stringify({
        name: `Lantern ${word} ${n}`,
        category: 'home/lighting',
        price: { amountMinor: 100 + n, currency: 'GBP' },
        initialStock: n % 2,
      }),
    );
    lines[299] = '{"name":';
    const headers = {
      authorization: `Bearer ${admin}`,
      'content-type': 'application/x-ndjson',
      'idempotency-key': randomUUID(),
    };
    const send = async () =>
      (
        await fetch(`${run.gateway}/api/products/import`, { method: 'POST', headers, body: lines.join('\n') })
      ).json() as Promise<Record<string, unknown>>;
    expect(await send()).toMatchObject({
      ...{ lines: 600, created: 599, updated: 0, unchanged: 0, isComplete: true },
      errors: [{ line: 300, code: 'malformed_json' }],
    });
    expect(await send()).toMatchObject({ created: 0, unchanged: 599 });
    await eventually(async () => (await search(word)).total === 599, followMs);

    const before = await documents();
    const { kafka, schemaRegistryUrl, databaseUrl, redisUrl } = engines();
    const config = loadConfig(searchConfig, {
      ...kafkaEnv(kafka),
      REDIS_URL: redisUrl,
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      DATABASE_URL: databaseUrl,
      SEARCH_PORT: '0',
      USER_URL: 'http://127.0.0.1:1',
    });
    const host = testHost('search');
    let isRebuilding = true;
    const rebuilding = rebuildSearch(host, config, 60_000).finally(() => {
      isRebuilding = false;
    });
    const missing = new Set<string>();
    // Never so many twice, so that no answer is one of before.
    for (let limit = 1; isRebuilding; limit = (limit % 100) + 1) {
      const { total, items } = await search(word, limit);
      if (total !== 599 || items.length !== limit) missing.add(`${items.length} of ${total}`);
    }
    const count = await rebuilding;
    await host.stop();
    expect([...missing]).toEqual([]);
    expect(count).toBeGreaterThan(599);
    // What is sold meanwhile by others changes stock and popularity; the rest is as it was.
    expect(await documents()).toEqual(before);
    expect((await search(word)).total).toBe(599);
  });
});

/** What the search has of each product, but for what a sale changes. */
const documents = async (): Promise<string[]> => {
  const db = createDatabase(testHost('documents'), {
    url: serviceDatabaseUrl(engines().databaseUrl, 'search'),
    poolMax: 1,
    migrations: [],
  });
  const { rows } = await db.query<{ row: string }>(
    `SELECT (product_id, version, description, rating_sum, rating_count)::text AS row FROM documents
     WHERE version > 0 ORDER BY product_id`,
  );
  await db.stop();
  return rows.map(({ row }) => row);
};
