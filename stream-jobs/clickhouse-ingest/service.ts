import { createClickHouse } from '#platform/clickhouse/client';
import { newId } from '#platform/ids';
import { createProgressWatch } from '#platform/messaging/progress-watch';
import { openJob } from '#platform/service';
import type { Host, Service } from '#platform/service-host';
import { createBlockClaims } from './block-claims.js';
import { type ClickHouseIngestConfig, clickhouseIngestConfig } from './config.js';
import { type Feed, feeds } from './feeds.js';
import { createIngest } from './ingest.js';
import { ingestTelemetry } from './ingest-telemetry.js';
import { createStoredRows } from './stored-rows.js';
import { createTypedWordsEraser } from './typed-words-worker.js';

/** The feeds that the settings choose. */
export const feedsOf = ({ tables, topicPrefix }: ClickHouseIngestConfig): Feed[] =>
  feeds
    .filter(({ table }) => tables === '' || tables.split(',').includes(table))
    .map((feed) => ({ ...feed, topic: `${topicPrefix}${feed.topic}` }));

/** Loads Kafka into ClickHouse without decoding, every record exactly once: see ADR 5. */
const clickhouseIngest = async (config: ClickHouseIngestConfig, host: Host): Promise<void> => {
  const clickhouse = host.use(createClickHouse({ url: config.clickhouseUrl }));
  const { broker, registry, deadLetters } = await openJob(host, config);
  host.use(
    createIngest({
      group: config.group,
      feeds: feedsOf(config),
      limits: config,
      broker,
      registry,
      clickhouse,
      claims: createBlockClaims(clickhouse, newId()),
      stored: createStoredRows(clickhouse),
      deadLetters,
      clock: host.clock,
      logger: host.logger,
      telemetry: ingestTelemetry(host, config.group),
      watch: (progress) => createProgressWatch(host, config.group, progress),
      onFatal: host.onFatal,
    }),
  );
  if (config.tables === '') host.use(createTypedWordsEraser(host, clickhouse));
};

export const service: Service<ClickHouseIngestConfig> = {
  name: 'clickhouse-ingest',
  config: clickhouseIngestConfig,
  build: clickhouseIngest,
};
