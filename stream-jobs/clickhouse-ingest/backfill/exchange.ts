import type { ClickHouse } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import type { TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import { emptyClaim } from '../block-claims.js';
import { claimedAs, type Feed } from '../feeds.js';
import type { StoredRows } from '../stored-rows.js';
import { isGone, setGates } from '../table-gate.js';
import { assertNothingLost } from './losses.js';
import { type NextTables, notExchanged, type UnfinishedBlock } from './next-tables.js';
import type { Plan, PlannedPlace } from './plan.js';
import type { PlaceToRead, Stage } from './read-again.js';
import { type LiveRows, settledTo } from './settled.js';
import { StartAgain } from './start-again.js';

/** What the steps of a back-fill share. */
export type Parts = LiveRows & {
  live: ClickHouse;
  next: NextTables;
  /** Of the next tables, where `stored` is of the live ones. */
  storedNext: StoredRows;
  /** As Kafka says now; `admin` may have them from before. */
  partitionsOf(topics: readonly string[]): Promise<TopicPartition[]>;
};

export type Exchange = { plan: Plan; feeds: readonly Feed[]; tables: readonly string[] };

export type Readers = {
  /** Reads into the next tables. */
  readNext(places: readonly PlaceToRead[]): Promise<unknown>;
  /** Reads into the live tables. */
  readLive(places: readonly PlaceToRead[]): Promise<unknown>;
};

/**
 * Puts the next tables in the place of the live ones. The ingest's blocks wait at the gate meanwhile. What it had claimed by
 * then may be in the old table or on its way, which nobody can find out, and a block that it has just finished may be on its
 * way again by a new owner. So those blocks are inserted after the exchange under their own tokens, as a new owner of their
 * partitions does: ClickHouse drops whichever insert of them comes later.
 *
 * Resolves to false where the gate was open again before the exchange: then nothing has happened.
 */
export const exchangeTables = async (
  { plan, feeds, tables }: Exchange,
  parts: Parts,
  readers: Readers,
): Promise<boolean> => {
  const { live, next, stored } = parts;
  const topics = feeds.map(claimedAs);
  const [table = ''] = tables;
  const before = await notExchanged(live, tables, plan);
  // A call that was killed in the middle of it comes back to the rest.
  const isBegun = !before.includes(table);
  await setGates(live, topics, { database: next.database, table });
  try {
    if (!isBegun) await readRest(plan, feeds, parts, readers);
    if (before.length > 0)
      await live.command(
        `EXCHANGE TABLES ${before.map((each) => `${live.database}.${each} AND ${next.database}.${each}`).join(', ')}`,
      );
    await repeatUnfinished(feeds, parts, readers);
    // The rollups that are exchanged later lack what came in between.
    if (isBegun) await mendAll(plan, feeds, stored);
  } catch (error) {
    const isRefused = error instanceof StartAgain;
    if (!isGone(error) && !isRefused) throw error;
    await setGates(live, topics, null);
    if (isRefused) throw error;
    return false;
  }
  await setGates(live, topics, null);
  return true;
};

/** Reads what the ingest has settled, and notes the blocks of which that is not certain. */
const readRest = async (
  plan: Plan,
  feeds: readonly Feed[],
  parts: Parts,
  { readNext }: Readers,
): Promise<void> => {
  await assertAllPlanned(plan, feeds, parts);
  const places = plan.places.map((place) => ({ feed: feedOf(place, feeds), partition: place.partition }));
  const settled = await settledTo(places, parts);
  await readNext(
    plan.places.map((place, nth) => ({
      feed: feedOf(place, feeds),
      partition: place.partition,
      stages: stagesTo(place, settled[nth]?.offset ?? 0),
    })),
  );
  // What came since the plan; the rest was compared before the gate was closed.
  await assertNothingLost(
    plan.places.map((place, nth) => ({
      feed: feedOf(place, feeds),
      partition: place.partition,
      from: place.copiedTo,
      to: settled[nth]?.offset ?? 0,
    })),
    { live: parts.live, next: parts.next.clickhouse },
  );
  const unfinished = plan.places.flatMap(({ topic, partition }, nth) => {
    const claim = settled[nth]?.unfinished ?? null;
    return claim === null ? [] : [{ topic, partition, claim }];
  });
  await assertNotRead(unfinished, feeds, parts);
  await parts.next.noteUnfinished(unfinished);
};

/** A partition that came since the plan has been read by the ingest only. One that comes now waits at the gate. */
const assertAllPlanned = async (
  { places }: Plan,
  feeds: readonly Feed[],
  { partitionsOf }: Parts,
): Promise<void> => {
  const planned = new Set(places.map(partitionName));
  const partitions = await partitionsOf(feeds.map(({ topic }) => topic));
  const unplanned = partitions.find((at) => !planned.has(partitionName(at)));
  if (unplanned !== undefined)
    throw new StartAgain(
      `${unplanned.topic} has a partition ${unplanned.partition} since the back-fill was planned`,
    );
};

/**
 * An unfinished block would be there twice if it had been taken for settled before, by another version of this or because
 * ClickHouse's clock was set back since.
 */
const assertNotRead = async (
  unfinished: readonly UnfinishedBlock[],
  feeds: readonly Feed[],
  { storedNext }: Parts,
): Promise<void> => {
  for (const { topic, partition, claim } of unfinished) {
    const greatest = await storedNext.greatestOffset(feedOf({ topic }, feeds), partition);
    if (greatest !== null && greatest >= claim.firstOffset)
      throw new StartAgain(
        `${topic}-${partition} was read up to ${greatest}, and may come again from ${claim.firstOffset} on`,
      );
  }
};

const repeatUnfinished = async (
  feeds: readonly Feed[],
  { next, stored }: Parts,
  { readLive }: Readers,
): Promise<void> => {
  const unfinished = await next.unfinished();
  await readLive(
    unfinished.map(({ topic, partition, claim }) => ({
      feed: feedOf({ topic }, feeds),
      partition,
      stages: [{ until: claim.lastOffset + 1, kind: 'repeat', claim }],
    })),
  );
  for (const { topic, partition, claim } of unfinished)
    await stored.mendRollups(feedOf({ topic }, feeds), partition, claim.firstOffset, claim.lastOffset);
};

/** The stages of a place up to `settled`, those that are done among them. */
export const stagesTo = ({ from, to, copiedTo }: PlannedPlace, settled: number): Stage[] => [
  ...(from > 0 ? [{ until: from, kind: 'pass', claim: emptyClaim(0, from) } as const] : []),
  ...(to > from ? [{ until: to, kind: 'read' } as const] : []),
  ...(copiedTo > to ? [{ until: copiedTo, kind: 'pass', claim: emptyClaim(to, copiedTo) } as const] : []),
  ...(settled > copiedTo ? [{ until: settled, kind: 'read' } as const] : []),
];

export const feedOf = ({ topic }: Pick<PlannedPlace, 'topic'>, feeds: readonly Feed[]): Feed => {
  const feed = feeds.find((each) => each.topic === topic);
  if (feed !== undefined) return feed;
  throw new PlatformError('configuration_invalid', `no feed loads ${topic}`, { retriable: false });
};

/** Corrects the rollups of whole partitions, and returns how many cells were wrong. */
export const mendAll = async (plan: Plan, feeds: readonly Feed[], stored: StoredRows): Promise<number> => {
  let wrong = 0;
  for (const place of plan.places)
    wrong += await stored.mendRollups(feedOf(place, feeds), place.partition, 0, Number.MAX_SAFE_INTEGER);
  return wrong;
};

export const wasExchanged = async (
  live: ClickHouse,
  tables: readonly string[],
  plan: Plan,
): Promise<boolean> => (await notExchanged(live, tables, plan)).length < tables.length;
