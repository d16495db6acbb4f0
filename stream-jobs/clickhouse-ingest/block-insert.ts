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
import { nativeBody } from './native-rows.js';
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
  commit(nextOffset: bigint): Promise<void>;
  /** Called with each failure of an insert that will be retried, and with undefined once it has succeeded. */
  onHeld(cause: unknown): void;
};

/**
 * Claims the block, parks its poison, inserts it, checks its rows if ClickHouse may have lost them, and commits its
 * offset, in this order. Retries while ClickHouse or Kafka is away. Resolves to the duration of the insert itself.
 * Throws `PartitionMoved` when another process owns the partition.
 */
export type InsertBlock = (block: Block, first: Claim, rebuilt: Replay | null) => Promise<number>;

type Place = { feed: Feed; partition: number; ownership: Ownership; serverStartedAtMs: number };

export const retryRest = { minMs: 200, maxMs: 2_000 };
const parkedTogetherMax = 100;

export const createBlockInsert = (
  place: Place,
  pipeline: InsertingPipeline,
  deps: BlockInsertDeps,
): InsertBlock => {
  const context: Context = { ...place, ...deps, pipeline };
  const { clock, logger } = deps;

  return async (block, first, rebuilt) => {
    const closedAtMs = clock.monotonicMs();
    const took: Took = { claimMs: 0, parkMs: 0, insertMs: 0, commitMs: 0 };
    const step = stopwatch(clock, took);
    const work = beginWork(block, first, rebuilt);
    for (let failures = 0; ; ) {
      pipeline.assertOurs();
      try {
        await claimOnce(context, work);
        step('claimMs');
        await parkPoison(context, work);
        step('parkMs');
        await insertParts(context, work);
        const isThere = await isInTable(context, work);
        step('insertMs');
        if (isThere) break;
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
    pipeline.onHeld(undefined);
    await pipeline.commit(BigInt(work.claim.lastOffset + 1)).catch((error: unknown) => {
      // The next block's commit includes this one, and after a restart the position comes from ClickHouse.
      logger.debug({ err: error }, 'offset not committed');
    });
    step('commitMs');
    logger.debug({ rows: block.rows, waitedMs: closedAtMs - block.openedAtMs, ...took }, 'block inserted');
    deps.onIngested(ingestedOf(context, block, closedAtMs));
    return took.insertMs;
  };
};

type Context = Place & BlockInsertDeps & { pipeline: InsertingPipeline };

type Took = { claimMs: number; parkMs: number; insertMs: number; commitMs: number };

/** A block and the steps done so far; a retry after a failure does not repeat them. */
type Work = {
  block: Block;
  claim: Claim;
  rebuilt: Replay | null;
  /** One insert for each schema. */
  parts: { schemaId: number; firstOffset: number; rows: number; data: readonly Buffer[]; isDone: boolean }[];
  isClaimed: boolean;
  /** True where the block may have been inserted, fully or partly, before. */
  isDoubtful: boolean;
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
    rows: rows.rows,
    data: nativeBody([rows]),
    isDone: false,
  })),
  isClaimed: rebuilt !== null,
  isDoubtful: rebuilt !== null,
  isLookedFor: false,
  parkedCount: 0,
});

const claimOnce = async ({ ownership, feed, partition }: Context, work: Work): Promise<void> => {
  if (work.isClaimed || (work.parts.length === 0 && work.claim.excluded.length === 0)) return;
  if (!(await ownership.claim(work.claim))) throw new PartitionMoved(feed.topic, partition);
  work.isClaimed = true;
};

const parkPoison = async ({ deadLetters, feed, partition, group }: Context, work: Work): Promise<void> => {
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

const insertParts = async (
  { clickhouse, inFlight, feed, partition }: Context,
  { parts, claim }: Work,
): Promise<void> => {
  for (const part of parts) {
    if (part.isDone) continue;
    await inFlight.insert(() =>
      clickhouse.insert({
        table: feed.table,
        format: 'Native',
        data: part.data,
        rows: part.rows,
        deduplicationToken: deduplicationToken(feed.topic, partition, claim, part.schemaId),
      }),
    );
    part.isDone = true;
  }
};

/** Checks whether the table has the block's rows. False if a part has to be inserted under another token. */
const isInTable = async (context: Context, work: Work): Promise<boolean> => {
  const { feed, partition, stored, logger } = context;
  const { parts } = work;
  work.isLookedFor ||=
    work.isDoubtful && feed.appendOnly && parts.length > 0 && (await hasRestarted(context, work.rebuilt));
  if (!work.isLookedFor) return true;
  const { firstOffset, lastOffset } = work.claim;
  const there = await stored.offsets(feed.table, partition, firstOffset, lastOffset);
  const offsets = new Set(there);
  const missing = parts.filter((part) => !offsets.has(part.firstOffset));
  if (missing.length > 0) {
    context.onDifference(feed, missing.length);
    work.claim = { ...work.claim, attempt: work.claim.attempt + 1 };
    work.isClaimed = false;
    for (const part of missing) part.isDone = false;
    return false;
  }
  if (there.length !== offsets.size)
    logger.error({ claim: work.claim, rows: there.length }, 'a block is in its table twice');
  const wrong = await stored.mendRollups(feed.rollups, partition, firstOffset, lastOffset);
  if (wrong > 0) context.onDifference(feed, wrong);
  return true;
};

/**
 * True when ClickHouse was started after the block was claimed. While ClickHouse keeps running, the token suffices. If
 * it was killed, it may have the token but not the rows, and then the rows have to be checked.
 */
const hasRestarted = async (context: Context, rebuilt: Replay | null): Promise<boolean> => {
  const startedAtMs = await context.stored.serverStartedAtMs();
  const known = context.serverStartedAtMs;
  context.serverStartedAtMs = startedAtMs;
  return (
    startedAtMs > known + restartMsMin ||
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

const ingestedOf = ({ feed, partition, clock }: Context, block: Block, closedAtMs: number): Ingested => {
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
