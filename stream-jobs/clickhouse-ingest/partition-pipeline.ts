import { assert } from '#platform/assert';
import { isRetriable, messageOf, PlatformError } from '#platform/errors';
import { wirePrefixBytes } from '#platform/messaging/avro-codec';
import type { BatchControl, IncomingRecord, RecordBatch, RecordPack } from '#platform/messaging/broker';
import { PackCursor } from '#platform/messaging/record-pack';
import { backoffMs } from '#platform/waiting/backoff';
import { endsWithin } from '#platform/waiting/deadline';
import { sleep } from '#platform/waiting/sleep';
import { addToBlock, type Block, openBlock } from './block.js';
import type { Claim, Ownership } from './block-claims.js';
import {
  type BlockInsertDeps,
  type ClosedBlock,
  closeBlock,
  type InsertContext,
  type InsertingPipeline,
  insertBlock,
  retryRest,
} from './block-insert.js';
import { type BlockLimits, type BlockRule, createBlockRule } from './block-rule.js';
import type { Feed } from './feeds.js';
import type { Gathering, GatherMember } from './gathering.js';
import { createIntake, type Intake, type Outcome, repeated } from './intake.js';
import type { LostRanges } from './lost-ranges.js';
import { hasMoved, PartitionMoved } from './partition-moved.js';
import type { RecordInPlace } from './record-in-place.js';
import { createRepeats } from './repeats.js';
import { findResumePoint, type Replay } from './resume-point.js';
import type { Treatments } from './treatments.js';

export type PipelineDeps = BlockInsertDeps & {
  limits: PipelineLimits;
  lostRanges: LostRanges;
  onFatal(error: unknown): void;
};

export type PipelineLimits = BlockLimits & {
  /**
   * The rows of a claim older than this are looked up by their offsets, because ClickHouse may have dropped its token.
   */
  tokenTrustedMs: number;
};

/**
 * Loads one partition into its table as a sequence of blocks: one grows while the previous one is inserted. Holds the
 * partition while ClickHouse or the registry is away, and never gives up by itself.
 */
export type PartitionPipeline = {
  /** The offset to read from. */
  readonly startOffset: number;
  /** Accepts a batch; returns before its records are inserted. Throws when another process owns the partition. */
  accept(batch: RecordBatch, control: BatchControl): Promise<void>;
  /** Resolves when no block is growing or being inserted. */
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

const tracedPerBlockMax = 100;
const heartbeatMs = 1_000;
const closeWaitMsMax = 2_000;

/** `logStart` is the first offset that Kafka still has. */
export const openPipeline = async (
  place: Place,
  logStart: number,
  deps: PipelineDeps,
): Promise<PartitionPipeline> => {
  const { feed, partition, ownership, treatments } = place;
  const resumed = await findResumePoint(feed, partition, ownership.newest, {
    stored: deps.stored,
    tokenTrustedMs: deps.limits.tokenTrustedMs,
    onDifference: deps.onDifference,
  });
  let { position, replay } = resumed;
  if (logStart > position) {
    await deps.lostRanges.note(feed, partition, position, logStart);
    if (replay !== null && logStart > replay.lastOffset) replay = null;
    if (replay === null) position = logStart;
  }
  const seedBefore = replay === null ? position : replay.lastOffset + 1;
  const repeats =
    feed.repeats === null
      ? null
      : createRepeats(
          feed.repeats,
          await deps.stored.eventIdsBefore(feed, partition, seedBefore, feed.repeats),
        );
  return new Pipeline(
    place,
    { position, replay, logStart, serverStartedAtMs: resumed.serverStartedAtMs },
    createIntake(feed, treatments, repeats),
    deps,
  );
};

type Start = { position: number; replay: Replay | null; logStart: number; serverStartedAtMs: number };

class Pipeline implements PartitionPipeline, InsertingPipeline, GatherMember {
  readonly startOffset: number;
  readonly topic: string;
  readonly partition: number;
  readonly #place: Place;
  readonly #deps: PipelineDeps;
  readonly #intake: Intake;
  readonly #rule: BlockRule;
  readonly #insertContext: InsertContext;
  readonly #until: number;
  /** All records before this offset are in a block or in ClickHouse. */
  #position: number;
  #insertedTo: number;
  /** Records before this offset that are not in ClickHouse have been recorded as lost. */
  #lostTo: number;
  #replay: Replay | null;
  #growing: Block | null = null;
  #inserting: Promise<void> | null = null;
  /** The block that was closed last. */
  #closed = { bytes: 0, end: 0 };
  #timer: NodeJS.Timeout | undefined;
  #isBehind = false;
  #isClosed = false;
  #lastInsertMs = 0;
  /** The control of the newest batch, by which blocks are committed. */
  #control: BatchControl | null = null;
  #heldBy: string | undefined;
  /** When a block was last inserted, or began to wait for its insert; by the monotonic clock. */
  #movedAtMs: number;

  constructor(place: Place, start: Start, intake: Intake, deps: PipelineDeps) {
    const { feed, partition, ownership } = place;
    this.startOffset = start.position;
    this.#place = place;
    this.#until = place.untilOffset ?? Number.POSITIVE_INFINITY;
    this.#deps = {
      ...deps,
      logger: deps.logger.child({ topic: feed.topic, partition }),
    };
    this.#intake = intake;
    this.#rule = createBlockRule(deps.limits, feed.blockWaitMs);
    this.#position = start.position;
    this.#insertedTo = start.position;
    this.#lostTo = start.logStart;
    this.#replay = start.replay;
    this.#movedAtMs = deps.clock.monotonicMs();
    const { serverStartedAtMs } = start;
    this.topic = feed.topic;
    this.partition = partition;
    this.#insertContext = { ...this.#deps, feed, partition, ownership, serverStartedAtMs, pipeline: this };
    place.gathering?.join(this);
  }

  async accept(batch: RecordBatch, control: BatchControl): Promise<void> {
    this.#control = control;
    this.assertOurs();
    while (this.#deps.inFlight.full) {
      await this.#deps.inFlight.room(heartbeatMs);
      await this.#keepAlive(control);
    }
    await this.#lookAtLog(batch);
    for (const record of batch.records) {
      if (record.pack === undefined) await this.#takeRecord(record, batch.records, control);
      else await this.#takePack(record.pack, Number(record.offset), control);
    }
  }

  async drained(): Promise<void> {
    while (!this.#isClosed && (this.#growing !== null || this.#inserting !== null)) {
      if (this.#inserting === null) this.#beginInsert();
      await this.#inserting;
    }
  }

  async end(): Promise<void> {
    this.#isClosed = true;
    this.#place.gathering?.leave(this);
    clearTimeout(this.#timer);
    if (this.#inserting !== null) await endsWithin(closeWaitMsMax, this.#inserting);
    if (this.#growing !== null) this.#deps.inFlight.remove(this.#growing.bytes);
    this.#growing = null;
  }

  progress(): PipelineProgress {
    const { feed, partition } = this.#place;
    const isBusy = this.#growing !== null || this.#inserting !== null;
    return {
      topic: feed.topic,
      partition,
      insertedTo: this.#insertedTo,
      stalledForMs: isBusy ? this.#deps.clock.monotonicMs() - this.#movedAtMs : 0,
      heldBy: this.#heldBy,
    };
  }

  assertOurs(): void {
    if (this.#isClosed || this.#control?.isStale() !== false) throw this.#moved();
  }

  async commit(nextOffset: bigint): Promise<void> {
    await this.#control?.commit(nextOffset);
  }

  onHeld(cause: unknown): void {
    this.#heldBy = cause === undefined ? undefined : messageOf(cause);
  }

  #moved(): PartitionMoved {
    return new PartitionMoved(this.#place.feed.topic, this.#place.partition);
  }

  async #keepAlive(control: BatchControl): Promise<void> {
    if (this.#isClosed || control.isStale()) throw this.#moved();
    await control.heartbeat();
  }

  /** Notes the log's end, and checks that the log still has the next record to read. */
  async #lookAtLog({ records, highWatermark }: RecordBatch): Promise<void> {
    const { feed, partition } = this.#place;
    // To continue at the stored offset would lose new records, and to read on would mix up two logs.
    if (highWatermark < this.#position)
      throw new PlatformError(
        'clickhouse_rejected',
        `${feed.table} holds ${feed.topic}-${partition} up to ${this.#position}, but its log ends at ${highWatermark}: was the topic made anew without emptying the table and ingest_blocks?`,
        { retriable: true },
      );
    const first = records[0];
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    this.#isBehind = highWatermark - last.offset > 1n;
    const readFrom = first.pack === undefined ? Number(first.offset) : first.pack.baseOffset;
    if (readFrom <= this.#position || readFrom <= this.#lostTo) return;
    const { lostRanges } = this.#deps;
    const logStart = await lostRanges.logStartOf(feed.topic, partition);
    if (logStart > this.#position)
      await lostRanges.note(feed, partition, Math.max(this.#position, this.#lostTo), logStart);
    this.#lostTo = Math.max(this.#lostTo, readFrom);
  }

  async #takeRecord(
    record: IncomingRecord,
    records: readonly IncomingRecord[],
    control: BatchControl,
  ): Promise<void> {
    const offset = Number(record.offset);
    if (offset < this.#position) return;
    if (offset >= this.#until) return this.#passOver(this.#until - 1, control);
    await this.#endReplayBefore(offset, control);
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
      await this.#takeKnown(inPlace, unknownId, control);
    }
    if (this.#wantsTraces()) this.#noteTrace(record.headers.traceparent);
    if (this.#isDue()) await this.#handOver(control);
  }

  async #takePack(pack: RecordPack, lastOffset: number, control: BatchControl): Promise<void> {
    const cursor = new PackCursor(pack);
    // One search of the whole pack shows whether any record has a trace.
    const isTraced = pack.bytes.includes('traceparent');
    while (cursor.next()) {
      if (cursor.offset < this.#position) continue;
      if (cursor.offset >= this.#until) break;
      if (this.#replay !== null) await this.#endReplayBefore(cursor.offset, control);
      const unknownId = this.#take(cursor);
      if (unknownId !== null) {
        askAhead(valuesOf(pack), this.#place.treatments);
        await this.#takeKnown(cursor, unknownId, control);
      }
      // The last digit of the flags says whether the trace is recorded. Few are, so few headers become strings.
      if (
        isTraced &&
        this.#wantsTraces() &&
        cursor.findHeader('traceparent') &&
        cursor.bytes[cursor.foundEnd - 1] === digitOne
      )
        this.#noteTrace(cursor.bytes.toString('latin1', cursor.foundStart, cursor.foundEnd));
      if (this.#isDue()) await this.#handOver(control);
    }
    await this.#passOver(Math.min(lastOffset, this.#until - 1), control);
  }

  /** Adds a record to the growing block, or returns its schema id if the registry has to be asked first. */
  #take(record: RecordInPlace): number | null {
    const { offset } = record;
    const outcome =
      this.#replay?.left.has(offset) === true
        ? leftOut(this.#replay, offset)
        : this.#intake.judge(record, this.#replay !== null);
    if (outcome.kind === 'unknown_schema') return outcome.schemaId;
    const block = this.#growing ?? this.#open();
    this.#position = offset + 1;
    this.#deps.inFlight.add(addToBlock(block, record, outcome, this.#place.partition));
    return null;
  }

  /** The same after asking the registry, which it retries for as long as the registry is away. */
  async #takeKnown(record: RecordInPlace, unknownId: number | null, control: BatchControl): Promise<void> {
    if (unknownId === null) return;
    const treatment = await this.#treatmentOf(unknownId, control);
    if (treatment.kind === 'poison') {
      const block = this.#growing ?? this.#open();
      this.#position = record.offset + 1;
      addToBlock(block, record, treatment, this.#place.partition);
      return;
    }
    const again = this.#take(record);
    assert(again === null, 'a schema that was found is known');
  }

  async #treatmentOf(schemaId: number, control: BatchControl) {
    for (let failures = 0; ; ) {
      try {
        const treatment = await this.#place.treatments.find(schemaId);
        if (failures > 0) this.onHeld(undefined);
        return treatment;
      } catch (error) {
        if (!isRetriable(error)) throw error;
        failures += 1;
        this.onHeld(error);
        if (failures === 1)
          this.#deps.logger.warn({ err: error, schemaId }, 'held until the registry answers');
        await sleep(backoffMs(retryRest, failures));
        await this.#keepAlive(control);
      }
    }
  }

  /** Moves to `offset`: the log has only markers, aborted records or compacted offsets before it. */
  async #passOver(offset: number, control: BatchControl): Promise<void> {
    if (offset < this.#position) return;
    await this.#endReplayBefore(offset, control);
    if (this.#growing === null) this.#open();
    this.#position = offset + 1;
    if (this.#isDue()) await this.#handOver(control);
  }

  /** Ends a rebuild at `offset` if the rest of its block was removed from the log (compaction, retention). */
  async #endReplayBefore(offset: number, control: BatchControl): Promise<void> {
    if (this.#replay === null || offset <= this.#replay.lastOffset) return;
    if (this.#growing === null) this.#open();
    this.#position = this.#replay.lastOffset + 1;
    await this.#handOver(control);
  }

  #wantsTraces(): boolean {
    return this.#growing === null || this.#growing.traceparents.length < tracedPerBlockMax;
  }

  #noteTrace(traceparent: string | undefined): void {
    if (traceparent?.endsWith('-01'))
      this.#growing?.traceparents.push({ traceparent, appendedAtMs: this.#deps.clock.monotonicMs() });
  }

  #isDue(): boolean {
    if (this.#replay !== null) return this.#position > this.#replay.lastOffset;
    return this.#growing !== null && this.#rule.isFull(this.#growing);
  }

  #open(): Block {
    const nowMs = this.#deps.clock.monotonicMs();
    if (this.#inserting === null) this.#movedAtMs = nowMs;
    this.#growing = openBlock(this.#position, nowMs);
    if (this.#replay === null) this.#waitForCompany();
    return this.#growing;
  }

  /** Begins to insert the growing block when its wait is over and the previous block is inserted. */
  #waitForCompany(): void {
    clearTimeout(this.#timer);
    if (this.#growing === null || this.#inserting !== null) return;
    const ageMs = this.#deps.clock.monotonicMs() - this.#growing.openedAtMs;
    const restMs = this.#rule.restMs(ageMs, this.#isBehind, this.#lastInsertMs);
    if (restMs === 0 || this.#rule.isFull(this.#growing)) {
      this.#beginInsert();
      return;
    }
    // Check again later, because a backlog may appear or end meanwhile.
    const lookAgainMs = this.#rule.restMs(0, false, this.#lastInsertMs);
    this.#timer = setTimeout(() => this.#waitForCompany(), Math.min(restMs, lookAgainMs));
  }

  /** Begins to insert the growing block, together with those of other partitions where it can. */
  #beginInsert(): void {
    const { gathering } = this.#place;
    if (gathering === null || this.#replay !== null) this.inserting(insertBlock(this.close()));
    else gathering.insert(this, insertBlock);
  }

  readyBytes(): number | null {
    const isReady =
      this.#growing !== null &&
      this.#inserting === null &&
      this.#replay === null &&
      !this.#isClosed &&
      this.#control?.isStale() === false;
    return isReady ? (this.#growing?.bytes ?? null) : null;
  }

  /** Closes the growing block at the current position. */
  close(): ClosedBlock {
    const block = this.#growing;
    assert(block !== null && this.#inserting === null, 'a partition inserts one block at a time');
    clearTimeout(this.#timer);
    const rebuilt = this.#replay;
    this.#growing = null;
    this.#replay = null;
    const claim: Claim = {
      firstOffset: block.firstOffset,
      lastOffset: this.#position - 1,
      attempt: rebuilt?.attempt ?? 0,
      schemaIds: rebuilt?.schemaIds ?? [...block.parts.keys()],
      rows: rebuilt?.rows ?? block.rows,
      excluded: rebuilt?.excluded ?? block.excluded,
      gathered: rebuilt?.gathered ?? null,
    };
    this.#closed = { bytes: block.bytes, end: this.#position };
    return closeBlock(this.#insertContext, block, claim, rebuilt);
  }

  inserting(insert: Promise<number>): void {
    const { bytes, end } = this.#closed;
    this.#inserting = insert
      .then((insertMs) => {
        this.#lastInsertMs = insertMs;
        this.#insertedTo = end;
        this.#movedAtMs = this.#deps.clock.monotonicMs();
      })
      .catch((error: unknown) => {
        this.#isClosed = true;
        if (!hasMoved(error)) this.#deps.onFatal(error);
      })
      .finally(() => {
        this.#deps.inFlight.remove(bytes);
        this.#inserting = null;
        if (!this.#isClosed) this.#waitForCompany();
      });
  }

  /** Waits for the previous block's insert, then begins the insert of the growing block. */
  async #handOver(control: BatchControl): Promise<void> {
    const block = this.#growing;
    while (this.#growing === block && this.#inserting !== null) {
      await endsWithin(heartbeatMs, this.#inserting);
      await this.#keepAlive(control);
    }
    if (this.#growing !== null && this.#growing === block) this.#beginInsert();
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
