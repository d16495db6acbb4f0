import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHttpServer } from '#platform/http/server';
import type { Component, Host } from '#platform/service-host';
import { catalogueOf } from '../catalogue/catalogue.js';
import { randomFrom } from '../random.js';
import { shopClient, Unserved } from '../shop-client.js';
import { createAccounts } from './accounts.js';
import { createAssortment } from './assortment.js';
import { basketsOf } from './baskets.js';
import { openBrowsePaths } from './browse-paths.js';
import type { ShoppersConfig } from './config.js';
import { restock } from './operator.js';
import { createReturns } from './returns.js';
import { emptyTally, type VisitWorld, visit } from './visit.js';

const accountsMax = 40;
const refreshEveryMs = 5 * 60_000;
const summaryEveryMs = 60_000;
const returnsEveryMs = 10_000;
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
  const { adminEmail, adminPassword } = config;
  const actions = host.metrics.counter('simulated_shopper_actions_total', 'What simulated shoppers did.', [
    'action',
  ]);
  let tally = emptyTally();
  let pauseMs = 0;
  let running: Promise<void> | undefined;

  // Every waiting visit adds a listener to the signal.
  setMaxListeners(config.visitsOpenMax + 10, host.stopping);
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: host.stopping });

  /** Counts failures. After a failure of the shop itself no new visits begin for a while. */
  const blame = (error: unknown): void => {
    if (host.stopping.aborted) return;
    tally.failed += 1;
    const trouble = !(error instanceof Unserved) || error.isTrouble;
    if (!trouble) host.logger.debug({ err: error }, 'a shopper was not served');
    else {
      const asked = error instanceof Unserved ? (error.retryAfterMs ?? 0) : 0;
      pauseMs = Math.min(Math.max(asked, pauseMs * 2, troublePauseMs.first), troublePauseMs.max);
    }
  };

  const every = async (ms: number, work: () => Promise<unknown>): Promise<void> => {
    while (!host.stopping.aborted) {
      await pause(ms).catch(() => {});
      if (!host.stopping.aborted) await work().catch(blame);
    }
  };

  const open = async (): Promise<void> => {
    const catalogue = catalogueOf(config.catalogueSize);
    const assortment = createAssortment(shop, catalogue);
    while (assortment.size() === 0) {
      await assortment.refresh().catch(blame);
      if (assortment.size() === 0) await pause(Math.max(pauseMs, troublePauseMs.first));
    }
    const paths = await openBrowsePaths(catalogue, config.dataFolder);
    const accounts = createAccounts(shop, accountsMax, adminPassword);
    const returns = createReturns(shop, catalogue);
    const world: VisitWorld = {
      shop,
      catalogue,
      assortment,
      baskets: basketsOf(catalogue),
      someone: accounts.any,
      wait: pause,
      nowMs: host.clock.nowMs,
      get tally() {
        return tally;
      },
    };
    host.logger.info(
      { products: assortment.size(), paths: paths.source, ...rate(config) },
      'shoppers come in',
    );

    let visitsOpen = 0;
    const comeIn = async (nth: number): Promise<void> => {
      const random = randomFrom(config.seed + nth);
      visitsOpen += 1;
      try {
        const bought = await visit(world, paths.next(random), random);
        if (bought !== null) returns.consider(bought, host.clock.nowMs(), random);
        pauseMs = 0;
      } catch (error) {
        blame(error);
      } finally {
        visitsOpen -= 1;
      }
    };
    const arrivals = async (): Promise<void> => {
      const random = randomFrom(config.seed);
      for (let nth = 0; !host.stopping.aborted; nth += 1) {
        await pause(random.exponential(60_000 / config.visitsPerMinute)).catch(() => {});
        if (pauseMs > 0) await pause(pauseMs).catch(() => {});
        if (host.stopping.aborted) return;
        if (visitsOpen >= config.visitsOpenMax) tally.skipped += 1;
        else void comeIn(nth);
      }
    };
    const operate = async (): Promise<void> => {
      await assortment.refresh();
      if (adminEmail === undefined || adminPassword === undefined) return;
      tally.restocks += await restock(
        shop,
        assortment,
        { email: adminEmail, password: adminPassword },
        (place) => restockQuantity(catalogue.products[place]?.popularity ?? 0),
      );
    };
    const summarise = async (): Promise<void> => {
      const last = tally;
      tally = emptyTally();
      for (const [action, count] of Object.entries(last)) actions.inc({ action }, count);
      host.logger.info({ ...last, visitsOpen }, 'simulated traffic of the last minute');
    };
    await Promise.all([
      arrivals(),
      every(refreshEveryMs, operate),
      every(returnsEveryMs, async () => {
        tally.returns += await returns.sendDue(host.clock.nowMs());
      }),
      every(summaryEveryMs, summarise),
    ]);
  };

  return {
    name: 'traffic',
    start: async () => {
      running = open().catch((error: unknown) => {
        if (!host.stopping.aborted) host.onFatal(error);
      });
    },
    stop: async () => {
      await running;
      await shop.close();
    },
  };
};

const rate = ({ visitsPerMinute, visitsOpenMax }: ShoppersConfig) => ({ visitsPerMinute, visitsOpenMax });
