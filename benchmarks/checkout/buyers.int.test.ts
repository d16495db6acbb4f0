import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { type Bare, runLoad, startBare } from '../cost/bare.js';
import type { OpenOrdersResult } from '../load/open-orders.js';
import { buyAt } from './buyer.js';

const providerMs = 40;
const initialStock = 100_000;

let database: ScratchDatabase;
const running: Bare[] = [];
let monolith: Bare;
beforeAll(async () => {
  database = await scratchDatabase([]);
  const provider = await startBare('checkout/provider-stub', String(providerMs));
  running.push(provider);
  const plan = { databaseUrl: database.url, providerUrl: provider.url, holdsTransaction: false };
  monolith = await startBare('checkout/monolith', JSON.stringify(plan));
  running.push(monolith);
});
afterAll(async () => {
  for (const one of running) one.stop();
  await database.drop();
});

const product = async (pieces: number): Promise<string> => {
  const answer = await fetch(`${monolith.url}/api/products`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ initialStock: pieces }),
  });
  return ((await answer.json()) as { id: string }).id;
};

const rowsOf = async (text: string, values: unknown[] = []): Promise<number> =>
  Number((await database.db.query<{ n: number }>(text, values)).rows[0]?.n);

it('counts each checkout of a closed loop once, and its CPU time', async () => {
  const productId = await product(initialStock);
  const { result, cpuMsByProcess } = await runLoad(
    {
      origin: monolith.url,
      shop: { kind: 'one-request', products: [productId] },
      buyers: 4,
      durationMs: 600,
      warmUpMs: 200,
    },
    { program: 'checkout/buyers', watched: new Map([['monolith', monolith.pid]]) },
  );
  expect(result).toMatchObject({ failures: 0 });
  expect(result.operations).toBeGreaterThan(0);
  expect(result.p50Ms).toBeGreaterThanOrEqual(providerMs);
  const bought = result.operations + result.warmedUp;
  expect(await rowsOf('SELECT on_hand AS n FROM stock WHERE product_id = $1', [productId])).toBe(
    initialStock - bought,
  );
  expect(await rowsOf("SELECT count(*) AS n FROM orders WHERE status = 'confirmed'")).toBe(bought);
  expect(await rowsOf("SELECT count(*) AS n FROM payments WHERE status = 'captured'")).toBe(bought);
  expect(cpuMsByProcess.get('monolith')).toBeGreaterThan(0);
});

it('sends every order of an open loop when it is due, and measures it from then on', async () => {
  const perSecond = 50;
  const { result } = await runLoad<OpenOrdersResult>(
    {
      origin: monolith.url,
      products: [await product(initialStock)],
      perSecond,
      durationMs: 1000,
      warmUpMs: 100,
      windowMs: 500,
    },
    { program: 'load/open-orders', watched: new Map() },
  );
  expect(result).toMatchObject({ failures: 0, operations: perSecond });
  // An order is due every 20 ms, and its answer takes longer: a caller who waited for it would be late with the next.
  expect(result.openMax).toBeGreaterThan(1);
  expect(result.accepted.p50Ms).toBeGreaterThanOrEqual(providerMs);
  // A busy machine sends the last orders of a window in the next one.
  const [first = 0, second = 0] = result.windows.map(({ orders }) => orders);
  expect(first + second).toBe(perSecond);
  expect(Math.abs(first - second)).toBeLessThanOrEqual(perSecond / 5);
});

it('sells the last pieces once in the monolith', async () => {
  const productId = await product(3);
  const pool = new Pool(monolith.url, { connections: 20 });
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () =>
      buyAt(
        pool,
        { kind: 'one-request', products: [] },
        { productId, email: `${randomUUID()}@shop.example` },
      ),
    ),
  );
  await pool.destroy();
  expect(outcomes.filter((outcome) => outcome === 'confirmed')).toHaveLength(3);
  expect(outcomes.filter((outcome) => outcome === 'out_of_stock')).toHaveLength(17);
});
