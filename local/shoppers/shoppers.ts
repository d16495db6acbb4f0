import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHttpServer } from '#platform/http/server';
import type { Component, Host } from '#platform/service-host';
import { catalogueOf } from '../catalogue/catalogue.js';
import { dataSetsFolder } from '../data-sets.js';
import { randomFrom } from '../random.js';
import { type ShopClient, shopClient, Unserved } from '../shop-client.js';
import { createAccounts } from './accounts.js';
import { createAssortment } from './assortment.js';
import { basketsOf } from './baskets.js';
import { openBrowsePaths } from './browse-paths.js';
import type { ShoppersConfig } from './config.js';
import { writeFirstReviews } from './first-reviews.js';
import { restock } from './operator.js';
import { createReturns } from './returns.js';
import { emptyTally, type VisitWorld, visit } from './visit.js';

const accountsMax = 40;
const refreshEveryMs = 5 * 60_000;
const summaryEveryMs = 60_000;
const returnsEveryMs = 10_000;
/** The first visitors of a shop that has just opened come before its first reviews. */
const firstReviewsAfterMs = 20_000;
const troublePauseMs = { first: 1000, max: 30_000 };
const traceRatio = 0.01;
const restockQuantity = (popularity: number): number => 100 + Math.round(popularity);

/** Simulated shoppers: they come at random times, browse, search, buy, abandon baskets and return products. */
export const shoppers = (config: ShoppersConfig, host: Host): void => {
  host.use(createHttpServer(host, { port: config.port, title: 'Simulated shoppers' }).component);
  host.use(traffic(config, host));
};

const traffic = (config: ShoppersConfig, host: Host): Component => {
  const shop = shopClient(config.gatewayUrl, { connectionsMax: 16, traceRatio });
  let running: Promise<void> | undefined;
  // Every waiting visit adds a listener to the signal.
  setMaxListeners(config.visitsOpenMax + 10, host.stopping);

  return {
    name: 'traffic',
    start: async () => {
      running = open(config, host, shop).catch((error: unknown) => {
        if (!host.stopping.aborted) host.onFatal(error);
      });
    },
    stop: async () => {
      await running;
      await shop.close();
    },
  };
};

/** The day's figures, and how long new visits wait because the shop is in trouble. */
const createDay = (host: Host) => {
  const actions = host.metrics.counter('simulated_shopper_actions_total', 'What simulated shoppers did.', [
    'action',
  ]);
  let tally = emptyTally();
  let pauseMs = 0;
  return {
    get tally() {
      return tally;
    },
    get pauseMs() {
      return pauseMs;
    },
    /** Counts a failure. After a failure of the shop itself no new visits begin for a while. */
    blame: (error: unknown): void => {
      if (host.stopping.aborted) return;
      tally.failed += 1;
      const trouble = !(error instanceof Unserved) || error.isTrouble;
      if (!trouble) host.logger.debug({ err: error }, 'a shopper was not served');
      else {
        const asked = error instanceof Unserved ? (error.retryAfterMs ?? 0) : 0;
        pauseMs = Math.min(Math.max(asked, pauseMs * 2, troublePauseMs.first), troublePauseMs.max);
      }
    },
    served: (): void => {
      pauseMs = 0;
    },
    summarise: (visitsOpen: number): void => {
      const last = tally;
      tally = emptyTally();
      for (const [action, count] of Object.entries(last)) actions.inc({ action }, count);
      host.logger.info({ ...last, visitsOpen }, 'simulated traffic of the last minute');
    },
  };
};

type Day = ReturnType<typeof createDay>;
type Pause = (ms: number) => Promise<void>;

/** Opens the shop for its shoppers and resolves when the host stops. */
const open = async (config: ShoppersConfig, host: Host, shop: ShopClient): Promise<void> => {
  const { adminEmail, adminPassword } = config;
  const day = createDay(host);
  const pause: Pause = (ms) => sleep(ms, undefined, { signal: host.stopping });
  const every = async (ms: number, work: () => Promise<unknown>): Promise<void> => {
    while (!host.stopping.aborted) {
      await pause(ms).catch(() => {});
      if (!host.stopping.aborted) await work().catch(day.blame);
    }
  };

  const catalogue = catalogueOf(config.catalogueSize);
  const assortment = createAssortment(shop, catalogue);
  while (assortment.size() === 0) {
    await assortment.refresh().catch(day.blame);
    if (assortment.size() === 0) await pause(Math.max(day.pauseMs, troublePauseMs.first));
  }
  const returns = createReturns(shop, catalogue);
  const accounts = createAccounts(shop, accountsMax, adminPassword);
  const world: VisitWorld = {
    shop,
    catalogue,
    assortment,
    baskets: basketsOf(catalogue),
    someone: accounts.any,
    wait: pause,
    nowMs: host.clock.nowMs,
    get tally() {
      return day.tally;
    },
  };
  const paths = await openBrowsePaths(catalogue, dataSetsFolder);
  host.logger.info({ products: assortment.size(), paths: paths.source, ...rate(config) }, 'shoppers come in');
  const arrivals = createArrivals(config, host, { day, world, paths, returns, pause });
  const admin =
    adminEmail === undefined || adminPassword === undefined
      ? undefined
      : { email: adminEmail, password: adminPassword };
  const operate = async (): Promise<void> => {
    await assortment.refresh();
    if (admin === undefined) return;
    day.tally.restocks += await restock(shop, assortment, admin, (place) =>
      restockQuantity(catalogue.products[place]?.popularity ?? 0),
    );
  };
  const firstReviews = async (): Promise<void> => {
    await pause(firstReviewsAfterMs);
    if (admin === undefined) return;
    const random = randomFrom(config.seed);
    const reviews = await writeFirstReviews({ shop, assortment, accounts, admin, random, pause });
    if (reviews > 0) host.logger.info({ reviews }, 'the first reviews are written');
  };
  await Promise.all([
    arrivals.run(),
    firstReviews().catch(day.blame),
    every(refreshEveryMs, operate),
    every(returnsEveryMs, async () => {
      day.tally.returns += await returns.sendDue(host.clock.nowMs());
    }),
    every(summaryEveryMs, async () => day.summarise(arrivals.visitsOpen())),
  ]);
};

type Street = {
  day: Day;
  world: VisitWorld;
  paths: Awaited<ReturnType<typeof openBrowsePaths>>;
  returns: ReturnType<typeof createReturns>;
  pause: Pause;
};

/** Lets shoppers come in at random times until the host stops. */
const createArrivals = (
  config: ShoppersConfig,
  host: Host,
  { day, world, paths, returns, pause }: Street,
) => {
  let visitsOpen = 0;
  const comeIn = async (nth: number): Promise<void> => {
    const random = randomFrom(config.seed + nth);
    visitsOpen += 1;
    try {
      const bought = await visit(world, paths.next(random), random);
      if (bought !== null) returns.consider(bought, host.clock.nowMs(), random);
      day.served();
    } catch (error) {
      day.blame(error);
    } finally {
      visitsOpen -= 1;
    }
  };
  return {
    visitsOpen: () => visitsOpen,
    run: async (): Promise<void> => {
      const random = randomFrom(config.seed);
      for (let nth = 0; !host.stopping.aborted; nth += 1) {
        await pause(random.exponential(60_000 / config.visitsPerMinute)).catch(() => {});
        if (day.pauseMs > 0) await pause(day.pauseMs).catch(() => {});
        if (host.stopping.aborted) return;
        if (visitsOpen >= config.visitsOpenMax) day.tally.skipped += 1;
        else void comeIn(nth);
      }
    },
  };
};

const rate = ({ visitsPerMinute, visitsOpenMax }: ShoppersConfig) => ({ visitsPerMinute, visitsOpenMax });
