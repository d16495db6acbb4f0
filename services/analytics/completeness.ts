import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import type { Broker } from '#platform/messaging/broker';
import { createSharedAdmin } from '#platform/messaging/shared-admin';
import type { Component, Logger } from '#platform/service-host';
import { endsWithin } from '#platform/waiting/deadline';
import { sleep } from '#platform/waiting/sleep';
import { leastComplete, type Reading } from './reading.js';

export type CompletenessGauge = Component & {
  /**
   * Call it before the query whose answer it describes, so that the answer contains everything ingested by then. A
   * reading is shared for 100 ms, and while it is taken anew for as long again. While Kafka does not answer, `asOf` stays
   * the same and `lagMs` grows; a question waits for it 1.5 s at most. `lagMs` is elapsed time: if the wall clock is set
   * back, `asOf` goes back too, as event times do, but `lagMs` does not change. Rejects with a retriable fault as long as
   * it was never read: nothing is then known that an answer could promise.
   */
  read(): Promise<Reading>;
};

const readingMsMax = 100;
/** A question does not wait longer for a broker that does not answer: it then has the last reading, whose `lagMs` grows. */
const waitMsMax = 1_500;
/**
 * The time that an event may take from its clock to the log, where its source does not say how far it is: a transaction
 * has to commit, and the relay has to send the event. `outbox_relay_delay_seconds` measures the delay. If a relay stops
 * for longer, its events arrive although `asOf` has passed them.
 */
const settleMs = 5_000;
/**
 * Where the newest ingested row of a partition that is behind is older, nothing may have happened since: then Kafka is asked
 * how old the first record is that is not ingested.
 */
const quietMs = 2_000;
/** The ages that are tried, youngest first: a second to eight years. */
const agesMs = Array.from({ length: 15 }, (_, nth) => 4 ** nth * 1_000);
/** The time from an event's clock to the beginning of its transaction, which an outbox counts from. */
const beginMs = 1_000;
/** How often a job's outbox is asked whether it has sent what it had, and how many times before `asOf` stands still. */
const sentEveryMs = 25;
const sentTriesMax = 40;

/**
 * The state of one partition: the bounds of the log, and the offset up to which the group has inserted it into
 * ClickHouse.
 */
export type PartitionProgress = { partition: number; high: bigint; nextOffset: bigint | null; low: bigint };

/**
 * The partitions with records in the log that ClickHouse does not have yet. Records deleted from the log do not count.
 */
export const behind = (progress: readonly PartitionProgress[]): number[] =>
  progress
    .filter(({ high, low, nextOffset }) => low < high && (nextOffset ?? low) < high)
    .map(({ partition }) => partition);

export type GaugeOptions = {
  broker: Broker;
  clickhouse: Pick<ClickHouse, 'query'>;
  clock: Clock;
  logger: Logger;
  topic: string;
  /**
   * How long ago (ms) the moment lies up to which the source has sent all: what transactions begun before it have
   * appended is in the log. While it rejects, `asOf` stands still; until it has answered once, there is none.
   */
  sourceAgeMs?: () => Promise<number>;
  /**
   * Where the group inserts the records, in the order of their partitions and offsets. Unset where it does not, or in another
   * order, in which the newest row would be looked for among all: then Kafka is asked how old what it has not read is.
   */
  table?: string;
  /** The table has a column `topic`, and rows of others too. */
  hasOtherTopics?: true;
  /** The rows have times of clients, whose clocks may run ahead: then Kafka is asked too. */
  isTimedByClients?: true;
  group: string;
};

// Over seventy lines: one reading, how it is taken and how long it serves.
/**
 * Compares the log of one topic with the committed offsets of the job that ingests it. If nothing is outstanding, the
 * answer is complete up to when the source had sent all, as it said right before the log was read, or up to `settleMs`
 * before that; else up to `settleMs` before the newest ingested record of the slowest partition, or, after a
 * quiet time, before the first record that is not ingested.
 */
export const createCompletenessGauge = (options: GaugeOptions): CompletenessGauge => {
  const { broker, clickhouse, clock, logger, topic, table, group, sourceAgeMs } = options;
  const { hasOtherTopics, isTimedByClients } = options;
  const log = createLogProgress(broker, topic, group);
  const unsent =
    sourceAgeMs === undefined ? async () => settleMs : unsentMsOf(sourceAgeMs, { logger, topic });
  /** The time up to which everything is in ClickHouse, and when that was last read; both by the monotonic clock. */
  let completeToMs = Number.NEGATIVE_INFINITY;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let version = '';
  let failures = 0;
  let reading: Promise<void> | undefined;

  const refresh = async (): Promise<void> => {
    const askedAtMs = clock.monotonicMs();
    const askedAtWallMs = clock.nowMs();
    try {
      const unsentMs = await unsent();
      const progress = await log.read();
      const late = behind(progress);
      // Rows are inserted before their offsets are committed, so partitions that are behind are looked up in the table.
      const newest =
        late.length === 0 || table === undefined
          ? []
          : await newestIngested(
              clickhouse,
              table,
              progress.filter(({ partition }) => late.includes(partition)),
              hasOtherTopics ? topic : undefined,
            );
      const timed = isTimedByClients ? [] : newest;
      const rowAgeMs = late.length === 0 ? 0 : askedAtWallMs - newestMsOf(timed, late);
      const ageMs = Math.min(
        rowAgeMs,
        rowAgeMs > quietMs
          ? await log.outstandingAgeMs(late, progress, { askedAtWallMs, ageMsMax: rowAgeMs })
          : rowAgeMs,
      );
      const missingMs = late.length === 0 ? 0 : ageMs + settleMs;
      // A row from the future was stamped before the wall clock was set back, so its age cannot be computed. An age
      // since 1970 is that of no row and no record.
      const isKnown = ageMs >= 0 && ageMs < askedAtWallMs;
      if (isKnown) completeToMs = Math.max(completeToMs, askedAtMs - Math.max(missingMs, unsentMs));
      version = versionOf(progress, newest);
    } catch (error) {
      failures += 1;
      version = `unknown-${failures}`;
      logger.warn({ err: error }, 'the completeness of the analytics cannot be read');
    }
    readAtMs = askedAtMs;
  };

  return {
    name: 'completeness',
    start: async () => {},
    stop: log.close,
    read: async () => {
      const ageMs = clock.monotonicMs() - readAtMs;
      if (ageMs > readingMsMax) {
        reading ??= refresh().finally(() => {
          reading = undefined;
        });
        const isFirst = readAtMs === Number.NEGATIVE_INFINITY;
        if (isFirst) await reading;
        else if (ageMs > 2 * readingMsMax) await endsWithin(waitMsMax, reading);
      }
      if (completeToMs === Number.NEGATIVE_INFINITY)
        throw new PlatformError('dependency_unavailable', `how complete ${topic} is was never read`, {
          retriable: true,
        });
      const nowMs = clock.nowMs();
      const lagMs = Math.min(Math.ceil(clock.monotonicMs() - completeToMs), nowMs);
      return { asOfMs: nowMs - lagMs, lagMs, version };
    },
  };
};

/**
 * What of the time before now (ms) the source may not have sent yet; infinite while it rejects, which is logged once each time.
 */
export const unsentMsOf = (
  ageMs: () => Promise<number>,
  { logger, topic }: { logger: Logger; topic: string },
): (() => Promise<number>) => {
  let isAway = false;
  return async () => {
    try {
      const unsentMs = (await ageMs()) + beginMs;
      isAway = false;
      return unsentMs;
    } catch (error) {
      if (!isAway) logger.warn({ err: error, topic }, 'the source of the log does not say how far it is');
      isAway = true;
      return Number.POSITIVE_INFINITY;
    }
  };
};

/**
 * The age of a source (`sourceAgeMs`) that is a job: how long ago lies the time up to which it has read its own sources
 * (`read`) and sent what it made of them. First that time is read; then the job's outbox is asked until it has sent all that
 * was written before. Rejects if that takes longer than a second or so.
 */
export const ageOfJob =
  (
    clock: Pick<Clock, 'monotonicMs'>,
    read: readonly Pick<CompletenessGauge, 'read'>[],
    outboxAgeMs: () => Promise<number>,
  ): (() => Promise<number>) =>
  async () => {
    const { lagMs } = await allOf(...read).read();
    const readAtMs = clock.monotonicMs();
    for (let tries = 0; tries < sentTriesMax; tries += 1) {
      await sleep(sentEveryMs);
      const askedAtMs = clock.monotonicMs();
      // What is read has `beginMs` in it already, and the gauge adds them.
      if ((await outboxAgeMs()) <= askedAtMs - readAtMs) return Math.max(0, lagMs - beginMs);
    }
    throw new PlatformError('dependency_unavailable', 'a job has not sent what it computed', {
      retriable: true,
    });
  };

/** Of an answer from several logs: as complete as the least complete, and another version when any has one. */
export const allOf = (
  ...gauges: readonly Pick<CompletenessGauge, 'read'>[]
): Pick<CompletenessGauge, 'read'> => ({
  read: async () => {
    const readings = await Promise.all(gauges.map((gauge) => gauge.read()));
    return { ...leastComplete(readings), version: readings.map(({ version }) => version).join(' and ') };
  },
});

/** Reads the log's bounds and the group's committed offsets. The connection is opened at the first call. */
const createLogProgress = (broker: Broker, topic: string, group: string) => {
  const admin = createSharedAdmin(broker);

  const read = async (): Promise<PartitionProgress[]> => {
    const open = await admin.open();
    const [log, committed] = await Promise.all([open.offsets(topic), open.committedOffsets(group, topic)]);
    const done = new Map(committed.map(({ partition, nextOffset }) => [partition, nextOffset]));
    return log.map(({ partition, low, high }) => ({
      partition,
      low,
      high,
      nextOffset: done.get(partition) ?? null,
    }));
  };

  /**
   * About how old the oldest record is that was not ingested, at most: all older ones are. Infinite where it is older than
   * `ageMsMax`, and where a record is from the future, stamped before the wall clock was set back.
   */
  const outstandingAgeMs = async (
    late: readonly number[],
    progress: readonly PartitionProgress[],
    { askedAtWallMs, ageMsMax }: { askedAtWallMs: number; ageMsMax: number },
  ): Promise<number> => {
    const open = await admin.open();
    const nextOffsets = new Map(
      progress.map(({ partition, low, nextOffset }) => [partition, nextOffset ?? low]),
    );
    /** Whether the group has ingested every record with an earlier time. */
    const hasAllBefore = async (ms: number): Promise<boolean> => {
      const since = await open.offsetsSince(topic, ms);
      return since.every(
        ({ partition, offset }) => !late.includes(partition) || offset <= (nextOffsets.get(partition) ?? 0n),
      );
    };
    if (await hasAllBefore(askedAtWallMs + quietMs)) return Number.POSITIVE_INFINITY;
    for (const ageMs of agesMs.filter((each) => each < ageMsMax))
      if (await hasAllBefore(askedAtWallMs - ageMs)) return ageMs;
    return Number.POSITIVE_INFINITY;
  };

  return {
    read,
    outstandingAgeMs,
    close: admin.close,
  };
};

type Newest = { partition: number; offset: string; newestMs: number };

/**
 * The last ingested record of each of `late` that is found: rows are inserted before their offset is committed, so it lies at or
 * after the last committed one, and only the rows from there on are read. None is found of a partition of which nothing is
 * committed, or whose last record has no row.
 */
const newestIngested = async (
  clickhouse: Pick<ClickHouse, 'query'>,
  table: string,
  late: readonly PartitionProgress[],
  topic: string | undefined,
): Promise<Newest[]> => {
  const ranges = late.flatMap(({ partition, nextOffset }) =>
    nextOffset === null || nextOffset === 0n
      ? []
      : [`(kafka_partition = ${partition} AND kafka_offset >= ${nextOffset - 1n})`],
  );
  if (ranges.length === 0) return [];
  return await clickhouse.query<Newest>(
    `SELECT kafka_partition AS partition, toString(kafka_offset) AS offset,
       toUnixTimestamp64Milli(occurred_at) AS newestMs
     FROM ${table} WHERE ${topic === undefined ? '' : 'topic = {topic:String} AND '}(${ranges.join(' OR ')})
     ORDER BY kafka_partition, kafka_offset DESC LIMIT 1 BY kafka_partition`,
    topic === undefined ? {} : { topic },
  );
};

/** The event time of the last ingested record of the slowest of `partitions`; 0 if one of them has none. */
const newestMsOf = (newest: readonly Newest[], partitions: readonly number[]): number => {
  const times = new Map(newest.map(({ partition, newestMs }) => [partition, newestMs]));
  return Math.min(...partitions.map((partition) => times.get(partition) ?? 0));
};

const versionOf = (progress: readonly PartitionProgress[], newest: readonly Newest[]): string =>
  [
    ...progress.map(({ partition, nextOffset }) => `${partition}:${nextOffset ?? ''}`),
    ...newest.map(({ partition, offset }) => `${partition}=${offset}`),
  ].join(' ');
