import { assert } from '#platform/assert';
import { isRetriable } from '#platform/errors';
import type { BatchHandler, IncomingRecord, RecordBatch, TopicPartition } from '#platform/messaging/broker';
import type { DeadLetters } from '#platform/messaging/dead-letter';
import { type EventReader, eventIdOf } from '#platform/messaging/events';
import { createRecentIds, type RecentIds } from '#platform/messaging/recent-ids';
import type { Host } from '#platform/service-host';
import type { Sale, ShopperActivity } from '#schemas/events';
import type { Step } from '#schemas/similarity-state';
import {
  type Changes,
  learn,
  noChanges,
  type Signal,
  type SimilaritySettings,
  signalOfActivity,
  signalOfSale,
} from './similarity.js';
import type { SimilarityStore } from './similarity-store.js';

export const jobName = 'item-similarity';

export type LearnerOptions = {
  group: string;
  settings: SimilaritySettings;
  /** Records whose changes are applied at once; bounds how long Redis is busy with one script. */
  recordsPerApplyMax: number;
  /** After a loss, at most this many of a partition's newest records are learned again. */
  relearnedPerPartitionMax: number;
  /** How many records behind the first a second record of one event is still known for a repeat. */
  repeatsWithinRecordsMax: number;
};

export type Learner = {
  /**
   * Where to start a partition, given what the log still has of it and what the group has committed. The place to go on
   * from is remembered; reading starts some records before it, to know again what comes a second time.
   */
  startFrom(at: TopicPartition, log: LogBounds): Promise<bigint>;
  handle: BatchHandler;
};

export type LogBounds = { low: bigint; high: bigint; committed: bigint };

/**
 * Learns from records in offset order, each once: the changes of a run of records and its end are one transaction
 * of the store, which refuses a run that does not begin where the last one ended. And from each event once: an outbox
 * relay that died sends a batch again, at other offsets.
 */
export const createLearner = (
  host: Pick<Host, 'metrics' | 'clock'>,
  store: () => Promise<SimilarityStore>,
  reader: EventReader,
  deadLetters: DeadLetters,
  options: LearnerOptions,
): Learner => {
  const lag = host.metrics.gauge(
    'stream_event_lag_seconds',
    'From the newest event learned from to the moment it was learned.',
    ['job'],
  );
  const learned = host.metrics.counter('similarity_records_learned_total', 'Records learned from.', [
    'topic',
  ]);
  const places = new Map<string, bigint>();
  /** Poison before this was parked when it was read the first time. */
  const parkedBefore = new Map<string, bigint>();
  const recentIds = new Map<string, RecentIds>();
  const recentOf = (at: TopicPartition): RecentIds => {
    const known = recentIds.get(placeKey(at)) ?? createRecentIds(options.repeatsWithinRecordsMax);
    recentIds.set(placeKey(at), known);
    return known;
  };
  const placeKey = ({ topic, partition }: TopicPartition) => `${topic}:${partition}`;

  const placeOf = async (at: TopicPartition): Promise<bigint> => {
    const place = await (await store()).nextOffset(at.topic, at.partition);
    // Restarted, the job begins a new state and learns from the log again.
    assert(place !== null, 'the similarity state this job began is still in Redis');
    places.set(placeKey(at), place);
    return place;
  };

  const signalOf = async (batch: RecordBatch, record: IncomingRecord): Promise<Signal | null> => {
    try {
      const event = await reader.read(batch, record);
      const signal =
        event === null
          ? null
          : event.type === 'ShopperActivity'
            ? signalOfActivity(event.value as ShopperActivity)
            : event.type === 'Sale'
              ? signalOfSale(event.value as Sale)
              : null;
      // A client's clock that runs ahead must not lend its events more weight than those of now.
      return signal && { ...signal, atMs: Math.min(signal.atMs, record.timestampMs) };
    } catch (cause) {
      if (isRetriable(cause)) throw cause;
      if (record.offset < (parkedBefore.get(placeKey(batch)) ?? 0n)) return null;
      const { topic, partition } = batch;
      await deadLetters.park({ topic, partition, record, group: options.group, cause, attempts: 1 });
      return null;
    }
  };

  const learnRun = async (batch: RecordBatch, run: readonly IncomingRecord[]): Promise<void> => {
    const from = places.get(placeKey(batch)) ?? (await placeOf(batch));
    const recent = recentOf(batch);
    const records: IncomingRecord[] = [];
    const ids = new Set<string>();
    const unlearned: IncomingRecord[] = [];
    for (const record of run) {
      const id = eventIdOf(record);
      if (record.offset < from) {
        if (id !== undefined) recent.add(id);
        continue;
      }
      records.push(record);
      if (id !== undefined && (recent.has(id) || ids.has(id))) continue;
      if (id !== undefined) ids.add(id);
      unlearned.push(record);
    }
    const last = records.at(-1);
    if (last === undefined) return;
    const signals = (await Promise.all(unlearned.map((record) => signalOf(batch, record)))).filter(
      (signal) => signal !== null,
    );
    const to = last.offset + 1n;
    const current = await store();
    const changes = await foldSignals(current, signals, options.settings);
    const { topic, partition } = batch;
    if ((await current.apply(changes, { topic, partition, from, to })) === 'stale') {
      // An apply whose answer was lost, or another member: see where the partition stands, then try what is left.
      const place = await placeOf(batch);
      assert(place !== from, 'a stale place has moved');
      return learnRun(batch, records);
    }
    places.set(placeKey(batch), to);
    for (const id of ids) recent.add(id);
    learned.inc({ topic }, records.length);
    if (signals.length > 0)
      lag.set({ job: jobName }, Math.max(0, (host.clock.nowMs() - changes.learnedUpToMs) / 1000));
  };

  return {
    startFrom: async (at, { low, high, committed }) => {
      const place = await placeOf(at);
      parkedBefore.set(placeKey(at), committed);
      recentIds.delete(placeKey(at));
      const wanted =
        place > 0n
          ? place - BigInt(options.repeatsWithinRecordsMax)
          : high - BigInt(options.relearnedPerPartitionMax);
      return wanted < low ? low : wanted;
    },
    handle: async (batch, control) => {
      for (let start = 0; start < batch.records.length; start += options.recordsPerApplyMax) {
        if (control.isStale()) return;
        await learnRun(batch, batch.records.slice(start, start + options.recordsPerApplyMax));
        await control.heartbeat();
      }
      const last = batch.records.at(-1);
      // The store knows the place; the group's own offset is for those who watch its lag.
      if (last !== undefined) await control.commit(last.offset + 1n);
    },
  };
};

/** The changes that `signals`, in order, make to what the store holds. */
export const foldSignals = async (
  store: SimilarityStore,
  signals: readonly Signal[],
  settings: SimilaritySettings,
): Promise<Changes> => {
  const ids = (kind: 'visit' | 'basket') => [
    ...new Set(signals.filter(({ within }) => within.kind === kind).map(({ within }) => within.id)),
  ];
  const known = await store.load({ visits: ids('visit'), baskets: ids('basket') });
  const changes = noChanges();
  for (const signal of signals) {
    const { kind, id } = signal.within;
    const [fresh, stored] =
      kind === 'visit' ? [changes.visits, known.visits] : [changes.baskets, known.baskets];
    const steps: readonly Step[] = fresh.get(id) ?? stored.get(id) ?? [];
    learn(changes, signal, steps, settings);
  }
  return changes;
};
