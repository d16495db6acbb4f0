/**
 * Makes the engines ready for the services: topics with their dead letters, schemas under FULL_TRANSITIVE, ClickHouse
 * migrations. Idempotent; run by `npm start` before any service and as a container of its own by Docker Compose.
 */
import { createClickHouse } from '#platform/clickhouse/client';
import { ensureClickHouseDatabase, migrateClickHouse } from '#platform/clickhouse/migrate';
import { envSchema, loadConfig } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import type { TopicSpec } from '#platform/messaging/broker';
import { deadLetterTopicConfig } from '#platform/messaging/dead-letter';
import { openBroker } from '#platform/messaging/open-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { type EventType, records } from '#schemas/events';
import { deadLetterTopics, topics } from '#schemas/topics';

const { kafka, schemaRegistryUrl, clickhouseUrl } = engineSettings;
const config = loadConfig(envSchema({ kafka, schemaRegistryUrl, clickhouseUrl }), process.env);
const logger = createLogger('provision');

const specOf = (
  topic: { topic: string; partitions: number; retentionMs: number | null },
  config: Readonly<Record<string, string>> = {},
): TopicSpec => ({
  topic: topic.topic,
  partitions: topic.partitions,
  config: { 'retention.ms': String(topic.retentionMs ?? -1), 'retention.bytes': '-1', ...config },
});

const createTopics = async (): Promise<void> => {
  const broker = openBroker(config.kafka, { clientId: 'provision', logger });
  const admin = await broker.admin();
  try {
    const specs = [
      ...Object.values(topics).map((topic) => specOf(topic)),
      ...deadLetterTopics.map((topic) => specOf(topic, deadLetterTopicConfig)),
    ];
    await admin.createTopics(specs);
    logger.info({ topics: specs.length }, 'topics are there');
  } finally {
    await admin.close();
  }
};

/** One after the other: concurrent first registrations of a registry collide. */
const registerSchemas = async (): Promise<void> => {
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  await registry.setCompatibility('FULL_TRANSITIVE');
  const names = Object.keys(records) as EventType[];
  for (const name of names) {
    const { subject, schema } = records[name];
    await registry.register(subject, schema);
    await registry.setCompatibility('FULL_TRANSITIVE', subject);
  }
  logger.info({ schemas: names.length }, 'schemas are registered');
};

const migrateAnalytics = async (): Promise<void> => {
  await ensureClickHouseDatabase(config.clickhouseUrl);
  const clickhouse = createClickHouse({ url: config.clickhouseUrl });
  try {
    const applied = await migrateClickHouse(clickhouse, projectPath('clickhouse/migrations'));
    logger.info({ applied }, 'ClickHouse is migrated');
  } finally {
    await clickhouse.stop();
  }
};

await Promise.all([createTopics(), registerSchemas(), migrateAnalytics()]);
