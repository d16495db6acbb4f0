import { createClickHouse } from '#platform/clickhouse/client';
import { remoteAuthenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import type { Host } from '#platform/service-host';
import { topics } from '#schemas/topics';
import { createCompletenessGauge } from './completeness.js';
import type { AnalyticsConfig } from './config.js';
import { analyticsRoutes } from './routes.js';

/** Answers from ClickHouse, and says with each answer up to when it is complete. Owns nothing, decides nothing. */
export const analyticsService = (config: AnalyticsConfig, host: Host): void => {
  const clickhouse = host.use(
    createClickHouse({
      url: config.clickhouseUrl,
      requestTimeoutMs: config.queryTimeoutMs,
      connectionsMax: 4,
    }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const completeness = host.use(
    createCompletenessGauge({
      broker,
      clickhouse,
      clock: host.clock,
      logger: host.logger,
      topic: topics.sales.topic,
      table: 'sales',
      group: config.ingestGroup,
    }),
  );

  const http = createHttpServer(host, {
    port: config.port,
    title: 'Cartstream analytics',
    auth: remoteAuthenticator(config, host.clock),
  });
  analyticsRoutes(http.app, { clickhouse, completeness, clock: host.clock });
  host.use(http.component);
};
