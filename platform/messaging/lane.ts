import { messageOf } from '#platform/errors';
import type {
  IncomingRecord,
  PartitionProgress,
  RecordBatch,
  TopicPartition,
} from '#platform/messaging/broker';

/** The state of one partition in one assignment: what waits, what failed, and how far it was handled. */
export type Lane = {
  at: TopicPartition;
  waiting: RecordBatch[];
  waitingBytes: number;
  /** A batch that failed, to be delivered again before the waiting ones. */
  failed: RecordBatch | undefined;
  failures: number;
  cause: string | undefined;
  unreadable: string | undefined;
  backingOff: boolean;
  paused: boolean;
  /** All records before this offset were handled, or lie before the start. */
  nextOffset: bigint;
  /** The offset after everything fetched so far; once no batch waits, all before it is handled. */
  fetchedTo: bigint;
  highWatermark: bigint;
  /** When the broker last reported it; undefined before. */
  markedAt: number | undefined;
  readableEnd: bigint;
  /** When `nextOffset` last moved, or the first record after it arrived. */
  movedAt: number;
  timer: NodeJS.Timeout | undefined;
};

export type LaneStart = TopicPartition & { nextOffset: bigint; highWatermark?: bigint };

export const newLane = (start: LaneStart): Lane => ({
  at: { topic: start.topic, partition: start.partition },
  waiting: [],
  waitingBytes: 0,
  failed: undefined,
  failures: 0,
  cause: undefined,
  unreadable: undefined,
  backingOff: false,
  paused: false,
  nextOffset: start.nextOffset,
  fetchedTo: start.nextOffset,
  highWatermark: start.highWatermark ?? start.nextOffset,
  markedAt: start.highWatermark === undefined ? undefined : performance.now(),
  readableEnd: start.nextOffset,
  movedAt: performance.now(),
  timer: undefined,
});

/** Adds the records of a fetched batch that the lane neither holds nor has handled; false if there are none. */
export const enqueue = (lane: Lane, batch: RecordBatch, bytes: number): boolean => {
  const records = newRecordsOf(lane, batch);
  if (records.length === 0) return false;
  lane.waiting.push(records === batch.records ? batch : { ...batch, records });
  lane.waitingBytes += bytes;
  return true;
};

const newRecordsOf = (lane: Lane, { records }: RecordBatch): readonly IncomingRecord[] => {
  const held = lane.waiting.at(-1)?.records.at(-1)?.offset ?? lane.failed?.records.at(-1)?.offset ?? -1n;
  const from = held >= lane.nextOffset ? held + 1n : lane.nextOffset;
  if ((records[0]?.offset ?? from) >= from) return records;
  return records.filter((record) => record.offset >= from);
};

export const hasBatch = (lane: Lane): boolean => lane.failed !== undefined || lane.waiting.length > 0;

/** Removes the batch to be delivered next: the one that failed, or else all that wait, merged. */
export const takeBatch = (lane: Lane): RecordBatch => {
  const again = lane.failed;
  lane.failed = undefined;
  if (again !== undefined) return again;
  const batch = merge(lane.waiting);
  lane.waiting = [];
  lane.waitingBytes = 0;
  return batch;
};

const merge = (batches: readonly RecordBatch[]): RecordBatch => {
  const last = batches.at(-1) as RecordBatch;
  return batches.length === 1 ? last : { ...last, records: batches.flatMap((batch) => batch.records) };
};

/** Records that everything before `nextOffset` was handled. An offset that lies behind changes nothing. */
export const advance = (lane: Lane, nextOffset: bigint): void => {
  if (nextOffset <= lane.nextOffset) return;
  lane.nextOffset = nextOffset;
  lane.movedAt = performance.now();
};

/** Records a batch as handled, and with the last one also the offsets behind it that hold no readable record. */
export const complete = (lane: Lane, batch: RecordBatch): void => {
  lane.failures = 0;
  lane.cause = undefined;
  advance(lane, endOf(batch));
  if (lane.waiting.length === 0) advance(lane, lane.fetchedTo);
};

/** Records that a batch failed; the part of it that was not handled is kept as `failed`. */
export const fail = (lane: Lane, batch: RecordBatch, error: unknown): void => {
  const records = batch.records.filter((record) => record.offset >= lane.nextOffset);
  if (records.length > 0) lane.failed = { ...batch, records };
  lane.failures += 1;
  lane.cause = messageOf(error);
};

/** Drops everything that waits; the lane's progress stays to be shown. */
export const close = (lane: Lane): void => {
  clearTimeout(lane.timer);
  lane.waiting = [];
  lane.failed = undefined;
};

/** Records the partition's end, and, where the broker reported it, up to where it can be read. Neither goes back. */
export const mark = (lane: Lane, highWatermark: bigint, readableEnd = lane.readableEnd): void => {
  lane.markedAt = performance.now();
  if (readableEnd > lane.readableEnd) lane.readableEnd = readableEnd;
  if (highWatermark <= lane.highWatermark) return;
  if (lane.highWatermark <= lane.nextOffset) lane.movedAt = performance.now();
  lane.highWatermark = highWatermark;
};

/** True when the broker has a record for the lane that was not fetched, and that can be read. */
export const lacksRecords = (lane: Lane): boolean =>
  lane.unreadable === undefined && lane.readableEnd > lane.fetchedTo;

export const progressOf = (lane: Lane): PartitionProgress => {
  const { at, nextOffset, highWatermark, markedAt, failures, unreadable, cause, movedAt } = lane;
  const isBehind = highWatermark > nextOffset;
  return {
    ...at,
    nextOffset,
    highWatermark: isBehind ? highWatermark : nextOffset,
    endAgeMs: markedAt === undefined ? Number.POSITIVE_INFINITY : performance.now() - markedAt,
    stalledForMs: isBehind ? performance.now() - movedAt : 0,
    failures: unreadable === undefined ? failures : failures + 1,
    cause: unreadable ?? cause,
  };
};

/** The offset after the batch's last record. */
export const endOf = (batch: RecordBatch): bigint => (batch.records.at(-1)?.offset ?? -1n) + 1n;
