import { assert } from '#platform/assert';
import { isRetriable, PlatformError } from '#platform/errors';
import { wirePrefixBytes } from '#platform/messaging/avro-codec';
import type { BatchControl, IncomingRecord, RecordBatch, RecordPack } from '#platform/messaging/broker';
import { PackCursor } from '#platform/messaging/record-pack';
import { stateAheadOfLog } from '#platform/streams/state-ahead-of-log';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';
import { type Assignment, createAssignment, heartbeatMs } from './assignment.js';
import type { Ownership } from './block-claims.js';
import { type BlockInsertDeps, retryRest } from './block-insert.js';
import { type BlockLimits, createBlockRule } from './block-rule.js';
import { BlockSequence } from './block-sequence.js';
import type { Feed } from './feeds.js';
import type { Gathering } from './gathering.js';
import { createIntake, type Intake, type Outcome, repeated } from './intake.js';
import type { LostRanges } from './lost-ranges.js';
import type { RecordInPlace } from './record-in-place.js';
import { findResumePoint, type Replay } from './resume-point.js';
import { createSeenIds } from './seen-ids.js';
import type { Treatments } from './treatments.js';

export type PipelineDeps = BlockInsertDeps & {
  limits: BlockLimits;
  lostRanges: LostRanges;
  onFatal(error: unknown): void;
};

/**
 * Loads one partition into its table: gives the outcome of each of its records to the sequence of its blocks. Holds the
 * partition while ClickHouse or the registry is away, and never gives up by itself.
 */
export type PartitionPipeline = {
  /** The offset to read from. */
  readonly startOffset: number;
  /** Accepts a batch; returns before its records are inserted. Throws when another process owns the partition. */
  accept(batch: RecordBatch, control: BatchControl): Promise<void>;
  /** Resolves when no block is growing or being inserted; one that is being built again and is not whole is left. */
  drained(): Promise<void>;
  /** Stops after the running insert, or abandons it: the next owner repeats it. */
  end(): Promise<void>;
  progress(): PipelineProgress;
};

export type PipelineProgress = {
  topic: string;
  partition: number;
  /** All records before this offset are in ClickHouse or were skipped. */
  insertedTo: number;
  /** How long `insertedTo` has not moved while a block was growing or being inserted; 0 without a block. */
  stalledForMs: number;
  /** The message of the failure that holds the partition; undefined if none does. */
  heldBy: string | undefined;
};

export type Place = {
  feed: Feed;
  partition: number;
  ownership: Ownership;
  treatments: Treatments;
  /** Null where every block goes in by itself. */
  gathering: Gathering | null;
  /** Records from this offset on are ignored. No bound if unset. */
  untilOffset?: number;
};

/** What Kafka says of a partition when it is opened. */
export type LogBounds = {
  /** The first offset that Kafka still has. */
  start: number;
  /** The next offset to be written. */
  end: number;
  /** What the group has committed, or `start` where nothing is; null where nothing is to be committed. */
  committed: number | null;
};

export const openPipeline = async (
  place: Place,
  log: LogBounds,
  deps: PipelineDeps,
): Promise<PartitionPipeline> => {
  const { feed, partition, ownership, treatments } = place;
  const idsBefore = async (offset: number): Promise<string[]> =>
    feed.repeats === null ? [] : deps.stored.eventIdsBefore(feed, partition, offset, feed.repeats);
  // Before the rows are counted: should a back-fill's table, which lacks the newest block for a moment, take the place of this one
  // in between, rows are missing and the block is built again, with its ids.
  const claimEnd = ownership.newest === null ? null : ownership.newest.lastOffset + 1;
  const idsBeforeClaimEnd = claimEnd === null ? [] : await idsBefore(claimEnd);
  const resumed = await findResumePoint(feed, partition, ownership.newest, {
    stored: deps.stored,
    // A group without an offset has committed nothing, wherever the log begins.
    committed: log.committed !== null && log.committed > log.start ? log.committed : null,
    onDifference: deps.onDifference,
  });
  const { start: logStart } = log;
  let { nextOffset, replay } = resumed;
  if (logStart > nextOffset) {
    await deps.lostRanges.note(feed, partition, nextOffset, logStart);
    if (replay !== null && logStart > replay.lastOffset) replay = null;
    if (replay === null) nextOffset = logStart;
  }
  const seedBefore = replay === null ? nextOffset : replay.lastOffset + 1;
  const seeds = seedBefore === claimEnd ? idsBeforeClaimEnd : await idsBefore(seedBefore);
  const seenIds = feed.repeats === null ? null : createSeenIds(feed.repeats, seeds);
  return new Pipeline(
    place,
    { nextOffset, replay, log, serverStartedAtMs: resumed.serverStartedAtMs },
    createIntake(feed, treatments, seenIds),
    deps,
  );
};

type Start = { nextOffset: number; replay: Replay | null; log: LogBounds; serverStartedAtMs: number };

class Pipeline implements PartitionPipeline {
  readonly startOffset: number;
  readonly #place: Place;
  readonly #deps: PipelineDeps;
  readonly #intake: Intake;
  readonly #assignment: Assignment;
  readonly #blocks: Readonly<BlockSequence>;
  readonly #until: number;
  /** Records before this offset that are not in ClickHouse have been recorded as lost. */
  #lostTo: number;
  /** The offset to be committed with the first batch; null if that is committed already. */
  #uncommitted: number | null;

  constructor(place: Place, start: Start, intake: Intake, deps: PipelineDeps) {
    const { feed, partition, ownership, gathering } = place;
    const { serverStartedAtMs, nextOffset, log } = start;
    this.#uncommitted = log.committed !== null && log.committed < nextOffset ? nextOffset : null;
    // Only a batch brings what can be committed with. So the last record is read again, which is in its table and ignored: on a
    // quiet partition there may be no other for hours.
    const isReadAgain = this.#uncommitted !== null && log.start < nextOffset && nextOffset <= log.end;
    this.startOffset = isReadAgain ? nextOffset - 1 : nextOffset;
    this.#place = place;
    this.#until = place.untilOffset ?? Number.POSITIVE_INFINITY;
    this.#deps = {
      ...deps,
      logger: deps.logger.child({ topic: feed.topic, partition }),
    };
    this.#intake = intake;
    this.#lostTo = log.start;
    this.#assignment = createAssignment({ topic: feed.topic, partition });
    const pipeline = this.#assignment;
    this.#blocks = new BlockSequence({
      start,
      assignment: this.#assignment,
      gathering,
      rule: createBlockRule(deps.limits, feed.blockWaitMs),
      context: { ...this.#deps, feed, partition, ownership, serverStartedAtMs, pipeline },
      onFatal: deps.onFatal,
    });
  }

  async accept(batch: RecordBatch, control: BatchControl): Promise<void> {
    this.#assignment.use(control);
    this.#assignment.assertOurs();
    this.#commitStart();
    while (this.#deps.inFlight.full) {
      await this.#deps.inFlight.room(heartbeatMs);
      await this.#assignment.keepAlive();
    }
    await this.#lookAtLog(batch);
    for (const record of batch.records) {
      if (record.pack === undefined) await this.#takeRecord(record, batch.records);
      else await this.#takePack(record.pack, Number(record.offset));
    }
  }

  drained(): Promise<void> {
    return this.#blocks.drained();
  }

  end(): Promise<void> {
    this.#assignment.end();
    return this.#blocks.end();
  }

  progress(): PipelineProgress {
    const { topic, partition, insertedTo, stalledForMs } = this.#blocks;
    return { topic, partition, insertedTo, stalledForMs, heldBy: this.#assignment.heldBy };
  }

  /** A predecessor may have inserted its last block and not committed it. */
  #commitStart(): void {
    if (this.#uncommitted === null) return;
    const nextOffset = BigInt(this.#uncommitted);
    this.#uncommitted = null;
    this.#assignment.commit(nextOffset).catch((error: unknown) => {
      this.#deps.logger.debug({ err: error }, 'offset not committed');
    });
  }

  /** Notes the log's end, and checks that the log still has the next record to read. */
  async #lookAtLog({ records, highWatermark }: RecordBatch): Promise<void> {
    const { feed, partition } = this.#place;
    const { nextOffset } = this.#blocks;
    // To continue at the stored offset would lose new records, and to read on would mix up two logs.
    if (highWatermark < nextOffset) {
      const at = { topic: feed.topic, partition };
      throw stateAheadOfLog(
        `the table ${feed.table}`,
        at,
        { nextOffset, high: highWatermark },
        { retriable: true },
      );
    }
    const first = records[0];
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    this.#blocks.noteBacklog(highWatermark - last.offset > 1n);
    const readFrom = first.pack === undefined ? Number(first.offset) : first.pack.baseOffset;
    if (readFrom <= nextOffset || readFrom <= this.#lostTo) return;
    const { lostRanges } = this.#deps;
    const logStart = await lostRanges.logStartOf(feed.topic, partition);
    if (logStart > nextOffset)
      await lostRanges.note(feed, partition, Math.max(nextOffset, this.#lostTo), logStart);
    this.#lostTo = Math.max(this.#lostTo, readFrom);
  }

  async #takeRecord(record: IncomingRecord, records: readonly IncomingRecord[]): Promise<void> {
    const blocks = this.#blocks;
    const offset = Number(record.offset);
    if (offset < blocks.nextOffset) return;
    if (offset >= this.#until) return blocks.passOver(this.#until - 1);
    await blocks.endReplayBefore(offset);
    const bytes = record.value ?? nothing;
    const inPlace: RecordInPlace = {
      offset,
      timestampMs: record.timestampMs,
      bytes,
      valueStart: 0,
      valueEnd: record.value === null ? -1 : bytes.length,
      record: () => record,
    };
    const unknownId = this.#take(inPlace);
    if (unknownId !== null) {
      askAhead(
        records.map(({ value }) => ({
          bytes: value ?? nothing,
          valueStart: 0,
          valueEnd: value?.length ?? -1,
        })),
        this.#place.treatments,
      );
      await this.#takeKnown(inPlace, unknownId);
    }
    if (blocks.wantsTraces()) blocks.noteTrace(record.headers.traceparent);
    if (blocks.isDue()) await blocks.handOver();
  }

  async #takePack(pack: RecordPack, lastOffset: number): Promise<void> {
    const blocks = this.#blocks;
    const cursor = new PackCursor(pack);
    // One search of the whole pack shows whether any record has a trace.
    const isTraced = pack.bytes.includes('traceparent');
    while (cursor.next()) {
      if (cursor.offset < blocks.nextOffset) continue;
      if (cursor.offset >= this.#until) break;
      if (blocks.replay !== null) await blocks.endReplayBefore(cursor.offset);
      const unknownId = this.#take(cursor);
      if (unknownId !== null) {
        askAhead(valuesOf(pack), this.#place.treatments);
        await this.#takeKnown(cursor, unknownId);
      }
      // The last digit of the flags says whether the trace is recorded. Few are, so few headers become strings.
      if (
        isTraced &&
        blocks.wantsTraces() &&
        cursor.findHeader('traceparent') &&
        cursor.bytes[cursor.foundEnd - 1] === digitOne
      )
        blocks.noteTrace(cursor.bytes.toString('latin1', cursor.foundStart, cursor.foundEnd));
      if (blocks.isDue()) await blocks.handOver();
    }
    await blocks.passOver(Math.min(lastOffset, this.#until - 1));
  }

  /** Adds a record to the growing block, or returns its schema id if the registry has to be asked first. */
  #take(record: RecordInPlace): number | null {
    const { replay } = this.#blocks;
    const outcome =
      replay?.left.has(record.offset) === true
        ? leftOut(replay, record.offset)
        : this.#intake.judge(record, replay !== null);
    if (outcome.kind === 'unknown_schema') return outcome.schemaId;
    this.#blocks.add(record, outcome);
    return null;
  }

  /** The same after asking the registry, which it retries for as long as the registry is away. */
  async #takeKnown(record: RecordInPlace, unknownId: number): Promise<void> {
    const treatment = await this.#treatmentOf(unknownId);
    if (treatment.kind === 'poison') return this.#blocks.add(record, treatment);
    const again = this.#take(record);
    assert(again === null, 'a schema that was found is known');
  }

  async #treatmentOf(schemaId: number) {
    for (let failures = 0; ; ) {
      try {
        const treatment = await this.#place.treatments.find(schemaId);
        if (failures > 0) this.#assignment.onHeld(undefined);
        return treatment;
      } catch (error) {
        if (!isRetriable(error)) throw error;
        failures += 1;
        this.#assignment.onHeld(error);
        if (failures === 1)
          this.#deps.logger.warn({ err: error, schemaId }, 'held until the registry answers');
        await sleep(backoffMs(retryRest, failures));
        await this.#assignment.keepAlive();
      }
    }
  }
}

/**
 * The outcome of a record that the rebuilt block leaves out. Poison is parked again, because it may not have been
 * parked before.
 */
const leftOut = ({ excludedAt }: Replay, offset: number): Exclude<Outcome, { kind: 'unknown_schema' }> => {
  const known = excludedAt.get(offset);
  if (known === undefined || known.reason === repeated) return { kind: 'passed_over' };
  const cause = new PlatformError(known.reason as PlatformError['code'], known.detail, { retriable: false });
  return { kind: 'poison', cause };
};

const askedAheadMax = 10_000;

/**
 * Looks up all unknown schemas of a pack at the first of them, so that they hold the partition together, not one by
 * one.
 */
const askAhead = (values: Iterable<Value>, treatments: Treatments): void => {
  const ids = new Set<number>();
  for (const { bytes, valueStart, valueEnd } of values) {
    if (ids.size >= askedAheadMax) break;
    if (valueEnd - valueStart < wirePrefixBytes || bytes[valueStart] !== 0) continue;
    const id = bytes.readUInt32BE(valueStart + 1);
    if (treatments.known(id) === undefined) ids.add(id);
  }
  // The outcome is reported when the record itself is judged.
  for (const id of ids) treatments.find(id).catch(() => {});
};

type Value = Pick<RecordInPlace, 'bytes' | 'valueStart' | 'valueEnd'>;

function* valuesOf(pack: RecordPack): Generator<Value> {
  const cursor = new PackCursor(pack);
  while (cursor.next()) yield cursor;
}

const nothing = Buffer.alloc(0);
const digitOne = 0x31;
