import { assert } from '#platform/assert';
import { endsWithin } from '#platform/waiting/deadline';
import { type Assignment, heartbeatMs } from './assignment.js';
import { addToBlock, type Block, openBlock } from './block.js';
import type { Claim } from './block-claims.js';
import { type ClosedBlock, closeBlock, type InsertContext, insertBlock } from './block-insert.js';
import type { BlockRule } from './block-rule.js';
import type { Gathering, GatherMember } from './gathering.js';
import type { InFlight } from './in-flight.js';
import type { Outcome } from './intake.js';
import { hasMoved } from './partition-moved.js';
import type { RecordInPlace } from './record-in-place.js';
import type { Replay } from './resume-point.js';

const closeWaitMsMax = 2_000;
const tracedPerBlockMax = 100;

/** Where a partition goes on: its next offset, and the block that has to be built again first, if there is one. */
export type SequenceStart = { nextOffset: number; replay: Replay | null };

export type SequenceParts = {
  start: SequenceStart;
  assignment: Assignment;
  /** Null where every block goes in by itself. */
  gathering: Gathering | null;
  rule: BlockRule;
  context: InsertContext;
  onFatal(error: unknown): void;
};

/**
 * The blocks of one partition, one behind the other: one grows while the previous one is inserted. A block that has to be
 * built again comes first, with the records that it had. `nextOffset` and `replay` are fields, because they are read for every
 * record; its users have it as `Readonly`.
 */
export class BlockSequence implements GatherMember {
  readonly topic: string;
  readonly partition: number;
  /** All records before this offset are in a block or in ClickHouse. */
  nextOffset: number;
  /** The block that is built again; null once it is closed. */
  replay: Replay | null;
  readonly #parts: SequenceParts;
  readonly #rule: BlockRule;
  readonly #inFlight: InFlight;
  #insertedTo: number;
  #growing: Block | null = null;
  #inserting: Promise<void> | null = null;
  /** The block that was closed last. */
  #closed = { bytes: 0, end: 0 };
  #timer: NodeJS.Timeout | undefined;
  #isBehind = false;
  #lastInsertMs = 0;
  /** When a block was last inserted, or began to wait for its insert; by the monotonic clock. */
  #movedAtMs: number;

  constructor(parts: SequenceParts) {
    const { start, context } = parts;
    this.#parts = parts;
    this.#rule = parts.rule;
    this.#inFlight = context.inFlight;
    this.topic = context.feed.topic;
    this.partition = context.partition;
    this.nextOffset = start.nextOffset;
    this.#insertedTo = start.nextOffset;
    this.replay = start.replay;
    this.#movedAtMs = context.clock.monotonicMs();
    parts.gathering?.join(this);
  }

  /** All records before this offset are in ClickHouse or were skipped. */
  get insertedTo(): number {
    return this.#insertedTo;
  }

  /** How long `insertedTo` has not moved while a block was growing or being inserted; 0 without a block. */
  get stalledForMs(): number {
    const isBusy = this.#growing !== null || this.#inserting !== null;
    return isBusy ? this.#parts.context.clock.monotonicMs() - this.#movedAtMs : 0;
  }

  /** Whether the log has more records than were fetched: then a block waits longer for them. */
  noteBacklog(isBehind: boolean): void {
    this.#isBehind = isBehind;
  }

  /** Adds a record to the growing block. */
  add(record: RecordInPlace, outcome: Exclude<Outcome, { kind: 'unknown_schema' }>): void {
    const block = this.#growing ?? this.#open();
    this.nextOffset = record.offset + 1;
    this.#inFlight.add(addToBlock(block, record, outcome, this.partition));
  }

  /** Moves behind `offset`: the log has only markers, aborted records or compacted offsets up to it. */
  async passOver(offset: number): Promise<void> {
    if (offset < this.nextOffset) return;
    await this.endReplayBefore(offset);
    if (this.#growing === null) this.#open();
    this.nextOffset = offset + 1;
    if (this.isDue()) await this.handOver();
  }

  /** Ends a rebuild at `offset` if the rest of its block was removed from the log (compaction, retention). */
  async endReplayBefore(offset: number): Promise<void> {
    if (this.replay === null || offset <= this.replay.lastOffset) return;
    if (this.#growing === null) this.#open();
    this.nextOffset = this.replay.lastOffset + 1;
    await this.handOver();
  }

  /** True when the growing block has to be inserted before a record is added. */
  isDue(): boolean {
    if (this.replay !== null) return this.nextOffset > this.replay.lastOffset;
    return this.#growing !== null && this.#rule.isFull(this.#growing);
  }

  /** Waits for the previous block's insert, then begins the insert of the growing block. */
  async handOver(): Promise<void> {
    const block = this.#growing;
    while (this.#growing === block && this.#inserting !== null) {
      await endsWithin(heartbeatMs, this.#inserting);
      await this.#parts.assignment.keepAlive();
    }
    if (this.#growing !== null && this.#growing === block) this.#beginInsert();
  }

  wantsTraces(): boolean {
    return this.#growing === null || this.#growing.traceparents.length < tracedPerBlockMax;
  }

  noteTrace(traceparent: string | undefined): void {
    if (traceparent?.endsWith('-01'))
      this.#growing?.traceparents.push({
        traceparent,
        appendedAtMs: this.#parts.context.clock.monotonicMs(),
      });
  }

  /**
   * Resolves when no block is growing or being inserted, except one that is being built again and is not whole: a part of it
   * would be in the table twice, or the rest of it never. The next owner builds it from its claim.
   */
  async drained(): Promise<void> {
    const { assignment } = this.#parts;
    while (!assignment.isOver && (this.#growing !== null || this.#inserting !== null)) {
      if (this.replay !== null && !this.isDue()) return;
      if (this.#inserting === null) this.#beginInsert();
      await this.#inserting;
    }
  }

  /** Stops after the running insert, or abandons it. The assignment is over. */
  async end(): Promise<void> {
    this.#parts.gathering?.leave(this);
    clearTimeout(this.#timer);
    if (this.#inserting !== null) await endsWithin(closeWaitMsMax, this.#inserting);
    if (this.#growing !== null) this.#inFlight.remove(this.#growing.bytes);
    this.#growing = null;
  }

  readyBytes(): number | null {
    const isReady =
      this.#growing !== null &&
      this.#inserting === null &&
      this.replay === null &&
      this.#parts.assignment.isOurs;
    return isReady ? (this.#growing?.bytes ?? null) : null;
  }

  /** Closes the growing block before `nextOffset`. */
  close(): ClosedBlock {
    const block = this.#growing;
    assert(block !== null && this.#inserting === null, 'a partition inserts one block at a time');
    clearTimeout(this.#timer);
    const rebuilt = this.replay;
    this.#growing = null;
    this.replay = null;
    const claim: Claim = {
      firstOffset: block.firstOffset,
      lastOffset: this.nextOffset - 1,
      attempt: rebuilt?.attempt ?? 0,
      schemaIds: rebuilt?.schemaIds ?? [...block.parts.keys()],
      rows: rebuilt?.rows ?? block.rows,
      excluded: rebuilt?.excluded ?? block.excluded,
      gathered: rebuilt?.gathered ?? null,
    };
    this.#closed = { bytes: block.bytes, end: this.nextOffset };
    return closeBlock(this.#parts.context, block, claim, rebuilt);
  }

  inserting(insert: Promise<number>): void {
    const { bytes, end } = this.#closed;
    const { assignment, context, onFatal } = this.#parts;
    this.#inserting = insert
      .then((insertMs) => {
        this.#lastInsertMs = insertMs;
        this.#insertedTo = end;
        this.#movedAtMs = context.clock.monotonicMs();
      })
      .catch((error: unknown) => {
        assignment.end();
        if (!hasMoved(error)) onFatal(error);
      })
      .finally(() => {
        this.#inFlight.remove(bytes);
        this.#inserting = null;
        if (!assignment.isOver) this.#waitForCompany();
      });
  }

  #open(): Block {
    const nowMs = this.#parts.context.clock.monotonicMs();
    if (this.#inserting === null) this.#movedAtMs = nowMs;
    this.#growing = openBlock(this.nextOffset, nowMs);
    if (this.replay === null) this.#waitForCompany();
    return this.#growing;
  }

  /** Begins to insert the growing block when its wait is over and the previous block is inserted. */
  #waitForCompany(): void {
    clearTimeout(this.#timer);
    if (this.#growing === null || this.#inserting !== null) return;
    const ageMs = this.#parts.context.clock.monotonicMs() - this.#growing.openedAtMs;
    const restMs = this.#rule.restMs(ageMs, this.#isBehind, this.#lastInsertMs);
    if (this.#rule.isFull(this.#growing)) {
      this.#beginInsert();
      return;
    }
    if (restMs === 0) {
      this.#beginInsert({ inTurn: true });
      return;
    }
    // Check again later, because a backlog may appear or end meanwhile.
    const lookAgainMs = this.#rule.restMs(0, false, this.#lastInsertMs);
    this.#timer = setTimeout(() => this.#waitForCompany(), Math.min(restMs, lookAgainMs));
  }

  /** Begins to insert the growing block, together with those of other partitions where it can. */
  #beginInsert({ inTurn = false } = {}): void {
    const { gathering } = this.#parts;
    if (gathering === null || this.replay !== null) this.inserting(insertBlock(this.close()));
    else if (inTurn) gathering.insertInTurn(this);
    else gathering.insert(this);
  }
}
