/** Takes parts of the running platform away under load, one at a time, and looks at what still works and what comes after. */

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { serviceDatabaseUrl } from '#platform/postgres/pool';
import { engines as enginesOf } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { readRunFile, type Shop, shopAt } from './shop.js';
import { stopAlone, stopProcess } from './stopped-process.js';
import { type Ability, mayBeMissing, type Outage } from './what-still-works.js';

export type OutageReport = Outage & {
  lastedMs: number;
  accepted: number;
  /** From the end of the outage until the part answered again. */
  backMs: number;
  /** From then until every order that was accepted meanwhile had ended, money and stock included. */
  endedMs: number;
  /** For each ability, how often it was tried, and how often it worked. */
  tried: Partial<Record<Ability, { times: number; worked: number }>>;
  problems: string[];
};

export type OutageRig = {
  outage(outage: Outage, lastsMs: number): Promise<OutageReport>;
  stop(): Promise<void>;
};

const answerMsMax = 10_000;
const confirmedMsMax = 10_000;
const endedMsMax = 60_000;
const triedEveryMs = 500;
const password = 'correct horse battery';

type Answer = { status: number; headers: Headers; body: unknown };

/** Why an ability did not work; `isSaid` where the answer was the one that a shop without the part owes. */
type Failure = { what: string; isSaid: boolean };

type Shopper = { shop: Shop; products: readonly string[]; admin: string; customer: string; email: string };

/** What each ability takes to be called working. */
const attempts: Record<
  Exclude<Ability, 'order' | 'confirmation'>,
  (shopper: Shopper) => readonly [method: string, path: string, options?: Parameters<Shop['call']>[2]][]
> = {
  browse: ({ products }) => [
    ['GET', `/api/products/${products[0]}`],
    ['GET', '/api/products?limit=5'],
    ['GET', '/api/categories'],
  ],
  search: () => [['GET', '/api/products/search?q=lantern&limit=5']],
  stock: ({ products }) => [['GET', `/api/inventory/${products[0]}`]],
  account: ({ customer: token }) => [['GET', '/api/users/me', { token }]],
  login: ({ email }) => [['POST', '/api/auth/login', { body: { email, password } }]],
  cart: ({ customer: token, products }) => [
    ['PUT', `/api/cart/items/${products[1]}`, { token, body: { quantity: 2 } }],
    ['GET', '/api/cart', { token }],
  ],
  payments: ({ customer: token }) => [['GET', '/api/payments?limit=1', { token }]],
  reviews: ({ products }) => [['GET', `/api/products/${products[0]}/reviews`]],
  recommendations: () => [['GET', '/api/recommendations?scenario=trending&limit=5']],
  notifications: ({ customer: token }) => [['GET', '/api/notifications/history?limit=1', { token }]],
  settings: ({ admin: token }) => [['GET', '/api/config', { token }]],
  analytics: ({ admin: token }) => [['GET', '/api/analytics/overview', { token }]],
  'dead letters': ({ admin: token }) => [['GET', '/api/ops/dead-letters', { token }]],
};

const failureIn = ({ status, headers, body }: Answer): Failure | undefined =>
  status < 400
    ? undefined
    : {
        what: `${status} ${(body as { code?: string }).code ?? ''}`,
        isSaid: status === 503 && headers.get('retry-after') !== null,
      };

/** Undefined where it was answered well and in time. */
const failureOf = async (ask: () => Promise<Answer>): Promise<Failure | undefined> => {
  try {
    return failureIn(await ask());
  } catch (error) {
    const { name, message, cause } = error as Error;
    return { what: `${name} ${message} ${(cause as Error | undefined)?.message ?? ''}`, isSaid: false };
  }
};

/** Of a guest, who gives an address with each order. It is a new one each time, because orders for one address are limited. */
const order = (shop: Shop, productId: string, signal: AbortSignal) =>
  shop.placeOrder({ items: [{ productId, quantity: 1 }], email: `${randomUUID()}@example.org` }, signal);

const confirmationOf = async ({ shop, products }: Shopper): Promise<Failure | undefined> => {
  const placed = await order(shop, products[0] as string, AbortSignal.timeout(answerMsMax)).catch(() => {});
  if (placed?.status !== 202) return undefined;
  const headers = { 'x-order-token': placed.body.orderToken ?? '' };
  const until = performance.now() + confirmedMsMax;
  let status = 'pending';
  while (performance.now() < until && status !== 'confirmed') {
    const path = `/api/orders/${placed.body.id}/status?waitMs=2000`;
    const signal = AbortSignal.timeout(answerMsMax);
    const answer = await shop.call<{ status?: string }>('GET', path, { headers, signal }).catch(() => {});
    status = answer?.body.status ?? status;
    if (answer?.status !== 200) await sleep(triedEveryMs);
  }
  return status === 'confirmed' ? undefined : { what: `${status} after ${confirmedMsMax} ms`, isSaid: true };
};

/** Collects what worked and what did not, and what of it is a problem. */
const createTally = (outage: Outage) => {
  const missing = new Set(mayBeMissing(outage));
  const tried: OutageReport['tried'] = {};
  const problems = new Map<string, number>();
  const note = (ability: Ability, failure: Failure | undefined): void => {
    const sum = tried[ability] ?? { times: 0, worked: 0 };
    tried[ability] = { times: sum.times + 1, worked: sum.worked + (failure === undefined ? 1 : 0) };
    if (failure === undefined || (missing.has(ability) && failure.isSaid)) return;
    const problem = `${ability}: ${failure.what.trim()}`;
    problems.set(problem, (problems.get(problem) ?? 0) + 1);
  };
  return {
    note,
    tried,
    problems: () => [...problems].map(([problem, times]) => `${problem} (${times} times)`),
  };
};

type Tally = ReturnType<typeof createTally>;

/** Tries everything again and again until `isOver`. */
const tryAll = async (shopper: Shopper, tally: Tally, isOver: () => boolean): Promise<void> => {
  const again = async (attempt: () => Promise<void>): Promise<void> => {
    while (!isOver()) {
      await attempt();
      await sleep(triedEveryMs);
    }
  };
  const simple = Object.entries(attempts).map(([ability, calls]) =>
    again(async () => {
      for (const [method, path, options] of calls(shopper)) {
        const ask = () =>
          shopper.shop.call(method, path, { ...options, signal: AbortSignal.timeout(answerMsMax) });
        tally.note(ability as Ability, await failureOf(ask));
      }
    }),
  );
  const confirmations = again(async () => tally.note('confirmation', await confirmationOf(shopper)));
  await Promise.all([...simple, confirmations]);
};

/** Places orders at a steady rate until `isOver`; resolves to the ids of those that were accepted. */
const placeOrders = async (
  { shop, products }: Shopper,
  tally: Tally,
  { perSecond, isOver }: { perSecond: number; isOver: () => boolean },
): Promise<string[]> => {
  const accepted: string[] = [];
  const placing: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let nth = 0; !isOver(); nth += 1) {
    const productId = products[nth % products.length] as string;
    const place = async (): Promise<void> => {
      const failure = await failureOf(async () => {
        const answer = await order(shop, productId, AbortSignal.timeout(answerMsMax));
        if (answer.status === 202) accepted.push(answer.body.id);
        return answer;
      });
      tally.note('order', failure);
    };
    placing.push(place());
    await sleep(Math.max(0, startedAt + (nth + 1) * (1_000 / perSecond) - performance.now()));
  }
  await Promise.all(placing);
  return accepted;
};

/** `launcherPid`: of the platform, which must be this rig's alone, and which it may not mend meanwhile. */
export const openOutageRig = async (
  { runFile, launcherPid }: { runFile: string; launcherPid: number },
  perSecond: number,
): Promise<OutageRig> => {
  const run = readRunFile(runFile);
  const shop = shopAt(run.gateway);
  const { databaseUrl } = enginesOf({ CARTSTREAM_RUN: runFile });
  const postgres = new pg.Client({ connectionString: databaseUrl });
  // The platform may end before this connection.
  postgres.on('error', () => {});
  await postgres.connect();
  const shopper = await shopperAt(shop, run);

  const pidOf = (name: string): number => {
    const pid = readRunFile(runFile).processes.find((each) => each.name === name)?.pid;
    if (pid === undefined)
      throw new Error(`${name} is not a process of this platform: start it with --separate`);
    return pid;
  };

  /** Takes the part away, and returns how to give it back. */
  const take = async ({ part, how }: Outage): Promise<() => Promise<void>> => {
    if (how === 'cut off') return cutOff(postgres, part);
    const launcher = stopAlone(launcherPid);
    if (how === 'frozen') {
      const goOn = stopProcess(pidOf(part));
      return async () => {
        goOn();
        launcher();
      };
    }
    process.kill(pidOf(part), 'SIGKILL');
    return async () => {
      launcher();
      await eventually(() => isWell(runFile, part), { timeoutMs: endedMsMax, message: `${part} to be back` });
    };
  };

  return {
    outage: async (outage, lastsMs) => {
      const tally = createTally(outage);
      let isOver = false;
      const giveBack = await take(outage);
      const over = () => isOver;
      const trying = tryAll(shopper, tally, over);
      const placing = placeOrders(shopper, tally, { perSecond, isOver: over });
      await sleep(lastsMs);
      isOver = true;
      const endedAt = performance.now();
      await giveBack();
      const backAt = performance.now();
      const accepted = await placing;
      const lost = await eventually(() => lostOf(databaseUrl, accepted), {
        timeoutMs: endedMsMax,
        everyMs: 100,
        message: 'every order to end',
      }).catch((error: Error) => [error.message]);
      const endedMs = performance.now() - backAt;
      await trying;
      const problems = [...tally.problems(), ...lost];
      const times = { lastedMs: lastsMs, backMs: backAt - endedAt, endedMs };
      return { ...outage, ...times, accepted: accepted.length, tried: tally.tried, problems };
    },
    stop: () => postgres.end(),
  };
};

const shopperAt = async (
  shop: Shop,
  run: Pick<ReturnType<typeof readRunFile>, 'adminEmail' | 'adminPassword'>,
): Promise<Shopper> => {
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const email = `outage-${Date.now()}@example.org`;
  const body = { email, password, name: 'Ada' };
  const registered = await shop.call<{ accessToken: string }>('POST', '/api/auth/register', { body });
  const products: string[] = [];
  for (let nth = 0; nth < 5; nth += 1)
    products.push(await shop.createProduct(admin, { initialStock: 1_000_000 }));
  return { shop, products, admin, customer: registered.body.accessToken, email };
};

/** The database refuses new connections and ends those that there are. */
const cutOff = async (postgres: pg.Client, service: string): Promise<() => Promise<void>> => {
  const database = new URL(serviceDatabaseUrl('postgres://localhost', service)).pathname.slice(1);
  await postgres.query(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS false`);
  await postgres.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
    [database],
  );
  return async () => {
    await postgres.query(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS true`);
  };
};

const isWell = async (runFile: string, service: string): Promise<boolean> => {
  const url = readRunFile(runFile).processes.find(({ name }) => name === service)?.url;
  const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) });
  return ((await answer.json()) as { status: string }).status !== 'down';
};

/** The accepted orders that are nowhere; throws while some of them still wait for something. */
const lostOf = async (databaseUrl: string, accepted: readonly string[]): Promise<string[]> => {
  const client = new pg.Client({ connectionString: serviceDatabaseUrl(databaseUrl, 'order') });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string; waits: string[] }>(
      'SELECT order_id AS id, waits_for AS waits FROM orders WHERE order_id = ANY ($1::uuid[])',
      [accepted],
    );
    const waiting = rows.filter(({ waits }) => waits.length > 0);
    if (waiting.length > 0) throw new Error(`${waiting.length} wait, one of them for ${waiting[0]?.waits}`);
    const found = new Set(rows.map(({ id }) => id));
    return accepted.filter((id) => !found.has(id)).map((id) => `order ${id} was accepted and is lost`);
  } finally {
    await client.end();
  }
};
