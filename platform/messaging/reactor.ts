import { SpanKind } from '@opentelemetry/api';
import { isRetriable } from '#platform/errors';
import { inboxRetentionMs, prune } from '#platform/inbox/inbox';
import type {
  BatchHandler,
  Broker,
  IncomingRecord,
  Producer,
  TopicPartition,
} from '#platform/messaging/broker';
import { createDeadLetters, type DeadLetters } from '#platform/messaging/dead-letter';
import {
  type BrokenRule,
  createEventReader,
  type EventReader,
  type EventTable,
  type ReceivedEvent,
} from '#platform/messaging/events';
import {
  createReactionTransactions,
  type Item,
  type ReactionTransactions,
} from '#platform/messaging/reaction-transactions';
import { replayedFor } from '#platform/messaging/replay';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import { createStreamConsumer } from '#platform/messaging/stream-consumer';
import { createTrials, type Trials } from '#platform/messaging/trials';
import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, withSpan } from '#platform/telemetry/tracing';
import { createPeriodicWork } from '#platform/waiting/periodic-work';

/**
 * What a service does when an event arrives: it writes state and appends to the outbox, only through `tx`. It may be
 * run again from the start. A retriable fault holds the partition until the reaction succeeds; a fault that is not
 * retriable sends the event to the dead-letter topic; any other error does so after three tries.
 */
export type Reaction<T extends string, V> = ((tx: Tx, event: ReceivedEvent<T, V>) => Promise<void>) & {
  readonly recognisesRepeats?: true;
};

/**
 * Marks a reaction whose effects all recognise repeats by themselves, by a version or a key, and that writes nothing about a
 * person, who may have been erased since. Its events get no inbox row: the row would save the work of the few that come
 * again, and cost every event more than that work.
 */
export const recognisingRepeats = <T extends string, V>(
  react: (tx: Tx, event: ReceivedEvent<T, V>) => Promise<void>,
): Reaction<T, V> => Object.assign(react, { recognisesRepeats: true as const });

/** Choreography as a table: events of types that are not in it are skipped. */
export type Reactions<E> = { readonly [T in keyof E & string]?: Reaction<T, E[T]> };

export type ReactorOptions<E> = {
  broker: Broker;
  /** With the inbox's tables. */
  db: Database;
  registry: SchemaRegistry;
  /** The topic, key and schema of each event: `records` of the schemas. */
  events: EventTable;
  /** What the schemas cannot say of their values. If unset, whatever fits its schema is handled. */
  brokenRule?: BrokenRule;
  /** `<service>.<purpose>`; also the inbox's consumer. */
  group: string;
  /** The topics of the types reacted to, if unset. */
  topics?: readonly string[];
  reactions: Reactions<E>;
  /** The topic with parked records that are to be handled again: `replaysTopic`. None if unset. */
  replays?: string;
  /** Where records go that cannot be handled; the dead-letter topics of their topics if unset. */
  deadLetters?: DeadLetters;
  /** 200 if unset. */
  eventsPerTransactionMax?: number;
  /** As of a consumer. */
  fetchSpacingMs?: number;
  /** How long each transaction waits while the event loop is busy. 0 if unset. */
  yieldMs?: number;
};

const pruneEveryMs = 10 * 60 * 1000;
const prunedAtOnceMax = 10_000;

/** Partitions whose events may go into one transaction, or wait for the next. */
const partitionsConcurrentlyMax = 16;

// Over seventy lines: one consumer group, whose batches, replays and life share its reader and its transactions.
/**
 * Runs each event's reaction exactly once in effect, those of a key in order: up to `eventsPerTransactionMax` events of
 * all partitions, their inbox rows, state and outbox rows are one transaction, and the offsets are committed after it.
 * Reactions that are `recognisingRepeats` do without inbox rows.
 * Events of different keys are handled side by side, so that what their reactions gather becomes one statement for all.
 * Records that cannot be read go to the dead-letter topic and are skipped.
 *
 * A reaction runs under its event's correlation and inside a consumer span whose parent is the record's
 * `traceparent`, so that the messages it appends to the outbox carry both. `start` does not wait for Kafka. A broken
 * invariant in a reaction ends the process before anything of that transaction is committed.
 */
export const createReactor = <E>(host: Host, options: ReactorOptions<E>): Component => {
  const { broker, db, group } = options;
  const { logger } = host;
  const reactions = options.reactions as Readonly<Record<string, Reaction<string, unknown> | undefined>>;
  const own = options.topics ?? topicsOf(options.events, Object.keys(reactions));
  const topics = options.replays === undefined ? own : [...own, options.replays];
  const reader = createEventReader(options.registry, options.events, options.brokenRule);
  let producer: Producer | undefined;
  let consuming: Component | undefined;
  const pruning = createPeriodicWork({
    name: 'inbox',
    everyMs: pruneEveryMs,
    work: async () => {
      const forgotten = await prune(db, host.clock.nowMs() - inboxRetentionMs, {
        rowsMax: prunedAtOnceMax,
        stopping: host.stopping,
      });
      if (forgotten > 0) host.logger.debug({ forgotten }, 'inbox pruned');
    },
    onFailure: (error) => host.logger.debug({ err: error }, 'inbox not pruned'),
  });

  const wants = (type: string): boolean => reactions[type] !== undefined;

  const transactionsWith = (trials: Trials, eventsMax: number) =>
    createReactionTransactions({
      db,
      group,
      eventsMax,
      yieldMs: options.yieldMs ?? 0,
      trials,
      logger,
      needsInbox: ({ type }) => reactions[type]?.recognisesRepeats !== true,
      react: (tx, event) => reactTo(host, group, event, () => reactions[event.type]?.(tx, event)),
    });

  const handle = (trials: Trials, handleReplays: BatchHandler): BatchHandler => {
    const readUntilHeld = createHeldReader(reader, wants, trials);
    const transactionMax = options.eventsPerTransactionMax ?? 200;
    const transactions = transactionsWith(trials, transactionMax);
    return async (batch, control) => {
      const { topic, partition, records } = batch;
      if (topic === options.replays) return handleReplays(batch, control);
      const at = { topic, partition };
      await reader.prepare(records);
      for (let from = 0; from < records.length && !control.isStale(); from += transactionMax) {
        const chunk = records.slice(from, from + transactionMax);
        const { items, unread } = await readUntilHeld(at, chunk);
        await transactions.handle(items);
        const nextOffset = unread?.record.offset ?? (chunk.at(-1)?.offset ?? -1n) + 1n;
        if (nextOffset > (chunk[0]?.offset ?? 0n)) {
          // A dead letter is sent again if its record is read again; the inbox or the state recognises every other repeat.
          if (chunk.some((record) => trials.isParked(at, record))) await control.commit(nextOffset);
          else control.commitSoon(nextOffset);
          trials.movedTo(at, nextOffset);
        }
        if (unread !== undefined) throw unread.error;
      }
    };
  };

  return {
    name: `reactor ${group}`,
    start: async () => {
      producer = await broker.producer();
      const deadLetters = options.deadLetters ?? createDeadLetters(host, producer);
      const trials = createTrials(deadLetters, group);
      // Their own, because a replayed record has a place that its partition has long passed.
      const replayTrials = createTrials(deadLetters, group);
      const handleReplays = createReplayHandler(group, {
        readUntilHeld: createHeldReader(reader, wants, replayTrials),
        transactions: transactionsWith(replayTrials, 1),
        trials: replayTrials,
        prepare: reader.prepare,
      });
      consuming = createStreamConsumer(host, {
        broker,
        group,
        topics,
        partitionsConcurrentlyMax,
        fetchSpacingMs: options.fetchSpacingMs ?? 0,
        handle: handle(trials, handleReplays),
        heldBy: trials.heldBy,
      });
      // Also of the types without a reaction: passing one over takes its schema, which the registry may not give later.
      // If the lookup fails, the first event repeats it.
      void reader.expect(typesOn(options.events, own)).catch(() => {});
      await consuming.start();
      await pruning.start();
    },
    stop: async () => {
      await pruning.stop();
      await consuming?.stop();
      await producer?.close();
    },
    checkHealth: async () =>
      (await consuming?.checkHealth?.()) ?? { status: 'degraded', detail: 'not started yet' },
    consumers: () => consuming?.consumers?.() ?? [],
  };
};

/** Reads the events up to the first record that cannot be read yet: earlier ones need not wait for it. */
const createHeldReader =
  (reader: EventReader, wants: (type: string) => boolean, trials: Trials) =>
  async (at: TopicPartition, chunk: readonly IncomingRecord[]) => {
    const items: Item[] = [];
    const failed: { record: IncomingRecord; error: unknown }[] = [];
    for (const record of chunk)
      try {
        const event = await reader.read(at, record, wants);
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

/** Handles the replays for this group, one after the other, each as the record that it was at its own place. */
const createReplayHandler =
  (
    group: string,
    {
      readUntilHeld,
      transactions,
      trials,
      prepare,
    }: {
      readUntilHeld: ReturnType<typeof createHeldReader>;
      transactions: ReactionTransactions;
      trials: Pick<Trials, 'movedTo'>;
      prepare: EventReader['prepare'];
    },
  ): BatchHandler =>
  async ({ records }, control) => {
    for (const record of records) {
      if (control.isStale()) return;
      const replay = replayedFor(group, record);
      if (replay !== undefined) {
        await prepare([replay.record]);
        const { items, unread } = await readUntilHeld(replay.at, [replay.record]);
        await transactions.handle(items);
        if (unread !== undefined) throw unread.error;
        // The next replay of the same record is tried anew.
        trials.movedTo(replay.at, replay.record.offset + 1n);
      }
      await control.commit(record.offset + 1n);
    }
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
