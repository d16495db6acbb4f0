import type { Claim, Exclusion, Ownership } from './block-claims.js';
import type { Feed } from './feeds.js';
import type { StoredRows } from './stored-rows.js';

/** A block that somebody claimed and perhaps did not insert: it has to be built again as it was. */
export type Replay = Claim & {
  claimedAtMs: number;
  /** Offsets that are not to go in: excluded then, or in the table already. */
  left: ReadonlySet<number>;
  excludedAt: ReadonlyMap<number, Exclusion>;
};

export type ResumePoint = {
  /** The offset to read from. */
  position: number;
  replay: Replay | null;
  /** When ClickHouse was started, as far as known now; epoch milliseconds, to the second. */
  serverStartedAtMs: number;
};

/** How far apart two readings of one start may be: they are to the second. */
export const restartMsMin = 2_500;

/**
 * Where a partition goes on, by its newest claim and by what its table holds. The newest claim alone may be unfinished:
 * young, it is replayed, for its token makes a second insert harmless; older than `tokenTrustedMs`, it is looked for by
 * its offsets. After a restart of ClickHouse its rollups are looked over too, and `onDifference` is called with what was
 * mended.
 */
export const findResumePoint = async (
  feed: Feed,
  partition: number,
  newest: Ownership['newest'],
  deps: {
    stored: StoredRows;
    tokenTrustedMs: number;
    onDifference(feed: Feed, count: number): void;
  },
): Promise<ResumePoint> => {
  const { stored } = deps;
  const serverStartedAtMs = await stored.serverStartedAtMs();
  if (newest === null) {
    // Claims are kept for a time only; rows say where a partition that has long been silent went on.
    const greatest = await stored.greatestOffset(feed.table, partition);
    return { position: greatest === null ? 0 : greatest + 1, replay: null, serverStartedAtMs };
  }
  const { firstOffset, lastOffset, rows, excluded } = newest;
  const after = { position: lastOffset + 1, replay: null, serverStartedAtMs };
  if (rows === 0 && excluded.length === 0) return after;
  const there =
    newest.ageMs > deps.tokenTrustedMs && feed.appendOnly
      ? await stored.offsets(feed.table, partition, firstOffset, lastOffset)
      : [];
  if (rows > 0 && there.length >= rows) {
    if (serverStartedAtMs > newest.claimedAtMs - restartMsMin) {
      const wrong = await stored.mendRollups(feed.rollups, partition, firstOffset, lastOffset);
      if (wrong > 0) deps.onDifference(feed, wrong);
    }
    return after;
  }
  return {
    position: firstOffset,
    replay: {
      ...newest,
      left: new Set([...excluded.map(({ offset }) => offset), ...there]),
      excludedAt: new Map(excluded.map((each) => [each.offset, each])),
    },
    serverStartedAtMs,
  };
};
