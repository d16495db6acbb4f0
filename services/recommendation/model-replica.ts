import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRetriable } from '#platform/errors';
import { newId } from '#platform/ids';
import type { BatchHandler, Broker, BrokerAdmin, TopicPartition } from '#platform/messaging/broker';
import { createEventReader, type ReceivedEvent } from '#platform/messaging/events';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import type { Component, Host } from '#platform/service-host';
import { createStreamConsumer } from '#platform/streams/stream-consumer';
import { createRecommender } from '#recommenders/recommender';
import { records } from '#schemas/events';
import { topics, visitsTogetherHeader } from '#schemas/topics';
import { createModel, type Model } from './model.js';

const followedTopics = [topics.products, topics.orders, topics.shopperActivity, topics.users].map(
  ({ topic }) => topic,
);

/** After a start at most so many of a partition's newest records are learned again; the models forget older ones anyway. */
const rereadPerPartitionMax = 300_000;
/** Learning gives other work a turn after so long. */
const turnMs = 4;

/**
 * The models in this process, learned from the log by a consumer group of its own, so that every instance learns
 * everything. They are not stored: after a start they are learned again from the newest records of the log.
 */
export const createModelReplica = (
  host: Host,
  broker: Broker,
  schemaRegistryUrl: string,
  followed: readonly string[] = followedTopics,
): { model: Model; component: Component } => {
  const model = createModel(createRecommender());
  const reader = createEventReader(createSchemaRegistry(schemaRegistryUrl), records);
  let admin: Promise<BrokerAdmin> | undefined;
  const startFrom = async ({ topic, partition }: TopicPartition): Promise<bigint> => {
    admin ??= broker.admin();
    const bounds = (await (await admin).offsets(topic)).find((log) => log.partition === partition);
    const wanted = (bounds?.high ?? 0n) - BigInt(rereadPerPartitionMax);
    const low = bounds?.low ?? 0n;
    return wanted > low ? wanted : low;
  };
  const consumer = createStreamConsumer(host, {
    broker,
    group: `${host.service}.model-${newId(host.clock)}`,
    topics: followed,
    startFrom,
    fetchSpacingMs: 200,
    handle: learning(host, (at, record) => reader.read(at, record), model),
  });
  return {
    model,
    component: {
      ...consumer,
      name: 'model',
      stop: async () => {
        await consumer.stop();
        await (await admin)?.close();
      },
    },
  };
};

type Read = (
  at: TopicPartition,
  record: Parameters<ReturnType<typeof createEventReader>['read']>[1],
) => Promise<ReceivedEvent | null>;

/** A record that cannot be read is passed over: the reactions and jobs have parked it. */
const learning =
  ({ logger }: Pick<Host, 'logger'>, read: Read, model: Model): BatchHandler =>
  async ({ topic, partition, records: batch }, control) => {
    let turnEndsAtMs = performance.now() + turnMs;
    for (const record of batch) {
      try {
        const event = await read({ topic, partition }, record);
        if (event !== null)
          model.take(event, record.timestampMs, Number(record.headers[visitsTogetherHeader]) || 1);
      } catch (error) {
        if (isRetriable(error)) throw error;
        logger.debug({ err: error, topic, partition }, 'nothing to learn');
      }
      if (performance.now() < turnEndsAtMs) continue;
      await nextTurn();
      if (control.isStale()) return;
      turnEndsAtMs = performance.now() + turnMs;
    }
    const last = batch.at(-1);
    if (last !== undefined) control.commitSoon(last.offset + 1n);
  };
