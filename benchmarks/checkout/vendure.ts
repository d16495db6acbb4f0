import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { projectPath } from '#platform/project';
import { runToEnd } from '../../local/engines/run-to-end.js';
import { createProgress } from '../../local/progress.js';
import { cacheDir, cached } from '../../local/software/cache.js';
import { type Bare, startBare } from '../cost/bare.js';
import { newDatabase } from '../cost/checkout-database.js';
import type { VendurePlan } from './vendure-program.js';

/** Latest of 3.x when this was written. */
export const vendureVersion = '3.7.3';
const poolMax = 32;
const startMsMax = 120_000;

export type VendurePeer = {
  server: Bare;
  worker: Bare;
  shippingMethodId: string;
  variantIdBySku: ReadonlyMap<string, string>;
  /** What its database says of a product: its stock, its movements of stock, and the pieces in orders that are paid. */
  stockOf(sku: string): Promise<VendureStock>;
  /** Resolves to the number of jobs that wait or run. */
  openJobs(): Promise<number>;
  stop(): Promise<void>;
};

export type VendureStock = { onHand: number; allocated: number; allocatedByMovements: number; sold: number };

/** The folder with `@vendure/core` in the cache of the engines, installed by npm if it is missing. */
export const installVendure = (): Promise<string> =>
  cached(
    `vendure-${vendureVersion}`,
    {
      cache: cacheDir(process.env),
      env: process.env,
      progress: createProgress(),
      signal: AbortSignal.timeout(600_000),
    },
    async (dir, detail) => {
      writeFileSync(
        join(dir, 'package.json'),
        JSON.stringify({
          name: 'vendure-peer',
          private: true,
          dependencies: { '@vendure/core': vendureVersion, pg: '8.23.1' },
        }),
      );
      const startedAtMs = performance.now();
      const ticking = setInterval(
        () => detail(`npm install, ${Math.round((performance.now() - startedAtMs) / 1000)} s`),
        1000,
      );
      try {
        await runToEnd(
          ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
          { cwd: dir },
        );
      } finally {
        clearInterval(ticking);
      }
    },
  );

/** Vendure's server and worker on a new database of the given PostgreSQL, with a product for each SKU. */
export const startVendure = async (
  postgresUrl: string,
  packages: string,
  stockBySku: Record<string, number>,
): Promise<VendurePeer> => {
  const databaseUrl = await newDatabase(postgresUrl, 'vendure');
  const plan = { packages, databaseUrl, poolMax };
  const program = projectPath('dist/benchmarks/checkout/vendure-program.js');
  const env = { NODE_ENV: 'production', NODE_NO_WARNINGS: '1' };
  const populate: VendurePlan = { ...plan, role: 'populate', stockBySku };
  await runToEnd([process.execPath, program, JSON.stringify(populate)], { env });
  const start = (role: VendurePlan['role']): Promise<Bare> =>
    startBare('checkout/vendure-program', JSON.stringify({ ...plan, role }), { env, startMsMax });
  const server = await start('server');
  const worker = await start('worker');
  const jobs = new pg.Client({ connectionString: databaseUrl });
  await jobs.connect();
  const { variants, shippingMethodId } = await catalogueOf(server.url);
  return {
    server,
    worker,
    shippingMethodId,
    variantIdBySku: new Map(variants.map(({ sku, id }) => [sku, id])),
    stockOf: async (sku) => {
      const { rows } = await jobs.query<{ [K in keyof VendureStock]: string }>(stockQuery, [sku]);
      return Object.fromEntries(
        Object.entries(rows[0] ?? {}).map(([name, value]) => [name, Number(value)]),
      ) as VendureStock;
    },
    openJobs: async () => {
      const { rows } = await jobs.query<{ open: string }>(
        `SELECT count(*) AS open FROM job_record WHERE state IN ('PENDING', 'RUNNING', 'RETRYING')`,
      );
      return Number(rows[0]?.open);
    },
    stop: async () => {
      worker.stop();
      server.stop();
      await jobs.end();
    },
  };
};

const stockQuery = `
  SELECT (SELECT sum("stockOnHand") FROM stock_level WHERE "productVariantId" = v.id) AS "onHand",
         (SELECT sum("stockAllocated") FROM stock_level WHERE "productVariantId" = v.id) AS allocated,
         (SELECT coalesce(sum(quantity), 0) FROM stock_movement
          WHERE "productVariantId" = v.id AND type = 'ALLOCATION') AS "allocatedByMovements",
         (SELECT coalesce(sum(line.quantity), 0) FROM order_line line JOIN "order" o ON o.id = line."orderId"
          WHERE line."productVariantId" = v.id AND o.state = 'PaymentSettled') AS sold
  FROM product_variant v WHERE v.sku = $1`;

type Catalogue = {
  variants: { id: string; sku: string }[];
  shippingMethodId: string;
};

const catalogueOf = async (origin: string): Promise<Catalogue> => {
  let token = '';
  const ask = async <T>(query: string): Promise<T> => {
    const answer = await fetch(`${origin}/shop-api`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query }),
    });
    token = answer.headers.get('vendure-auth-token') ?? token;
    return ((await answer.json()) as { data: T }).data;
  };
  const { products } = await ask<{ products: { items: { variants: { id: string; sku: string }[] }[] } }>(
    '{ products(options: { take: 100 }) { items { variants { id sku } } } }',
  );
  const variants = products.items.flatMap((product) => product.variants);
  await ask(`mutation { addItemToOrder(productVariantId: ${variants[0]?.id}, quantity: 1) { __typename } }`);
  const { eligibleShippingMethods } = await ask<{ eligibleShippingMethods: { id: string }[] }>(
    '{ eligibleShippingMethods { id } }',
  );
  const shippingMethodId = eligibleShippingMethods[0]?.id;
  if (shippingMethodId === undefined) throw new Error('Vendure has no shipping method');
  return { variants, shippingMethodId };
};
