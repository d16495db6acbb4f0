import type { BatchHandler, Broker } from '#platform/messaging/broker';
import { deadLetterTopic } from '#platform/messaging/dead-letter';
import { createStreamConsumer } from '#platform/messaging/stream-consumer';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import { letterIn } from './dead-letter.js';
import type { DeadLetterStore } from './dead-letter-store.js';

const pruneEveryMs = 600_000;

type ListenerDeps = {
  db: Database;
  broker: Broker;
  group: string;
  store: DeadLetterStore;
  topics: readonly { topic: string; retentionMs: number }[];
};

/** Keeps every letter of the dead-letter topics, and deletes those whose time is over. */
export const createDeadLetterListener = (
  host: Host,
  { db, broker, group, store, topics }: ListenerDeps,
): Component => {
  const retentionOf = new Map(topics.map(({ topic, retentionMs }) => [topic, retentionMs]));
  const pruning = createPeriodicWork({
    name: 'dead-letters',
    everyMs: pruneEveryMs,
    work: () => store.prune(db),
    onFailure: (error) => host.logger.debug({ err: error }, 'dead letters not pruned'),
  });

  const handle: BatchHandler = async ({ topic, records }, control) => {
    const letters = records
      .flatMap((record) => letterIn(record, retentionOf.get(topic) ?? 0) ?? [])
      // One that names another topic nobody has parked, and a replay that fails could not be parked either.
      .filter(({ parked }) => deadLetterTopic(parked.topic) === topic);
    const last = records.at(-1);
    if (last === undefined) return;
    await inTransaction(db, (tx) => store.keep(tx, letters));
    await control.commit(last.offset + 1n);
  };

  const consumer = createStreamConsumer(host, {
    broker,
    group,
    topics: topics.map(({ topic }) => topic),
    handle,
  });

  return {
    ...consumer,
    name: 'dead-letters',
    start: async () => {
      await consumer.start();
      await pruning.start();
    },
    stop: async () => {
      await pruning.stop();
      await consumer.stop();
    },
  };
};
