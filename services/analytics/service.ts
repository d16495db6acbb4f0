import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { connectBroker } from '#platform/messaging/connect-broker';
import { askWatermarkAge } from '#platform/outbox/watermark';
import { createRedis } from '#platform/redis/client';
import { openFront, useTokens } from '#platform/service';
import type { Host, Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { experimentsSetting } from '#schemas/experiments';
import { topics } from '#schemas/topics';
import { type Answers, createAnswers } from './answers.js';
import { fastCrowd, slowCrowd, withinCost } from './clickhouse-calls.js';
import { bothOf, type CompletenessGauge, createCompletenessGauge } from './completeness.js';
import { type AnalyticsConfig, analyticsConfig } from './config.js';
import { experimentRoutes } from './experiment-routes.js';
import { createFigures } from './figures.js';
import { createGatheredRows } from './gathered-rows-store.js';
import { liveRoutes } from './live-routes.js';
import { redisLiveStore } from './live-store.js';
import { createReconciler, reconciliationRoutes, watchReconciliation } from './reconciliation.js';
import { analyticsRoutes } from './routes.js';

/**
 * Answers queries from ClickHouse, and states with each answer up to when it is complete. It owns no facts:
 * what it gathers in tables of its own it can make anew from those of the ingest.
 */
export const service: Service<AnalyticsConfig> = {
  name: 'analytics',
  config: analyticsConfig,
  build: (config, host) => {
    const { clickhouseUrl, queryTimeoutMs } = config;
    const clickhouse = host.use(
      createClickHouse({
        url: clickhouseUrl,
        requestTimeoutMs: queryTimeoutMs,
        connectionsMax: fastCrowd.runningMax,
      }),
    );
    // Questions that read raw rows wait for each other, and not the figures of a dashboard for them.
    const slowClickhouse = host.use(
      createClickHouse({
        url: clickhouseUrl,
        requestTimeoutMs: queryTimeoutMs,
        connectionsMax: slowCrowd.runningMax,
      }),
    );
    // What gathers rows keeps none of them waiting.
    const gathering = host.use(
      createClickHouse({ url: clickhouseUrl, requestTimeoutMs: queryTimeoutMs, connectionsMax: 1 }),
    );
    const gathered = createGatheredRows({ clickhouse: gathering, clock: host.clock, logger: host.logger });
    const { sales, activity, stockOuts, fraudSignals } = gaugesOf(config, host, clickhouse);
    const app = openFront(host, config, useTokens(host, config));
    liveRoutes(app, host, redisLiveStore(host.use(createRedis(host, config.redisUrl))));
    const { clock } = host;
    const slow = withinCost(slowClickhouse, slowCrowd);
    const quick = withinCost(clickhouse, fastCrowd);
    const reconciler = createReconciler(slow, clock);
    reconciliationRoutes(app, reconciler, clock);
    host.use(watchReconciliation(host, reconciler));
    const answersFrom = (completeness: Pick<CompletenessGauge, 'read'>): Answers =>
      createAnswers({ clickhouse: slow, quick, completeness, clock, gathered });
    const both = answersFrom(bothOf(sales, activity));
    const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
    experimentRoutes(app, {
      experiments: settings.of(experimentsSetting, experimentsSetting.default),
      answers: both,
      clock,
    });
    analyticsRoutes(app, {
      figures: createFigures(createAnswers({ clickhouse: quick, completeness: sales, clock }), clock),
      answers: {
        sales: answersFrom(sales),
        activity: answersFrom(activity),
        both,
        stockOuts: answersFrom(stockOuts),
        fraudSignals: answersFrom(fraudSignals),
      },
      clock,
    });
  },
};

/** How complete each set of facts is. */
const gaugesOf = (config: AnalyticsConfig, host: Host, clickhouse: ClickHouse) => {
  const broker = host.use(connectBroker(host, config.kafka));
  const gaugeOf = (
    topic: string,
    table?: string,
    { group = config.ingestGroup, sourceAgeMs }: { group?: string; sourceAgeMs?: () => Promise<number> } = {},
  ): CompletenessGauge =>
    host.use(
      createCompletenessGauge({
        broker,
        clickhouse,
        clock: host.clock,
        logger: host.logger,
        topic,
        ...(table === undefined ? {} : { table }),
        ...(sourceAgeMs === undefined ? {} : { sourceAgeMs }),
        group,
      }),
    );
  const sales = gaugeOf(topics.sales.topic, 'sales', {
    sourceAgeMs: () => askWatermarkAge(config.orderUrls),
  });
  const activity = gaugeOf(topics.shopperActivity.topic, 'shopper_activity');
  // What a windowed job computes is complete when it has read its source, and ingest its rows.
  const ordersRead = gaugeOf(topics.orders.topic, undefined, { group: config.windowsGroup });
  const stockRead = gaugeOf(topics.inventory.topic, undefined, { group: config.windowsGroup });
  const stockOuts = gaugeOf(topics.stockOuts.topic, 'stock_outs');
  const fraudSignals = gaugeOf(topics.fraudSignals.topic, 'fraud_signals');
  return {
    sales,
    activity,
    stockOuts: bothOf(stockRead, stockOuts),
    fraudSignals: bothOf(ordersRead, fraudSignals),
  };
};
