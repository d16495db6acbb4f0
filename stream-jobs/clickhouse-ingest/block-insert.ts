import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import { isRetriable } from '#platform/errors';
import type { DeadLetters } from '#platform/messaging/dead-letter';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';
import type { Block } from './block.js';
import { type Claim, deduplicationToken, type Ownership } from './block-claims.js';
import type { Feed } from './feeds.js';
import type { InFlight } from './in-flight.js';
import { type NativeRows, nativeBody } from './native-rows.js';
import { hasMoved, PartitionMoved } from './partition-moved.js';
import { type Replay, restartMsMin } from './resume-point.js';
import type { StoredRows } from './stored-rows.js';

/** The facts of an inserted block, for metrics and traces. Wall time, epoch milliseconds. */
export type Ingested = {
  feed: Feed;
  partition: number;
  rows: number;
  /** Kafka's time of the newest record of the block. */
  newestMs: number;
  closedAtMs: number;
  insertedAtMs: number;
  /** `traceparent` headers of the records whose trace is recorded; the first 100. */
  traceparents: readonly { traceparent: string; appendedAtMs: number }[];
};

export type BlockInsertDeps = {
  group: string;
  clickhouse: Pick<ClickHouse, 'insert'>;
  stored: StoredRows;
  deadLetters: DeadLetters;
  inFlight: InFlight;
  clock: Clock;
  logger: Logger;
  onIngested(ingested: Ingested): void;
  /** Called with the number of rows or rollup cells that were wrong and have been corrected. */
  onDifference(feed: Feed, count: number): void;
};

/** The part of a partition's pipeline that its inserts use. */
export type InsertingPipeline = {
  /** Throws `PartitionMoved` if the pipeline is closed or its partition was assigned to another process. */
  assertOurs(): void;
  /** Where it rejects, it is tried again for as long as the partition is ours. */
  commit(nextOffset: bigint): Promise<void>;
  /** Called with each failure of an insert that will be retried, and with undefined once it has succeeded. */
  onHeld(cause: unknown): void;
};

/** What the inserts of one partition need. */
export type InsertContext = BlockInsertDeps & {
  feed: Feed;
  partition: number;
  ownership: Ownership;
  serverStartedAtMs: number;
  pipeline: InsertingPipeline;
};

export const retryRest = { minMs: 200, maxMs: 2_000 };
const parkedTogetherMax = 100;

/** A block to which nothing is added any more. */
export type ClosedBlock = { context: InsertContext; work: Work; closedAtMs: number };

export const closeBlock = (
  context: InsertContext,
  block: Block,
  claim: Claim,
  rebuilt: Replay | null,
): ClosedBlock => ({
  context,
  work: beginWork(block, claim, rebuilt),
  closedAtMs: context.clock.monotonicMs(),
});

/**
 * Claims the block, parks its poison, inserts it, checks its rows if ClickHouse may have lost them, and commits its
 * offset, in this order. Retries while ClickHouse or Kafka is away. Resolves to the duration of the insert itself.
 * Throws `PartitionMoved` when another process owns the partition.
 */
export const insertBlock = async (closed: ClosedBlock): Promise<number> => {
  const { context, work } = closed;
  const { clock, logger, pipeline } = context;
  const took: Took = { claimMs: 0, parkMs: 0, insertMs: 0 };
  const step = stopwatch(clock, took);
  for (let failures = 0; ; ) {
    pipeline.assertOurs();
    try {
      await claimOnce(closed);
      step('claimMs');
      await parkPoison(closed);
      step('parkMs');
      await insertParts(context, work);
      const isThere = await isInTable(context, work);
      step('insertMs');
      if (!isThere) continue;
      await notePoisonParked(closed);
      break;
    } catch (error) {
      if (hasMoved(error)) throw error;
      work.isDoubtful = true;
      failures += 1;
      pipeline.onHeld(error);
      if (failures === 1 || !isRetriable(error))
        logger.warn({ err: error, claim: work.claim, failures }, 'block held');
      await sleep(backoffMs(retryRest, failures));
    }
  }
  await finishBlock(closed, took);
  return took.insertMs;
};

/** Commits the offset of a block that is in its table. */
export const finishBlock = async (
  { context, work, closedAtMs }: ClosedBlock,
  took: object,
): Promise<void> => {
  const { logger, pipeline } = context;
  const { block, claim } = work;
  pipeline.onHeld(undefined);
  await pipeline.commit(BigInt(claim.lastOffset + 1)).catch((error: unknown) => {
    // It is tried again, and after a restart the next offset comes from ClickHouse.
    logger.debug({ err: error }, 'offset not committed');
  });
  logger.debug({ rows: block.rows, waitedMs: closedAtMs - block.openedAtMs, ...took }, 'block inserted');
  context.onIngested(ingestedOf(context, block, closedAtMs));
};

type Took = { claimMs: number; parkMs: number; insertMs: number };

/** A block and the steps done so far; a retry after a failure does not repeat them. */
export type Work = {
  block: Block;
  claim: Claim;
  rebuilt: Replay | null;
  /** One insert for each schema. */
  parts: { schemaId: number; firstOffset: number; rows: NativeRows; isDone: boolean }[];
  isClaimed: boolean;
  /** True where the block may have been inserted, fully or partly, before. */
  isDoubtful: boolean;
  /** True where the table and the rollups have to be looked at after the insert. */
  isLookedFor: boolean;
  parkedCount: number;
};

const beginWork = (block: Block, claim: Claim, rebuilt: Replay | null): Work => ({
  block,
  claim,
  rebuilt,
  parts: [...block.parts].map(([schemaId, { rows, firstOffset }]) => ({
    schemaId,
    firstOffset,
    rows,
    isDone: false,
  })),
  isClaimed: rebuilt !== null,
  isDoubtful: rebuilt !== null,
  isLookedFor: rebuilt?.isLookedFor === true,
  parkedCount: 0,
});

/** True when another table may have taken the place of the block's table meanwhile. */
export const claimOnce = async ({ context, work }: ClosedBlock): Promise<boolean> => {
  const { ownership, feed, partition } = context;
  if (work.isClaimed || (work.parts.length === 0 && work.claim.excluded.length === 0)) return false;
  const claimed = await ownership.claim(work.claim);
  if (claimed === 'theirs') throw new PartitionMoved(feed.topic, partition);
  work.isClaimed = true;
  if (claimed === 'ours') return false;
  context.pipeline.assertOurs();
  if (work.claim.attempt > 0) await leaveOutWhatIsThere(context, work);
  return true;
};

/**
 * The table in which rows were missing has been replaced meanwhile. The new one may have them, under the token that this
 * claim does not use any more.
 */
const leaveOutWhatIsThere = async (context: InsertContext, { parts, claim }: Work): Promise<void> => {
  const { stored, feed, partition } = context;
  const offsets = new Set(await stored.offsets(feed, partition, claim.firstOffset, claim.lastOffset));
  for (const part of parts) part.isDone ||= offsets.has(part.firstOffset);
};

export const parkPoison = async ({ context, work }: ClosedBlock): Promise<void> => {
  const { deadLetters, feed, partition, group } = context;
  const { poison } = work.block;
  while (work.parkedCount < poison.length) {
    const together = poison.slice(work.parkedCount, work.parkedCount + parkedTogetherMax);
    await Promise.all(
      together.map(({ record, cause }) =>
        deadLetters.park({ topic: feed.topic, partition, record, group, cause, attempts: 1 }),
      ),
    );
    work.parkedCount += together.length;
  }
};

/**
 * Rows that stay show that their block is done. One of poison only, or in a table whose rows are replaced, would be built again,
 * and its poison parked again, by every new owner for as long as it is the newest one: so it is claimed once more, without what
 * it had.
 */
const notePoisonParked = async ({ context, work }: ClosedBlock): Promise<void> => {
  const { ownership, feed, partition } = context;
  const isShown = feed.appendOnly && work.parts.length > 0;
  if (isShown || work.block.poison.length === 0) return;
  const { claim } = work;
  const settled = { ...claim, attempt: claim.attempt + 1, rows: 0, excluded: [] };
  if ((await ownership.claim(settled)) === 'theirs') throw new PartitionMoved(feed.topic, partition);
};

const insertParts = async (
  { clickhouse, inFlight, feed, partition }: InsertContext,
  { parts, claim }: Work,
): Promise<void> => {
  for (const part of parts) {
    if (part.isDone) continue;
    await inFlight.insert(() =>
      clickhouse.insert({
        table: feed.table,
        format: 'Native',
        data: nativeBody([part.rows]),
        rows: part.rows.rows,
        deduplicationToken: deduplicationToken(feed.topic, partition, claim, part.schemaId),
      }),
    );
    part.isDone = true;
  }
};

/** Checks whether the table has the block's rows. False if a part has to be inserted under another token. */
const isInTable = async (context: InsertContext, work: Work): Promise<boolean> => {
  const { feed, partition, stored, logger } = context;
  const { parts } = work;
  work.isLookedFor ||=
    work.isDoubtful && feed.appendOnly && parts.length > 0 && (await hasRestarted(context, work.rebuilt));
  if (!work.isLookedFor) return true;
  // Whoever replaces the table inserts this block too, and its sums are not whole before that.
  await context.ownership.gateIsOpen();
  const { firstOffset, lastOffset } = work.claim;
  const there = await stored.offsets(feed, partition, firstOffset, lastOffset);
  const offsets = new Set(there);
  const missing = parts.filter((part) => !offsets.has(part.firstOffset));
  if (missing.length > 0) {
    context.onDifference(feed, missing.length);
    work.claim = { ...work.claim, attempt: work.claim.attempt + 1, gathered: null };
    work.isClaimed = false;
    for (const part of missing) part.isDone = false;
    return false;
  }
  if (there.length !== offsets.size)
    logger.error({ claim: work.claim, rows: there.length }, 'a block is in its table twice');
  const wrong = await stored.mendRollups(feed, partition, firstOffset, lastOffset);
  if (wrong > 0) context.onDifference(feed, wrong);
  return true;
};

/**
 * True when ClickHouse was started after the block was claimed. While ClickHouse keeps running, the token suffices. If
 * it was killed, it may have the token but not the rows, and then the rows have to be checked.
 */
const hasRestarted = async (context: InsertContext, rebuilt: Replay | null): Promise<boolean> => {
  const startedAtMs = await context.stored.serverStartedAtMs();
  const known = context.serverStartedAtMs;
  context.serverStartedAtMs = startedAtMs;
  // A clock that was set back moves the start back too.
  return (
    Math.abs(startedAtMs - known) > restartMsMin ||
    (rebuilt !== null && startedAtMs > rebuilt.claimedAtMs - restartMsMin)
  );
};

/** Adds the time since the last call to the named step. */
const stopwatch = (clock: Clock, took: Took): ((step: keyof Took) => void) => {
  let steppedAtMs = clock.monotonicMs();
  return (step) => {
    const nowMs = clock.monotonicMs();
    took[step] += nowMs - steppedAtMs;
    steppedAtMs = nowMs;
  };
};

const ingestedOf = (
  { feed, partition, clock }: InsertContext,
  block: Block,
  closedAtMs: number,
): Ingested => {
  const insertedAtMs = clock.nowMs();
  const wallMsOf = (monotonicMs: number) => insertedAtMs - (clock.monotonicMs() - monotonicMs);
  return {
    feed,
    partition,
    rows: block.rows,
    newestMs: block.newestMs,
    closedAtMs: wallMsOf(closedAtMs),
    insertedAtMs,
    traceparents: block.traceparents.map(({ traceparent, appendedAtMs }) => ({
      traceparent,
      appendedAtMs: wallMsOf(appendedAtMs),
    })),
  };
};
