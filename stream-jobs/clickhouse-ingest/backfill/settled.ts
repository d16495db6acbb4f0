import type { BrokerAdmin } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import type { BlockClaims, Claim, ClaimedBefore } from '../block-claims.js';
import { claimedAs, type Feed } from '../feeds.js';
import { tokenTrustedMs } from '../resume-point.js';
import type { StoredRows } from '../stored-rows.js';

/** What shows how far the ingest is with the live tables. */
export type LiveRows = {
  /** The ingest's. */
  group: string;
  claims: Pick<BlockClaims, 'newest'>;
  stored: StoredRows;
  admin: Pick<BrokerAdmin, 'offsets' | 'committedOffsets'>;
};

export type Settled = {
  /** Rows before it are in the table for good, and nothing on its way has any of them. */
  offset: number;
  /** The claim behind it, of which that is not certain. */
  unfinished: (Claim & ClaimedBefore) | null;
};

type Place = { feed: Feed; partition: number };

/** A new owner is taken to need no longer from reading the claim of its partition until that block is in the table. */
const insertedWithinMs = 40_000;
/**
 * A claim as young as this may be on its way a second time, although it is finished: a new owner of its partition trusts
 * its token.
 */
const replayedMsMax = tokenTrustedMs + insertedWithinMs;

/**
 * Of each partition's claims only the newest can be unfinished, and not if the ingest has committed its end, which it does
 * after ClickHouse has acknowledged the block. It is on its way no more when no new owner would build it again.
 */
export const settledTo = async (
  places: readonly Place[],
  { group, claims, stored, admin }: LiveRows,
): Promise<Settled[]> => {
  const topics = [...new Set(places.map(({ feed }) => feed.topic))];
  const committed = new Map<string, number>();
  const lows = new Map<string, number>();
  for (const topic of topics) {
    for (const { partition, nextOffset } of await admin.committedOffsets(group, topic))
      committed.set(partitionName({ topic, partition }), Number(nextOffset ?? 0));
    for (const { partition, low } of await admin.offsets(topic))
      lows.set(partitionName({ topic, partition }), Number(low));
  }
  const newest = await claims.newest(
    places.map(({ feed, partition }) => ({ topic: claimedAs(feed), partition })),
  );
  return Promise.all(
    places.map(async ({ feed, partition }) => {
      const claim = newest.get(partitionName({ topic: claimedAs(feed), partition }));
      if (claim === undefined) {
        const greatest = await stored.greatestOffset(feed, partition);
        return { offset: greatest === null ? 0 : greatest + 1, unfinished: null };
      }
      const at = partitionName({ topic: feed.topic, partition });
      const end = claim.lastOffset + 1;
      const isFinished = (committed.get(at) ?? 0) >= end && claim.ageMs > replayedMsMax;
      // What Kafka has deleted cannot be built again, and a claim of nothing is not.
      const isDeleted = (lows.get(at) ?? 0) > claim.firstOffset;
      const isSettled = isFinished || isDeleted || (claim.rows === 0 && claim.excluded.length === 0);
      return isSettled ? { offset: end, unfinished: null } : { offset: claim.firstOffset, unfinished: claim };
    }),
  );
};
