import { SpanKind } from '@opentelemetry/api';
import { isBrokenInvariant } from '#platform/assert';
import { isRetriable, PlatformError } from '#platform/errors';
import { firstTime, inboxRetentionMs, prune } from '#platform/inbox/inbox';
import type {
  BatchHandler,
  Broker,
  IncomingRecord,
  Producer,
  TopicPartition,
} from '#platform/messaging/broker';
import { createDeadLetters } from '#platform/messaging/dead-letter';
import { createEventReader, type EventTable, type ReceivedEvent } from '#platform/messaging/events';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { createStreamConsumer } from '#platform/streams/stream-consumer';
import { createTrials, type Trials } from '#platform/streams/trials';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, withSpan } from '#platform/telemetry/tracing';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

/**
 * What a service does when an event arrives: it writes state and appends to the outbox, only through `tx`. It may be
 * run again from the start. A retriable fault holds the partition until the reaction succeeds; a fault that is not
 * retriable sends the event to the dead-letter topic; any other error does so after three tries.
 */
export type Reaction<T extends string, V> = (tx: Tx, event: ReceivedEvent<T, V>) => Promise<void>;

/** Choreography as a table: events of types that are not in it are skipped. */
export type Reactions<E> = { readonly [T in keyof E & string]?: Reaction<T, E[T]> };

export type ReactorOptions<E> = {
  broker: Broker;
  /** With the inbox's tables. */
  db: Database;
  registry: SchemaRegistry;
  /** The topic, key and schema of each event: `records` of the schemas. */
  events: EventTable;
  /** `<service>.<purpose>`; also the inbox's consumer. */
  group: string;
  /** The topics of the types reacted to, if unset. */
  topics?: readonly string[];
  reactions: Reactions<E>;
  /** 100 if unset. */
  eventsPerTransactionMax?: number;
  /** Batches handled at once, each in its own transaction. 1 if unset: two that write the same rows could deadlock. */
  partitionsConcurrentlyMax?: number;
};

const pruneEveryMs = 10 * 60 * 1000;

type Item = { event: ReceivedEvent; record: IncomingRecord };

/**
 * Runs each event's reaction exactly once in effect, those of a partition in order: up to
 * `eventsPerTransactionMax` events, their inbox rows, state and outbox rows are one transaction, and the offset
 * is committed after it. Records that cannot be read go to the dead-letter topic and are skipped.
 *
 * A reaction runs under its event's correlation and inside a consumer span whose parent is the record's
 * `traceparent`, so that the messages it appends to the outbox carry both. `start` does not wait for Kafka. A broken
 * invariant in a reaction ends the process before anything of that transaction is committed.
 */
export const createReactor = <E>(host: Host, options: ReactorOptions<E>): Component => {
  const { broker, db, group } = options;
  const { logger } = host;
  const reactions = options.reactions as Readonly<Record<string, Reaction<string, unknown> | undefined>>;
  const topics = options.topics ?? topicsOf(options.events, Object.keys(reactions));
  const reader = createEventReader(options.registry, options.events);
  let producer: Producer | undefined;
  let consuming: Component | undefined;
  let pruning: NodeJS.Timeout | undefined;

  const handle = (trials: Trials): BatchHandler => {
    const transact = createTransact(host, db, group, reactions, trials);
    const transactionMax = options.eventsPerTransactionMax ?? 100;
    return async ({ topic, partition, records }, control) => {
      const at = { topic, partition };
      await reader.prepare(records);
      for (let from = 0; from < records.length && !control.isStale(); from += transactionMax) {
        const chunk = records.slice(from, from + transactionMax);
        const { items, unread } = await readUntilHeld(at, chunk, trials);
        if (items.length > 0) await transact(items);
        const nextOffset = unread?.record.offset ?? (chunk.at(-1)?.offset ?? -1n) + 1n;
        if (nextOffset > (chunk[0]?.offset ?? 0n)) {
          await control.commit(nextOffset);
          trials.movedTo(at, nextOffset);
        }
        if (unread !== undefined) throw unread.error;
      }
    };
  };

  /** Reads the events up to the first record that cannot be read yet: earlier ones need not wait for it. */
  const readUntilHeld = async (at: TopicPartition, chunk: readonly IncomingRecord[], trials: Trials) => {
    const items: Item[] = [];
    const failed: { record: IncomingRecord; error: unknown }[] = [];
    for (const record of chunk)
      try {
        const event = await reader.read(at, record, (type) => reactions[type] !== undefined);
        if (event !== null) items.push({ event, record });
      } catch (error) {
        failed.push({ record, error });
        if (isRetriable(error)) break;
      }
    // Parked at the same time, because each waits for the broker; the dead letters stay in order.
    const refused = await Promise.all(
      failed.map(({ record, error }) => parkedOr(error, trials.park(at, record, error))),
    );
    const nth = refused.findIndex((error) => error !== undefined);
    const held = failed[nth]?.record;
    if (held === undefined) return { items };
    const before = items.filter(({ record }) => record.offset < held.offset);
    return { items: before, unread: { record: held, error: refused[nth] } };
  };

  const pruneInbox = async (): Promise<void> => {
    const forgotten = await prune(db, host.clock.nowMs() - inboxRetentionMs).catch(() => 0);
    if (forgotten > 0) logger.debug({ forgotten }, 'inbox pruned');
  };

  return {
    name: `reactor ${group}`,
    start: async () => {
      producer = await broker.producer();
      const trials = createTrials(createDeadLetters(host, producer), group);
      consuming = createStreamConsumer(host, {
        broker,
        group,
        topics,
        partitionsConcurrentlyMax: options.partitionsConcurrentlyMax ?? 1,
        handle: handle(trials),
        heldBy: trials.heldBy,
      });
      // Also of the types without a reaction: passing one over takes its schema, which the registry may not give later.
      // If the lookup fails, the first event repeats it.
      void reader.expect(typesOn(options.events, topics)).catch(() => {});
      await consuming.start();
      pruning = setInterval(() => void pruneInbox(), pruneEveryMs);
    },
    stop: async () => {
      clearInterval(pruning);
      await consuming?.stop();
      await producer?.close();
    },
    checkHealth: async () =>
      (await consuming?.checkHealth?.()) ?? { status: 'degraded', detail: 'not started yet' },
    consumers: () => consuming?.consumers?.() ?? [],
  };
};

/** Undefined when the record is in the dead-letter topic; else the reason why it is not. */
const parkedOr = (error: unknown, parking: Promise<boolean>): Promise<unknown> =>
  parking.then(
    (isParked) => (isParked ? undefined : error),
    (refusal: unknown) => refusal,
  );

const typesOn = (events: EventTable, topics: readonly string[]): string[] =>
  Object.entries(events).flatMap(([type, { topic }]) => (topics.includes(topic) ? [type] : []));

const topicsOf = (events: EventTable, types: readonly string[]): string[] => [
  ...new Set(types.flatMap((type) => events[type]?.topic ?? [])),
];

/** Between the tries of an event that failed unexpectedly, which may be a matter of timing. */
const tryAgain = { minMs: 50, maxMs: 200 };

/**
 * Handles all new events in one transaction. When one had to be parked, it runs the transaction again without it. When
 * the transaction fails outside any reaction, each event gets a transaction of its own, so that one event cannot hold
 * the others.
 */
const createTransact = (
  host: Host,
  db: Database,
  group: string,
  reactions: Readonly<Record<string, Reaction<string, unknown> | undefined>>,
  trials: Trials,
) => {
  /** Returns the event whose reaction failed, or that failed alone; none where all are to blame. */
  const attempt = async (
    pending: readonly Item[],
  ): Promise<{ error: unknown; culprit?: Item } | undefined> => {
    let culprit: Item | undefined;
    try {
      await inTransaction(db, async (tx) => {
        culprit = undefined;
        const ids = pending.map(({ event }) => event.eventId);
        const unseen = await firstTime(tx, group, ids);
        for (const item of pending) {
          // The second of two equal events in one batch is not new either.
          if (!unseen.delete(item.event.eventId)) continue;
          culprit = item;
          await reactTo(host, group, item.event, () => reactions[item.event.type]?.(tx, item.event));
          culprit = undefined;
        }
      });
      return undefined;
    } catch (error) {
      const blamed = culprit ?? (pending.length === 1 ? pending[0] : undefined);
      return { error: poisonOf(error), ...(blamed === undefined ? {} : { culprit: blamed }) };
    }
  };

  const transact = async (items: readonly Item[]): Promise<void> => {
    for (let failures = 1; ; failures += 1) {
      const pending = items.filter(({ event, record }) => !trials.isParked(event, record));
      if (pending.length === 0) return;
      const failed = await attempt(pending);
      if (failed === undefined) return;
      const { error, culprit } = failed;
      if (isRetriable(error) || isBrokenInvariant(error)) {
        if (culprit !== undefined) await trials.park(culprit.event, culprit.record, error);
        throw error;
      }
      if (culprit === undefined) {
        for (const item of pending) await transact([item]);
        return;
      }
      if (!(await trials.park(culprit.event, culprit.record, error)))
        await sleep(backoffMs(tryAgain, failures));
    }
  };
  return transact;
};

/** SQLSTATE 22: a value that its column cannot hold. 54: one that is too large for it. No further try stores it. */
const unstorable = /^(22|54)...$/;

const poisonOf = (error: unknown): unknown => {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  if (error instanceof PlatformError || typeof code !== 'string' || !unstorable.test(code)) return error;
  return new PlatformError('datum_meaningless', `cannot be stored: ${message}`, {
    retriable: false,
    cause: error,
  });
};

const reactTo = (
  host: Host,
  group: string,
  event: ReceivedEvent,
  react: () => Promise<void> | undefined,
): Promise<void> =>
  withCorrelation({ correlationId: event.correlationId, causationId: event.eventId }, () =>
    withSpan(
      `react ${event.type}`,
      {
        kind: SpanKind.CONSUMER,
        tracer: host.tracer,
        parent: contextFromTraceparent(event.traceparent),
        attributes: {
          'messaging.system': 'kafka',
          'messaging.destination.name': event.topic,
          'messaging.destination.partition.id': String(event.partition),
          'messaging.kafka.offset': String(event.offset),
          'messaging.consumer.group.name': group,
          'cartstream.correlation_id': event.correlationId,
        },
      },
      async () => react(),
    ),
  );
