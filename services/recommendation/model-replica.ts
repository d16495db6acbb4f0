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
import type { ListModel } from './recommend.js';

const followedTopics = [
  topics.products,
  topics.orders,
  topics.shopperActivity,
  topics.users,
  topics.config,
].map(({ topic }) => topic);

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
): { model: Model & ListModel; component: Component } => {
  const model = createModel(createRecommender());
  const reader = createEventReader(createSchemaRegistry(schemaRegistryUrl), records);
  let admin: Promise<BrokerAdmin> | undefined;
  const catchUp = createCatchUp(followed);
  const startFrom = async ({ topic, partition }: TopicPartition): Promise<bigint> => {
    admin ??= broker.admin();
    const logs = await (await admin).offsets(topic);
    catchUp.begin(topic, logs);
    const bounds = logs.find((log) => log.partition === partition);
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
    handle: learning(host, (at, record) => reader.read(at, record), model, catchUp),
  });
  return {
    model: { ...model, isReady: catchUp.isDone },
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

type Bounds = { partition: number; low: bigint; high: bigint };

/** Whether everything was learned again that was on the log when it was first looked at. */
const createCatchUp = (topicNames: readonly string[]) => {
  const waiting = new Map<string, bigint>();
  const begun = new Set<string>();
  const nameOf = (topic: string, partition: number) => `${topic}/${partition}`;
  return {
    begin: (topic: string, logs: readonly Bounds[]): void => {
      if (begun.has(topic)) return;
      begun.add(topic);
      for (const { partition, low, high } of logs)
        if (high > low) waiting.set(nameOf(topic, partition), high);
    },
    reached: (topic: string, partition: number, nextOffset: bigint): void => {
      const target = waiting.get(nameOf(topic, partition));
      if (target !== undefined && nextOffset >= target) waiting.delete(nameOf(topic, partition));
    },
    isDone: (): boolean => waiting.size === 0 && begun.size === topicNames.length,
  };
};

type Read = (
  at: TopicPartition,
  record: Parameters<ReturnType<typeof createEventReader>['read']>[1],
) => Promise<ReceivedEvent | null>;

/** A record that cannot be read is passed over: the reactions and jobs have parked it. */
const learning =
  (
    { logger }: Pick<Host, 'logger'>,
    read: Read,
    model: Model,
    catchUp: ReturnType<typeof createCatchUp>,
  ): BatchHandler =>
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
    if (last === undefined) return;
    catchUp.reached(topic, partition, last.offset + 1n);
    control.commitSoon(last.offset + 1n);
  };
