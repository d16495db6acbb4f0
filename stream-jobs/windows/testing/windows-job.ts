import { type ChildProcess, spawn } from 'node:child_process';
import type { BrokerAdmin } from '#platform/messaging/broker';
import { deadLetterTopic } from '#platform/messaging/dead-letter';
import { createDatabase } from '#platform/postgres/pool';
import { engines } from '#platform/testing/engines';
import { testHost } from '#platform/testing/test-host';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { published } from '../topic-sink.js';

/** The topics that the jobs read. */
export const readTopics = [topics.shopperActivity, topics.sales, topics.orders, topics.inventory] as const;

const ofWritten = new Set<string>(published.map((type) => records[type].topic));
const all = [...readTopics, ...Object.values(topics).filter(({ topic }) => ofWritten.has(topic))];

/**
 * Creates the topics of the jobs and their dead-letter topics with a prefix, and returns their names. `partitions` are
 * as on the platform if unset.
 */
export const createJobTopics = async (
  admin: BrokerAdmin,
  prefix: string,
  partitions?: number,
): Promise<string[]> => {
  const wanted = all.flatMap((of) => [
    { topic: prefix + of.topic, partitions: partitions ?? of.partitions },
    { topic: deadLetterTopic(prefix + of.topic), partitions: 1 },
  ]);
  await admin.createTopics(wanted);
  return wanted.map(({ topic }) => topic);
};

export type JobPlace = {
  /** What comes before the names of its topics. */
  prefix: string;
  group: string;
  database: string;
  redisUrl: string;
};

/**
 * The jobs as a process of their own on the shared engines: `command` are Node's arguments. Its logs are on `stdout`,
 * which somebody has to read.
 */
export const startJobProcess = (
  { prefix, group, database, redisUrl }: JobPlace,
  command: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): ChildProcess => {
  const { kafka, schemaRegistryUrl, databaseUrl } = engines();
  return spawn(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      KAFKA_BROKERS: kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      WINDOWS_PORT: '0',
      WINDOWS_GROUP: group,
      WINDOWS_TOPIC_PREFIX: prefix,
      WINDOWS_DATABASE: database,
      ...settings,
    },
  });
};

/** A name for the database of a group's windows. */
export const databaseOf = (group: string): string => group.replaceAll(/[^a-z0-9]/g, '_');

export const dropJobDatabase = async (database: string): Promise<void> => {
  const server = createDatabase(testHost(), { url: engines().databaseUrl });
  await server.query(`DROP DATABASE IF EXISTS cartstream_${database} WITH (FORCE)`);
  await server.stop();
};
