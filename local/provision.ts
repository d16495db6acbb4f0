/**
 * Prepares the engines for the services: creates topics and dead-letter topics, registers schemas under
 * FULL_TRANSITIVE, migrates ClickHouse. Idempotent. `npm start` runs it before any service, Docker Compose as a
 * container of its own.
 */
import { createClickHouse } from '#platform/clickhouse/client';
import { ensureClickHouseDatabase, migrateClickHouse } from '#platform/clickhouse/migrate';
import { loadConfig } from '#platform/config';
import { isRetriable } from '#platform/errors';
import { openBroker } from '#platform/messaging/open-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';
import { type EventType, records } from '#schemas/events';
import { provisionConfig } from './provision-config.js';
import { topicSpecs } from './topic-specs.js';

const config = loadConfig(provisionConfig, process.env);
const logger = createLogger('provision');
const triesMax = 6;
const pauses = { minMs: 500, maxMs: 8_000 };

const createTopics = async (): Promise<void> => {
  const broker = openBroker(config.kafka, { clientId: 'provision', logger });
  const admin = await broker.admin();
  try {
    const specs = topicSpecs(config.replication);
    await admin.createTopics(specs);
    logger.info({ topics: specs.length }, 'topics are there');
  } finally {
    await admin.close();
  }
};

/** Registers one schema after the other, because concurrent first registrations collide in the registry. */
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
  await ensureClickHouseDatabase(config.clickhouseUrl, config.clickhouseCluster);
  const clickhouse = createClickHouse({ url: config.clickhouseUrl });
  try {
    const applied = await migrateClickHouse(
      clickhouse,
      projectPath('clickhouse/migrations'),
      config.clickhouseCluster,
    );
    logger.info({ applied }, 'ClickHouse is migrated');
  } finally {
    await clickhouse.stop();
  }
};

/** An engine that has just started, on a machine with much to do, may answer late: that ends no start. */
const untilDone = async (work: () => Promise<void>): Promise<void> => {
  for (let failures = 1; ; failures += 1)
    try {
      return await work();
    } catch (error) {
      if (!isRetriable(error) || failures === triesMax) throw error;
      logger.warn({ err: error }, 'an engine did not answer, trying again');
      await sleep(backoffMs(pauses, failures));
    }
};

await Promise.all([createTopics, registerSchemas, migrateAnalytics].map(untilDone));
