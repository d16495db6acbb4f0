import { assert, isBrokenInvariant } from '#platform/assert';
import { isRetriable } from '#platform/errors';
import type { BatchControl, IncomingRecord, RecordBatch, TopicPartition } from '#platform/messaging/broker';
import type { EventReader, ReceivedEvent } from '#platform/messaging/events';
import { partitionName } from '#platform/messaging/partition-name';
import type { Trials } from '#platform/messaging/trials';
import type { Host } from '#platform/service-host';
import { createEventLag } from '#platform/streams/event-lag';
import type { RepeatedIds } from '#platform/streams/recent-ids';
import { createRepeatFilter, type DistinctRecord, type RepeatFilter } from '#platform/streams/repeat-filter';
import { stateAheadOfLog } from '#platform/streams/state-ahead-of-log';
import type { StateStore } from '#platform/streams/state-store';

/**
 * How a stream job accumulates events: `inputOf` turns an event into an input `I`, `changesOf` turns inputs into
 * changes `C` of the state `S`. Both functions have no effects and may be called again.
 */
export type StreamFold<I, C, S extends StateStore<C>> = {
  /**
   * The input that an event is to the job; null for an event without meaning to it. Pure. The record's `timestampMs` is
   * Kafka's own time (epoch ms): an event cannot have happened after it, even if a client's clock says so.
   */
  inputOf(event: ReceivedEvent, record: Pick<IncomingRecord, 'timestampMs' | 'headers'>): I | null;
  /** The changes that `inputs`, in order, make to the state; for an empty list, no changes. */
  changesOf(state: S, inputs: readonly I[]): Promise<C>;
};

export type FoldLimits = {
  /**
   * The most records whose changes are applied at once; bounds the time that one transaction takes the state's engine.
   */
  recordsPerApplyMax: number;
  /** After the state was lost, at most this many of a partition's newest records are folded again. */
  rereadPerPartitionMax: number;
};

export type LogBounds = { low: bigint; high: bigint; committed: bigint };

export type FoldHandler = {
  /**
   * The offset at which to start reading a partition, given the log's bounds and the group's committed offset. It lies
   * some records before the offset that the state has reached, so that later repeats of these records are recognised, unless
   * this process knows them from the last assignment, and not before the log begins. Where the log begins behind the state,
   * it is where the state ends: what lies between is lost. Rejects with `state_ahead_of_log` where the state has more records
   * than the log: it was made anew or cut off, and what is appended would be taken for what the state has.
   */
  startFrom(at: TopicPartition, boundsOfLog: () => Promise<LogBounds>): Promise<bigint>;
  handle(batch: RecordBatch, control: BatchControl): Promise<void>;
};

type Taken<I> = { record: IncomingRecord; input: I; atMs: number };

type FoldParts<I, C, S extends StateStore<C>> = {
  job: string;
  fold: StreamFold<I, C, S>;
  /** Called before each run; resolves to the same state for as long as the state exists. */
  state(): Promise<S>;
  reader: Pick<EventReader, 'prepare' | 'read'>;
  trials: Trials;
  repeatsOn(topic: string): RepeatedIds;
  limits: FoldLimits;
};

/** What the handler has found out about a partition since it was assigned. */
type Place = {
  /** The state's next offset in the partition; undefined until the state was asked. */
  nextOffset: bigint | undefined;
  /** Poison records before this offset were parked when they were read the first time. */
  parkedBefore: bigint;
  repeats: RepeatFilter;
};

/**
 * Folds records in offset order, each once: the state writes the changes of a run of records and its end in one
 * transaction, and refuses a run that does not begin where the last one ended. It also folds each event once, although
 * an outbox relay that died sends a batch again at other offsets. A record that cannot be folded is parked and skipped.
 */
export const createFoldHandler = <I, C, S extends StateStore<C>>(
  host: Pick<Host, 'metrics' | 'clock'>,
  parts: FoldParts<I, C, S>,
): FoldHandler => {
  const { state, reader, trials, repeatsOn, limits } = parts;
  const report = foldReport(host, parts.job);
  const attempts = createFoldAttempts(parts);
  const places = createPlaces(state, repeatsOn);

  /** Resolves to whether a record of the run is in the dead-letter topic. */
  const foldRun = async (at: TopicPartition, run: readonly IncomingRecord[]): Promise<boolean> => {
    const place = places.of(at);
    const from = place.nextOffset ?? (await places.ask(at));
    const distinct = place.repeats.distinct(run, from);
    const fresh = run.filter(({ offset }) => offset >= from);
    const last = fresh.at(-1);
    if (last === undefined) return false;
    const to = last.offset + 1n;
    const current = await state();
    const taken = await attempts.takeIn(at, distinct, place.parkedBefore);
    const changes = await attempts.changesOf(at, current, taken);
    if ((await current.apply(changes, { topic: at.topic, partition: at.partition, from, to })) === 'stale') {
      // An apply whose answer was lost, or another member, was faster: ask for the partition's offset, then fold the
      // rest.
      assert((await places.ask(at)) !== from, 'a stale place has moved');
      place.repeats.missed();
      return foldRun(at, fresh);
    }
    place.nextOffset = to;
    const hasParked = run.some((record) => trials.isParked(at, record));
    trials.movedTo(at, to);
    for (const { id } of distinct) place.repeats.remember(id);
    report(at.topic, fresh.length, taken);
    return hasParked;
  };

  return {
    startFrom: async (at, boundsOfLog) => {
      const { nextOffset, place } = await places.resume(at);
      // Read behind the state, which another member may still be adding to.
      const { low, high, committed } = await boundsOfLog();
      if (nextOffset > high)
        throw stateAheadOfLog('the state', at, { nextOffset, high }, { retriable: false });
      place.parkedBefore = committed;
      if (nextOffset > 0n && nextOffset < low) return nextOffset;
      const wanted =
        nextOffset > 0n
          ? nextOffset - place.repeats.recordsUnknown
          : high - BigInt(limits.rereadPerPartitionMax);
      return wanted < low ? low : wanted;
    },
    handle: async (batch, control) => {
      const at = { topic: batch.topic, partition: batch.partition };
      await reader.prepare(batch.records);
      let hasParked = false;
      for (let start = 0; start < batch.records.length; start += limits.recordsPerApplyMax) {
        if (control.isStale()) return;
        const run = batch.records.slice(start, start + limits.recordsPerApplyMax);
        hasParked = (await foldRun(at, run)) || hasParked;
        await control.heartbeat();
      }
      const last = batch.records.at(-1);
      if (last === undefined) return;
      // The state holds the offset that counts; the committed one shows the lag to operators, and what is parked already.
      if (hasParked) await control.commit(last.offset + 1n);
      else control.commitSoon(last.offset + 1n);
    },
  };
};

/** What the handler has found out about each partition; `ask` asks the state for a partition's next offset. */
const createPlaces = <C, S extends StateStore<C>>(
  state: () => Promise<S>,
  repeatsOn: FoldParts<unknown, C, S>['repeatsOn'],
) => {
  const places = new Map<string, Place>();

  const of = (at: TopicPartition): Place => {
    const found = places.get(partitionName(at));
    if (found !== undefined) return found;
    const place: Place = {
      nextOffset: undefined,
      parkedBefore: 0n,
      repeats: createRepeatFilter(repeatsOn(at.topic)),
    };
    places.set(partitionName(at), place);
    return place;
  };

  const ask = async (at: TopicPartition): Promise<bigint> => {
    const nextOffset = await (await state()).nextOffset(at.topic, at.partition);
    // After a restart the job begins a new state and folds the log again.
    assert(nextOffset !== null, 'the state this job began is still there');
    of(at).nextOffset = nextOffset;
    return nextOffset;
  };

  return {
    of,
    ask,
    /** For a new assignment. What is known of the partition stays, unless another member has moved it meanwhile. */
    resume: async (at: TopicPartition): Promise<{ nextOffset: bigint; place: Place }> => {
      const before = of(at).nextOffset;
      const nextOffset = await ask(at);
      if (nextOffset !== before) {
        places.delete(partitionName(at));
        of(at).nextOffset = nextOffset;
      }
      return { nextOffset, place: of(at) };
    },
  };
};

/** Converts records to inputs and inputs to changes. Records that cannot be folded are parked and left out. */
const createFoldAttempts = <I, C, S extends StateStore<C>>({ fold, reader, trials }: FoldParts<I, C, S>) => {
  const takeInOne = async (
    at: TopicPartition,
    record: IncomingRecord,
    parkedBefore: bigint,
  ): Promise<Taken<I> | null> => {
    try {
      const event = await reader.read(at, record);
      const input = event === null ? null : fold.inputOf(event, record);
      if (event === null || input === null) return null;
      return { record, input, atMs: Math.min(event.occurredAt, record.timestampMs) };
    } catch (error) {
      if (record.offset < parkedBefore && !isRetriable(error) && !isBrokenInvariant(error)) return null;
      if (!(await trials.park(at, record, error))) throw error;
      return null;
    }
  };

  const firstToFail = async (state: S, taken: readonly Taken<I>[]): Promise<IncomingRecord | undefined> => {
    for (const { record, input } of taken)
      try {
        await fold.changesOf(state, [input]);
      } catch (error) {
        if (isRetriable(error)) throw error;
        return record;
      }
    return undefined;
  };

  return {
    takeIn: async (at: TopicPartition, records: readonly DistinctRecord[], parkedBefore: bigint) =>
      (await Promise.all(records.map(({ record }) => takeInOne(at, record, parkedBefore)))).filter(
        (each) => each !== null,
      ),
    /**
     * The changes of all records that can be folded. If folding them together fails, each is folded alone to find the
     * faulty one.
     */
    changesOf: async (at: TopicPartition, state: S, taken: readonly Taken<I>[]): Promise<C> => {
      for (;;) {
        const left = taken.filter(({ record }) => !trials.isParked(at, record));
        try {
          return await fold.changesOf(
            state,
            left.map(({ input }) => input),
          );
        } catch (error) {
          if (isRetriable(error) || isBrokenInvariant(error)) throw error;
          const culprit = await firstToFail(state, left);
          if (culprit === undefined || !(await trials.park(at, culprit, error))) throw error;
        }
      }
    },
  };
};

const foldReport = (host: Pick<Host, 'metrics' | 'clock'>, job: string) => {
  const lag = createEventLag(host);
  const folded = host.metrics.counter('stream_records_folded_total', 'Records whose changes are applied.', [
    'job',
    'topic',
  ]);
  return (topic: string, records: number, taken: readonly Taken<unknown>[]): void => {
    folded.inc({ job, topic }, records);
    lag([job], taken);
  };
};
