import { connectBroker } from '#platform/messaging/connect-broker';
import { askSentUpToAge } from '#platform/outbox/sent-up-to';
import { createRedis } from '#platform/redis/client';
import { openFront, useTokens } from '#platform/service';
import type { Service } from '#platform/service-host';
import { createLiveSettings } from '#platform/settings/live-settings';
import { records } from '#schemas/events';
import { experimentsSetting } from '#schemas/experiments';
import { paymentWaitMs } from '#schemas/payment-wait';
import { topics } from '#schemas/topics';
import { type Answers, createAnswers } from './answers.js';
import { openQuestions, rawQueries, sumQueries } from './clickhouse-calls.js';
import { allOf, type CompletenessGauge, unsentMsOf } from './completeness.js';
import { completenessOf } from './completeness-reads.js';
import { type AnalyticsConfig, analyticsConfig } from './config.js';
import { experimentRoutes } from './experiment-routes.js';
import { createFigures } from './figures.js';
import { createGatheredRows, openGathering } from './gathered-rows-store.js';
import { liveRoutes } from './live-routes.js';
import { redisLiveStore } from './live-store.js';
import { watchOutbox } from './outbox-watch.js';
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
    const bounds = { url: clickhouseUrl, timeoutMs: queryTimeoutMs };
    // Questions that read raw rows wait for each other, and not the figures of a dashboard for them.
    const { clickhouse: slowClickhouse, questions: slow } = openQuestions(bounds, rawQueries);
    const { clickhouse, questions: quick } = openQuestions(bounds, sumQueries);
    host.use(slowClickhouse);
    host.use(clickhouse);
    const gathering = openGathering(bounds);
    for (const component of gathering.components) host.use(component);
    const gathered = createGatheredRows({
      clickhouse: gathering.clickhouse,
      clock: host.clock,
      logger: host.logger,
    });
    const { sales, activity, orderEvents, stockEvents, paymentEvents, ...windowed } = completenessOf(config, {
      broker: host.use(connectBroker(host, config.kafka)),
      clickhouse,
      clock: host.clock,
      logger: host.logger,
      use: host.use,
    });
    const app = openFront(host, config, useTokens(host, config));
    liveRoutes(app, host, {
      store: redisLiveStore(host.use(createRedis(host, config.redisUrl))),
      orderOutbox: watchOutbox(
        unsentMsOf(() => askSentUpToAge(config.orderUrls), {
          logger: host.logger,
          topic: topics.sales.topic,
        }),
        host.clock,
      ),
    });
    const { clock } = host;
    const settings = host.use(createLiveSettings(host, config, records, 'SettingChanged'));
    const reconciler = createReconciler(
      slow,
      allOf(sales, orderEvents, stockEvents, paymentEvents),
      settings.of(paymentWaitMs, paymentWaitMs.default),
    );
    reconciliationRoutes(app, reconciler, clock);
    host.use(watchReconciliation(host, reconciler));
    const answersFrom = (completeness: Pick<CompletenessGauge, 'read'>): Answers =>
      createAnswers({ clickhouse: slow, quick, completeness, clock, gathered });
    const salesActivityAndOrders = answersFrom(allOf(sales, activity, orderEvents));
    experimentRoutes(app, {
      experiments: settings.of(experimentsSetting, experimentsSetting.default),
      answers: salesActivityAndOrders,
      clock,
    });
    analyticsRoutes(app, {
      figures: createFigures(createAnswers({ clickhouse: slow, quick, completeness: sales, clock }), clock),
      answers: {
        sales: answersFrom(sales),
        activity: answersFrom(activity),
        salesAndActivity: answersFrom(allOf(sales, activity)),
        salesActivityAndOrders,
        visits: answersFrom(windowed.visits),
        performance: answersFrom(windowed.performance),
        stockOuts: answersFrom(windowed.stockOuts),
        fraudSignals: answersFrom(windowed.fraudSignals),
      },
      clock,
    });
  },
};
