import type { Redis } from 'ioredis';
import { createHttpServer } from '#platform/http/server';
import { newId } from '#platform/ids';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createDeadLetters } from '#platform/messaging/dead-letter';
import { createEventReader } from '#platform/messaging/events';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createRedis, redisUnavailable } from '#platform/redis/client';
import type { Component, Host } from '#platform/service-host';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import type { ItemSimilarityConfig } from './config.js';
import { createLearner, jobName, type Learner } from './learner.js';
import { openRedisSimilarityStore } from './redis-store.js';
import { defaultSettings } from './similarity.js';
import type { SimilarityStore } from './similarity-store.js';

/** A run of some hundred records touches some thousand members: more than a command for a page may take. */
const redisCommandTimeoutMs = 5000;
const startRetryMsMax = 2000;
/** Some batches of an outbox relay (`relayBatchMax`): one that dies again and again sends the same one every time. */
const repeatsWithinRecordsMax = 2_000;

/** shopper-activity and sales → which products go together, what is popular, who saw what (Redis `rec:*`). */
export const itemSimilarityJob = async (
  config: ItemSimilarityConfig,
  host: Host,
  { group, sources }: { group: string; sources: readonly string[] } = {
    group: jobName,
    sources: [topics.shopperActivity.topic, topics.sales.topic],
  },
): Promise<void> => {
  const redis = host.use(createRedis(host, config.redisUrl, { commandTimeoutMs: redisCommandTimeoutMs }));
  const broker = host.use(connectBroker(host, config.kafkaBrokers));
  const producer = await broker.producer();
  const learner = createLearner(
    host,
    openOnce(redis.client, () => newId(host.clock), host),
    createEventReader(createSchemaRegistry(config.schemaRegistryUrl), records),
    createDeadLetters(host, producer),
    { ...config, group, settings: defaultSettings, repeatsWithinRecordsMax },
  );
  host.use(createHttpServer(host, { port: config.port, title: 'Cartstream item similarity' }).component);
  host.use(consume(host, broker, learner, group, sources));
};

/** Opens the state when it is first asked for, so that the job starts, and says so, also while Redis is away. */
const openOnce = (redis: Redis, newEpoch: () => string, host: Host): (() => Promise<SimilarityStore>) => {
  let opening: Promise<SimilarityStore> | undefined;
  const open = async (): Promise<SimilarityStore> => {
    const opened = await openRedisSimilarityStore(redis, newEpoch());
    host.logger.info(
      { epoch: opened.epoch },
      opened.isNew ? 'begins a new state, from the log' : 'goes on with the state in Redis',
    );
    return faultsOfRedis(opened);
  };
  return () => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw redisUnavailable(error);
    });
    return opening;
  };
};

const faultsOfRedis = (store: SimilarityStore): SimilarityStore => {
  const orFault = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      throw redisUnavailable(error);
    }
  };
  return {
    load: (ids) => orFault(store.load(ids)),
    apply: (changes, progress) => orFault(store.apply(changes, progress)),
    nextOffset: (topic, partition) => orFault(store.nextOffset(topic, partition)),
  };
};

const consume = (
  host: Host,
  broker: Broker,
  learner: Learner,
  consumerGroup: string,
  sources: readonly string[],
): Component => {
  let admin: BrokerAdmin | undefined;
  const consumer = broker.consumer({
    group: consumerGroup,
    topics: sources,
    partitionsConcurrentlyMax: 3,
    fetchWaitMs: 500,
    startFrom: async (at) => {
      admin ??= await broker.admin();
      const isSame = ({ partition }: { partition: number }) => partition === at.partition;
      const log = (await admin.offsets(at.topic)).find(isSame);
      const group = (await admin.committedOffsets(consumerGroup, at.topic)).find(isSame);
      return learner.startFrom(at, {
        low: log?.low ?? 0n,
        high: log?.high ?? 0n,
        committed: group?.nextOffset ?? 0n,
      });
    },
  });

  /** Until Kafka takes it in: a broker that is only just starting is no reason to die. */
  const run = async (): Promise<void> => {
    for (let failures = 0; !host.stopping.aborted; failures += 1)
      try {
        return await consumer.run(learner.handle);
      } catch (error) {
        host.logger[failures === 0 ? 'warn' : 'debug']({ err: error }, 'cannot consume yet');
        await new Promise((resolve) => setTimeout(resolve, Math.min(200 * 2 ** failures, startRetryMsMax)));
      }
  };

  return {
    name: 'consumer',
    start: async () => {
      consumer.failed.catch(host.onFatal);
      run().catch(host.onFatal);
    },
    stop: async () => {
      await consumer.close();
      await admin?.close();
    },
  };
};
