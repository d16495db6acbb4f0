/**
 * `npm run list-faults [-- --seconds N --views N]`: what recommendation lists show under attack and under faults, on the platform
 * that CARTSTREAM_RUN names or that runs in `.local`, otherwise on one of its own. First one client reports `--views` (100000)
 * views of a pair of products. They may not lift either product in anybody else's first ten, beyond what near ties do
 * by themselves. Then for `--seconds` (120) visitors and buyers ask for lists of every kind, while products are sold out,
 * taken off sale, excluded by a rule, deleted and given back, and Redis is emptied or killed or the similarity job is
 * killed every few seconds. A list may have nothing that was forbidden two seconds before it was asked for: not for sale,
 * in view, or bought by this buyer. Writes `benchmarks/results/list-faults.json`, and fails for one list that breaks
 * either rule.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { writeResults } from '../benchmarks/results.js';
import { readCatalogue } from '../benchmarks/shelves/probes.js';
import { progressLine, table, thousands } from '../benchmarks/terminal.js';
import { findPlatform } from '../tests/running-platform.js';
import { type RunFile, readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { attack, report, untilLearned } from './list-faults/attack.js';
import { type Change, createCatalogueChanges } from './list-faults/catalogue-changes.js';
import { createForbidden } from './list-faults/forbidden.js';
import { numberOptions } from './number-options.js';

const { seconds, views } = numberOptions({ seconds: 120, views: 100_000 });
const scenarios = ['home', 'product', 'similar', 'cart', 'reorder', 'new-arrivals', 'trending'] as const;
const catalogueSize = 200;
const visitsBefore = 1_500;
/** A change has to be in every list by then. */
const followedWithinMs = 2_000;
const askersCount = 4;
const buyersCount = 3;
const faultEveryMs = 8_000;
const backMsMax = 60_000;
const orderMsMax = 10_000;

const { runFile, stop } = await findPlatform(catalogueSize);
let failed = true;
try {
  const run = readRunFile(runFile);
  const shop = shopAt(run.gateway);
  const token = await shop.login(run.adminEmail, run.adminPassword);
  const productIds = (await readCatalogue(shop)).map(({ id }) => id);
  const attacked = views > 0 ? await underAttack(shop, productIds) : null;
  const faulty = await underFaults({ run, shop, token, productIds });
  writeResults('list-faults', { attacked, faulty });
  failed = (attacked?.moved.length ?? 0) > 0 || faulty.violations.length > 0;
} finally {
  await stop();
}
process.exit(failed ? 1 : 0);

async function underAttack(shop: Shop, productIds: readonly string[]) {
  await visit(shop, productIds, visitsBefore);
  const [one = '', other = '', ...rest] = productIds;
  const probes = rest.slice(40, 60);
  await untilLearned(shop, probes);
  const progress = progressLine('attack');
  const attacked = await attack(shop, {
    pair: [one, other],
    productIds: rest.slice(0, 30),
    probes,
    views,
    onDone: (share) => progress.update(share, `${thousands(share * views)} views`),
  });
  progress.done(
    `${thousands(views)} views of a pair: it rose in the first ten of ${attacked.moved.length} of ${attacked.lists} lists (${attacked.movedWithout.length} without the attack); ${attacked.changedWith} have another order (${attacked.changedWithout} without it)`,
  );
  for (const question of attacked.moved) console.log(`MOVED ${question}`);
  return attacked;
}

/** Visits of as many shoppers, from which neighbours are learned. */
async function visit(shop: Shop, productIds: readonly string[], count: number): Promise<void> {
  const progress = progressLine('visits');
  let left = count;
  const shopper = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const visitId = randomUUID();
      const near = randomInt(productIds.length);
      const productOf = (nth: number) =>
        productIds[(near + nth * randomInt(1, 4)) % productIds.length] as string;
      await report(
        shop,
        Array.from({ length: 4 }, (_, nth) => ({ visitId, productId: productOf(nth) })),
      );
      progress.update(1 - left / count, `${thousands(count - left)} visits`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, shopper));
  progress.done(`${thousands(count)} visits`);
}

type Faulty = {
  lists: number;
  unanswered: number;
  changes: number;
  bought: number;
  faults: Record<string, number>;
  violations: string[];
};

type Stage = { run: RunFile; shop: Shop; token: string; productIds: readonly string[] };

// Over seventy lines: who asks, changes, buys and breaks at the same time, and what they count together.
async function underFaults({ run, shop, token, productIds }: Stage): Promise<Faulty> {
  const forbidden = createForbidden();
  const known = new Set(productIds);
  const violations: string[] = [];
  const counts: Omit<Faulty, 'violations'> = { lists: 0, unanswered: 0, changes: 0, bought: 0, faults: {} };
  const over = new AbortController();
  const isOver = () => over.signal.aborted;

  const buyers = await Promise.all(Array.from({ length: buyersCount }, () => shop.registerCustomer()));
  const asker = async (nth: number): Promise<void> => {
    const buyer = buyers[nth];
    for (let visitId = randomUUID(); !isOver(); ) {
      if (randomInt(10) === 0) visitId = randomUUID();
      const productId = any(productIds);
      const viewed = { type: 'product_viewed', visitId, productId, occurredAt: new Date().toISOString() };
      const scenario = any(scenarios);
      const named = scenario === 'home' || scenario === 'trending' ? '' : `&productId=${productId}`;
      const path = `/api/recommendations?scenario=${scenario}&limit=${randomInt(1, 60)}&visitId=${visitId}${named}`;
      try {
        await shop.call('POST', '/api/events', { token: buyer?.token, body: { events: [viewed] } });
        const askedAtMs = performance.now();
        type List = { items: { productId: string }[] };
        const { status, body } = await shop.call<List>('GET', path, { token: buyer?.token });
        if (status !== 200) throw new Error(String(status));
        counts.lists += 1;
        for (const { productId: shown } of body.items) {
          const sinceMs = askedAtMs - followedWithinMs;
          const isBought = scenario !== 'reorder' && forbidden.since(`${buyer?.userId} ${shown}`, sinceMs);
          const why =
            (!known.has(shown) && 'unknown') ||
            (named !== '' && shown === productId && 'in view') ||
            isBought ||
            forbidden.since(shown, sinceMs);
          if (why) violations.push(`${path} as ${buyer?.userId ?? 'nobody'}: ${shown} is ${why}`);
        }
      } catch {
        counts.unanswered += 1;
        await sleep(100);
      }
    }
  };

  const changes = createCatalogueChanges(shop, token, forbidden);
  const changer = async (): Promise<void> => {
    const taken: [string, Change][] = [];
    const isTaken = (id: string) => taken.some(([other]) => other === id);
    const kinds = ['sold out', 'not for sale', 'excluded by a rule'] as const;
    while (!isOver()) {
      const id = any(productIds);
      if (!isTaken(id)) {
        // Few, so that there are lists to the end.
        const change = randomInt(40) === 0 ? 'deleted' : any(kinds);
        taken.push([id, change]);
        await changes.take(id, change);
        counts.changes += 1;
      }
      if (taken.length > 40) {
        const [[back, change]] = taken.splice(randomInt(20), 1) as [[string, Change]];
        if (change === 'deleted') taken.push([back, change]);
        else await changes.giveBack(back, change);
        counts.changes += 1;
      }
      await sleep(50);
    }
  };
  /** An order that is not confirmed in time, while engines die, says nothing about lists. */
  const isConfirmed = async (token: string, productId: string): Promise<boolean> => {
    const placed = await shop.placeOrder({ token, items: [{ productId, quantity: 1 }] });
    return (
      placed.status === 202 && (await shop.settled(placed.body.id, token, orderMsMax)).status === 'confirmed'
    );
  };
  const buying = async (): Promise<void> => {
    while (!isOver()) {
      const buyer = any(buyers);
      const productId = any(productIds);
      if (await isConfirmed(buyer.token, productId).catch(() => false)) {
        forbidden.forbid(`${buyer.userId} ${productId}`, 'bought by this buyer', performance.now());
        counts.bought += 1;
      }
      await sleep(500);
    }
  };
  const faulting = async (): Promise<void> => {
    const faults = faultsOf(run);
    for (let nth = 0; !isOver(); nth += 1) {
      const [name, happen] = faults[nth % faults.length] as (typeof faults)[number];
      await happen();
      counts.faults[name] = (counts.faults[name] ?? 0) + 1;
      await sleep(faultEveryMs, { signal: over.signal });
    }
  };

  const progress = progressLine('faults');
  const beganAtMs = performance.now();
  const running = [
    ...Array.from({ length: askersCount }, (_, nth) => asker(nth)),
    changer(),
    buying(),
    faulting(),
  ];
  const ended = Promise.all(running).finally(() => over.abort());
  while (!isOver() && performance.now() - beganAtMs < seconds * 1_000) {
    progress.update((performance.now() - beganAtMs) / (seconds * 1_000), `${thousands(counts.lists)} lists`);
    await Promise.race([sleep(500), ended.catch(() => {})]);
  }
  over.abort();
  await ended;
  progress.done(`${thousands(counts.lists)} lists, ${violations.length} with what may not be shown`);
  show(counts, violations);
  return { ...counts, violations };
}

/** Each resolves when what was hurt is back. */
function faultsOf(run: RunFile): (readonly [string, () => Promise<void>])[] {
  const emptyRedis = async (): Promise<void> => {
    const redis = new Redis(run.redis);
    await redis.flushall();
    redis.disconnect();
  };
  return [
    ['Redis emptied', emptyRedis],
    ['similarity job killed', () => kill('item-similarity')],
    ['Redis killed', () => kill('redis')],
  ];
}

async function kill(name: string): Promise<void> {
  const pidOf = () =>
    (JSON.parse(readFileSync(runFile, 'utf8')) as RunFile).processes.find((one) => one.name === name)?.pid;
  // It is not listed while the fault before has it started again.
  const pid: number = await eventually(() => pidOf() ?? Promise.reject(new Error('not yet')), {
    timeoutMs: backMsMax,
    message: `${name} to run`,
  });
  process.kill(pid, 'SIGKILL');
  await eventually(() => ![undefined, pid].includes(pidOf()), {
    timeoutMs: backMsMax,
    message: `${name} to be back`,
  });
}

function any<T>(values: readonly T[]): T {
  return values[randomInt(values.length)] as T;
}

function show(
  { lists, unanswered, changes, bought, faults }: Omit<Faulty, 'violations'>,
  violations: readonly string[],
): void {
  const rows: [string, number][] = [
    ['lists', lists],
    ['not answered', unanswered],
    ['changes of the catalogue', changes],
    ['products bought', bought],
    ...Object.entries(faults),
    ['lists with what may not be shown', violations.length],
  ];
  const columns = [{ title: 'under faults' }, { title: 'times', right: true }];
  console.log(
    `\n${table(
      columns,
      rows.map(([name, count]) => [name, thousands(count)]),
    )}\n`,
  );
  for (const violation of violations.slice(0, 20)) console.log(`VIOLATION ${violation}`);
}
