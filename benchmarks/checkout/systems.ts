import { randomUUID } from 'node:crypto';
import { eventually } from '#platform/testing/eventually';
import { statOf } from '../../local/process-stat.js';
import { readRunFile, type Shop, shopAt } from '../../tests/shop.js';
import { type Bare, startBare } from '../cost/bare.js';
import { newDatabase } from '../cost/checkout-database.js';
import type { ShopToBuyAt } from './buyer.js';
import { installVendure, startVendure, vendureVersion } from './vendure.js';

export type SystemName = 'cartstream' | 'bare' | 'monolith' | 'monolith-locked' | 'vendure';

/** A shop that is measured beside the others, on the same PostgreSQL. */
export type System = {
  name: SystemName;
  what: string;
  origin: string;
  shop: ShopToBuyAt;
  /** Every process whose CPU time is this shop's. */
  watched: ReadonlyMap<string, number>;
  /** Called before a load; the function that it resolves to waits until everything the load has set off is done. */
  begin(): Promise<(done: number) => Promise<unknown>>;
  /** The id of a new product with so many pieces; undefined where stock is not kept. */
  contested?: (pieces: number, race: number) => Promise<string>;
  /** How many pieces of each product were sold, as each record of it says, once all that was ordered has ended. */
  audit?: (productIds: readonly string[], pieces: number, orderIds: readonly string[]) => Promise<Audit[]>;
};

export type Audit = {
  /** By what is left now. */
  state: number;
  /** By the sum of the movements of stock. */
  ledger: number;
  /** By what was published of the orders, or is stored as paid. */
  orders: number;
  /** Pieces that are held for nobody. */
  stillHeld: number;
};

export type Systems = { all: readonly System[]; missing: readonly string[]; stop(): Promise<void> };

export const providerMs = 100;
const products = 20;
const plenty = 1_000_000;
const settleMsMax = 120_000;

const wantedOf = (names: readonly SystemName[]): readonly SystemName[] =>
  names.filter((name) => process.env.ONLY?.split(',').includes(name) ?? true);

const everyName: readonly SystemName[] = ['cartstream', 'bare', 'monolith', 'monolith-locked', 'vendure'];

/** Our platform, as the run file describes it, and its peers, each of them started here. */
export const startSystems = async (
  runFile: string,
  races: { count: number; pieces: number },
  names: readonly SystemName[] = everyName,
): Promise<Systems> => {
  const wanted = wantedOf(names);
  const isWanted = (name: SystemName): boolean => wanted.includes(name);
  const run = readRunFile(runFile);
  const postgres = ['postgres', pidOf(run, 'postgres')] as const;
  const all: System[] = [];
  const missing: string[] = [];
  const running: { stop(): unknown }[] = [];
  const start = async (name: string, argument: string): Promise<Bare> => {
    const started = await startBare(name, argument);
    running.push(started);
    return started;
  };
  const stop = async (): Promise<void> => {
    for (const one of running) await one.stop();
  };
  try {
    if (isWanted('cartstream')) all.push(await ourShop(runFile));
    if (isWanted('bare')) {
      const { url, pid } = await start('cost/bare-checkout', run.postgres);
      const ids = Array.from({ length: products }, () => randomUUID());
      all.push({
        name: 'bare',
        what: 'one PostgreSQL transaction behind one fastify route',
        origin: url,
        shop: { kind: 'one-request', products: ids },
        watched: new Map([postgres, ['bare', pid]]),
        begin: nothingToSettle,
      });
    }
    const monoliths = (['monolith', 'monolith-locked'] as const).filter(isWanted);
    if (monoliths.length > 0) {
      const provider = await start('checkout/provider-stub', String(providerMs));
      for (const name of monoliths) {
        const plan = {
          databaseUrl: await newDatabase(run.postgres, name.replace('-', '_')),
          providerUrl: provider.url,
          holdsTransaction: name === 'monolith-locked',
        };
        all.push(await monolith(name, await start('checkout/monolith', JSON.stringify(plan)), postgres));
      }
    }
    if (isWanted('vendure')) {
      const packages = await installVendure().catch((error: Error) => {
        missing.push(`Vendure ${vendureVersion}, which npm could not install: ${error.message}`);
        return undefined;
      });
      if (packages !== undefined) {
        const { system, peer } = await vendure(run.postgres, packages, postgres, races);
        running.push(peer);
        all.push(system);
      }
    }
    return { all, missing, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const nothingToSettle = async () => async () => {};

export type Run = ReturnType<typeof readRunFile>;

const pidOf = (run: Run, name: string): number =>
  run.processes.find((one) => one.name === name)?.pid ?? Number.NaN;

/** Every process of the platform with the launcher above them. */
export const processesOf = (run: Run): Map<string, number> => {
  // Services that share a process are listed with it: the first name is the process's own.
  const names = new Map(run.processes.toReversed().map(({ name, pid }) => [pid, name]));
  return new Map([
    ['launcher', statOf(run.processes[0]?.pid ?? 0)?.parent ?? Number.NaN],
    ...[...names].map(([pid, name]) => [name, pid] as const),
  ]);
};

/** Our platform with 20 new products of plenty of stock, or with those products of its catalogue. */
export const ourShop = async (runFile: string, known?: readonly string[]): Promise<System> => {
  const run = readRunFile(runFile);
  const shop = shopAt(run.gateway);
  const login = (): Promise<string> => shop.login(run.adminEmail, run.adminPassword);
  const admin = await login();
  const ids = [...(known ?? [])];
  while (known === undefined && ids.length < products)
    ids.push(await shop.createProduct(admin, { initialStock: plenty }));
  return {
    name: 'cartstream',
    what: 'Cartstream: order, then `GET …/status?waitMs=` until confirmed',
    origin: run.gateway,
    shop: { kind: 'cartstream', products: ids },
    // Read again each time: the launcher may have replaced a process.
    get watched() {
      return processesOf(readRunFile(runFile));
    },
    begin: async () => {
      const token = await login();
      const known = await ordersInAnalytics(shop, token);
      return (done) =>
        eventually(async () => (await ordersInAnalytics(shop, token)) >= known + done, {
          timeoutMs: settleMsMax,
          everyMs: 500,
          message: 'every order in analytics',
        });
    },
    contested: async (pieces) => shop.createProduct(await login(), { initialStock: pieces }),
    audit: async (productIds, pieces, orderIds) => {
      const token = await login();
      const committed = await committedIn(shop, token, orderIds);
      return inTurn(productIds, (id) => auditOurs(shop, token, { id, pieces, committed }));
    },
  };
};

type Movement = { kind: string; onHandDelta: number; reservedDelta: number };
type Pieces = { productId: string; quantity: number };

const inTurn = async <T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> => {
  const answers: R[] = [];
  for (const item of items) answers.push(await ask(item));
  return answers;
};

const askedBy = async <T>(shop: Shop, token: string, path: string): Promise<T> => {
  const { status, body } = await shop.call<T>('GET', path, { token });
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
  return body;
};

/** What left the shelves for these orders, by the events on their timelines. */
const committedIn = async (shop: Shop, token: string, orderIds: readonly string[]): Promise<Pieces[]> => {
  type Timeline = { items: { type: string; data: { lines?: Pieces[] } }[] };
  const timelines = await inTurn(orderIds, (id) =>
    askedBy<Timeline>(shop, token, `/api/orders/${id}/timeline`),
  );
  return timelines.flatMap(({ items }) =>
    items.flatMap(({ type, data }) => (type === 'StockCommitted' ? (data.lines ?? []) : [])),
  );
};

const auditOurs = async (
  shop: Shop,
  token: string,
  { id, pieces, committed }: { id: string; pieces: number; committed: readonly Pieces[] },
): Promise<Audit> => {
  const movements: Movement[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const cursor: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`;
    const path = `/api/inventory/${id}/movements?limit=100${cursor}`;
    const page = await askedBy<{ items: Movement[]; next: string | null }>(shop, token, path);
    movements.push(...page.items);
    next = page.next;
  }
  const { onHand, reserved } = await shop.stockOf(id);
  return {
    state: pieces - onHand,
    ledger: movements.reduce((sum, { kind, onHandDelta }) => sum - (kind === 'initial' ? 0 : onHandDelta), 0),
    orders: committed
      .filter(({ productId }) => productId === id)
      .reduce((sum, { quantity }) => sum + quantity, 0),
    stillHeld: reserved,
  };
};

/** Confirmed orders of all days that analytics counts. */
export const ordersInAnalytics = async (shop: Shop, token: string): Promise<number> => {
  const { body } = await shop.call<{ items: { orders: number }[] }>(
    'GET',
    '/api/analytics/revenue?granularity=day',
    { token },
  );
  return body.items.reduce((sum, { orders }) => sum + orders, 0);
};

const monolith = async (
  name: 'monolith' | 'monolith-locked',
  { url, pid }: Bare,
  postgres: readonly [string, number],
): Promise<System> => {
  const create = async (initialStock: number): Promise<string> => {
    const answer = await fetch(`${url}/api/products`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ initialStock }),
    });
    return ((await answer.json()) as { id: string }).id;
  };
  const ids: string[] = [];
  for (let n = 0; n < products; n += 1) ids.push(await create(plenty));
  return {
    name,
    what:
      name === 'monolith'
        ? `one process that calls a provider of ${providerMs} ms between two transactions`
        : `the same, which holds its transaction during the call`,
    origin: url,
    shop: { kind: 'one-request', products: ids },
    watched: new Map([postgres, ['monolith', pid]]),
    begin: nothingToSettle,
    contested: create,
  };
};

const vendure = async (
  postgresUrl: string,
  packages: string,
  postgres: readonly [string, number],
  races: { count: number; pieces: number },
) => {
  const skus = Array.from({ length: products }, (_, n) => `plenty-${n}`);
  const raceSku = (race: number): string => `race-${race}`;
  const peer = await startVendure(postgresUrl, packages, {
    ...Object.fromEntries(skus.map((sku) => [sku, plenty])),
    ...Object.fromEntries(Array.from({ length: races.count + 1 }, (_, n) => [raceSku(n), races.pieces])),
  });
  const idOf = (sku: string): string => {
    const id = peer.variantIdBySku.get(sku);
    if (id === undefined) throw new Error(`Vendure has no variant ${sku}`);
    return id;
  };
  const system: System = {
    name: 'vendure',
    what: `Vendure ${vendureVersion}: a guest's six requests to its shop API, payment settled at once`,
    origin: peer.server.url,
    shop: { kind: 'vendure', products: skus.map(idOf), shippingMethodId: peer.shippingMethodId },
    watched: new Map([postgres, ['server', peer.server.pid], ['worker', peer.worker.pid]]),
    begin: async () => () =>
      eventually(async () => (await peer.openJobs()) === 0, {
        timeoutMs: settleMsMax,
        everyMs: 200,
        message: "Vendure's jobs to be done",
      }),
    contested: async (_, race) => idOf(raceSku(race)),
    audit: (productIds, pieces) =>
      inTurn(productIds, async (productId) => {
        const [sku] = [...peer.variantIdBySku].find(([, id]) => id === productId) ?? [''];
        const { onHand, allocated, allocatedByMovements, sold } = await peer.stockOf(sku);
        // A paid order allocates its pieces, which stay on hand until they are sent.
        const state = pieces - onHand + allocated;
        return { state, ledger: allocatedByMovements, orders: sold, stillHeld: state - sold };
      }),
  };
  return { system, peer };
};
