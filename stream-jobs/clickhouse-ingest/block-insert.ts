import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import { isRetriable } from '#platform/errors';
import type { DeadLetters } from '#platform/messaging/dead-letter';
import type { Logger } from '#platform/telemetry/logger';
import { type Claim, deduplicationToken, type Ownership } from './block-claims.js';
import type { GrowingBlock } from './growing-block.js';
import type { InFlight } from './in-flight.js';
import { hasMoved, PartitionMoved } from './partition-moved.js';
import { type Replay, restartMsMin } from './resume-point.js';
import { retryRestMs } from './retry-rest.js';
import type { Route } from './routes.js';
import type { StoredRows } from './stored-rows.js';

/** What happened, for metrics and traces. */
export type Ingested = {
  route: Route;
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
  clickhouse: Pick<ClickHouse, 'insertBlock'>;
  stored: StoredRows;
  deadLetters: DeadLetters;
  inFlight: InFlight;
  clock: Clock;
  logger: Logger;
  onIngested(ingested: Ingested): void;
  /** Rows or cells that were not as they should be, and were mended. */
  onDifference(route: Route, count: number): void;
};

/**
 * Claims the block, parks its poison, inserts it, looks for it where ClickHouse may have lost it, and commits its
 * offset, in this order. Holds on while ClickHouse or Kafka is away, and resolves to how long the insert itself took.
 * Throws `PartitionMoved` when the partition is another's.
 */
export type InsertBlock = (block: GrowingBlock, first: Claim, rebuilt: Replay | null) => Promise<number>;

const parkedTogetherMax = 100;

export const createBlockInsert = (
  at: { route: Route; partition: number; ownership: Ownership; serverStartedAtMs: number },
  lane: {
    /** Throws `PartitionMoved` where the lane is closed or its partition taken away. */
    assertOurs(): void;
    commit(nextOffset: bigint): Promise<void>;
  },
  deps: BlockInsertDeps,
): InsertBlock => {
  const { route, partition, ownership } = at;
  const { stored, inFlight, clock, logger } = deps;
  let { serverStartedAtMs } = at;

  /**
   * True when ClickHouse was started after the block was claimed. While it runs, a token is all it takes; one that is
   * killed may remember a token and not have the rows, and then the block has to be looked for.
   */
  const hasRestarted = async (rebuilt: Replay | null): Promise<boolean> => {
    const startedAtMs = await stored.serverStartedAtMs();
    const known = serverStartedAtMs;
    serverStartedAtMs = startedAtMs;
    return (
      startedAtMs > known + restartMsMin ||
      (rebuilt !== null && startedAtMs > rebuilt.claimedAtMs - restartMsMin)
    );
  };

  return async (block, first, rebuilt) => {
    const closedAtMs = clock.nowMs();
    const groups = [...block.datums].map(([schemaId, { block: datums, firstOffset }]) => ({
      schemaId,
      firstOffset,
      rows: datums.rows,
      data: datums.seal(),
      done: false,
    }));
    let claim = first;
    let claimed = rebuilt !== null;
    // Somebody may have begun to insert it before.
    let doubtful = rebuilt !== null;
    let lookedFor = false;
    let parked = 0;
    const took = { claimMs: 0, parkMs: 0, insertMs: 0, commitMs: 0 };
    let steppedAtMs = closedAtMs;
    const step = (name: keyof typeof took): void => {
      const nowMs = clock.nowMs();
      took[name] += nowMs - steppedAtMs;
      steppedAtMs = nowMs;
    };
    for (let failures = 0; ; ) {
      lane.assertOurs();
      try {
        if (!claimed && (groups.length > 0 || claim.excluded.length > 0)) {
          if (!(await ownership.claim(claim))) throw new PartitionMoved(route.topic, partition);
          claimed = true;
        }
        step('claimMs');
        while (parked < block.poison.length) {
          const together = block.poison.slice(parked, parked + parkedTogetherMax);
          await Promise.all(
            together.map(({ record, cause }) =>
              deps.deadLetters.park({
                topic: route.topic,
                partition,
                record,
                group: deps.group,
                cause,
                attempts: 1,
              }),
            ),
          );
          parked += together.length;
        }
        step('parkMs');
        for (const group of groups) {
          if (group.done) continue;
          await inFlight.insert(() =>
            deps.clickhouse.insertBlock({
              table: route.table,
              format: 'Avro',
              data: group.data,
              rows: group.rows,
              deduplicationToken: deduplicationToken(route.topic, partition, claim, group.schemaId),
            }),
          );
          group.done = true;
        }
        lookedFor ||= doubtful && route.appendOnly && groups.length > 0 && (await hasRestarted(rebuilt));
        if (lookedFor) {
          const there = await stored.offsets(route.table, partition, claim.firstOffset, claim.lastOffset);
          const offsets = new Set(there);
          const missing = groups.filter((group) => !offsets.has(group.firstOffset));
          if (missing.length > 0) {
            deps.onDifference(route, missing.length);
            claim = { ...claim, attempt: claim.attempt + 1 };
            claimed = false;
            for (const group of missing) group.done = false;
            continue;
          }
          if (there.length !== offsets.size)
            logger.error({ claim, rows: there.length }, 'a block is in its table twice');
          const wrong = await stored.mendRollups(route.table, partition, claim.firstOffset, claim.lastOffset);
          if (wrong > 0) deps.onDifference(route, wrong);
        }
        step('insertMs');
        break;
      } catch (error) {
        if (hasMoved(error)) throw error;
        doubtful = true;
        failures += 1;
        const retryable = isRetriable(error);
        if (failures === 1 || !retryable) logger.warn({ err: error, claim, failures }, 'block held');
        await sleep(retryRestMs(failures));
      }
    }
    await lane.commit(BigInt(claim.lastOffset + 1)).catch((error: unknown) => {
      // The next block's commit says it again, and where to go on after a restart is known to ClickHouse.
      logger.debug({ err: error }, 'offset not committed');
    });
    step('commitMs');
    logger.debug({ rows: block.rows, waitedMs: closedAtMs - block.openedAtMs, ...took }, 'block inserted');
    deps.onIngested({
      route,
      partition,
      rows: block.rows,
      newestMs: block.newestMs,
      closedAtMs,
      insertedAtMs: clock.nowMs(),
      traceparents: block.traceparents,
    });
    return took.insertMs;
  };
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
