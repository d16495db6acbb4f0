import { createClickHouse } from '#platform/clickhouse/client';
import { remoteAuthenticator } from '#platform/http/auth';
import { connectBroker } from '#platform/messaging/connect-broker';
import { openFront } from '#platform/service';
import type { Service } from '#platform/service-host';
import { topics } from '#schemas/topics';
import { createAnswers } from './answers.js';
import { createCompletenessGauge } from './completeness.js';
import { type AnalyticsConfig, analyticsConfig } from './config.js';
import { createFigures } from './figures.js';
import { reconciliationRoutes } from './reconciliation.js';
import { analyticsRoutes } from './routes.js';

/** Answers queries from ClickHouse, and states with each answer up to when it is complete. It owns no data. */
export const service: Service<AnalyticsConfig> = {
  name: 'analytics',
  config: analyticsConfig,
  build: (config, host) => {
    const { clickhouseUrl, queryTimeoutMs } = config;
    const clickhouse = host.use(
      createClickHouse({ url: clickhouseUrl, requestTimeoutMs: queryTimeoutMs, connectionsMax: 4 }),
    );
    const completeness = host.use(
      createCompletenessGauge({
        broker: host.use(connectBroker(host, config.kafka)),
        clickhouse,
        clock: host.clock,
        logger: host.logger,
        topic: topics.sales.topic,
        table: 'sales',
        group: config.ingestGroup,
      }),
    );
    const app = openFront(host, config, remoteAuthenticator(config, host.clock));
    reconciliationRoutes(app, clickhouse);
    const answers = createAnswers({ clickhouse, completeness, clock: host.clock });
    analyticsRoutes(app, { figures: createFigures(answers, host.clock), clock: host.clock });
  },
};
