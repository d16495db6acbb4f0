import { createClickHouse } from '#platform/clickhouse/client';
import { createHttpServer } from '#platform/http/server';
import { newId } from '#platform/ids';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createDeadLetters } from '#platform/messaging/dead-letter';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import type { Host } from '#platform/service-host';
import { createBlockClaims } from './block-claims.js';
import type { ClickHouseIngestConfig } from './config.js';
import { feeds } from './feeds.js';
import { createIngest } from './ingest.js';
import { ingestTelemetry } from './ingest-telemetry.js';
import { createStoredRows } from './stored-rows.js';

/** Kafka into ClickHouse without decoding, every record exactly once: see ADR 5. */
export const clickhouseIngest = async (config: ClickHouseIngestConfig, host: Host): Promise<void> => {
  const clickhouse = host.use(createClickHouse({ url: config.clickhouseUrl }));
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  const broker = host.use(connectBroker(host, config.kafka));
  const producer = await broker.producer();
  const topicOf: Record<string, string> = {
    shopper_activity: config.shopperActivityTopic,
    sales: config.salesTopic,
    products: config.productsTopic,
  };
  host.use(
    createIngest({
      group: config.group,
      feeds: feeds.map((feed) => ({ ...feed, topic: topicOf[feed.table] ?? feed.topic })),
      limits: config,
      broker,
      registry,
      clickhouse,
      claims: createBlockClaims(clickhouse, newId()),
      stored: createStoredRows(clickhouse),
      deadLetters: createDeadLetters(host, producer),
      clock: host.clock,
      logger: host.logger,
      telemetry: ingestTelemetry(host, config.group),
      onFatal: host.onFatal,
    }),
  );
  host.use(createHttpServer(host, { port: config.port, title: 'clickhouse-ingest' }).component);
};
