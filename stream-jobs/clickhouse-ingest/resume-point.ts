import type { Claim, ClaimedBefore, Exclusion, Ownership } from './block-claims.js';
import type { Feed } from './feeds.js';
import type { StoredRows } from './stored-rows.js';

/** A block that was claimed and perhaps not inserted: it has to be built again unchanged. */
export type Replay = Claim & {
  claimedAtMs: number;
  /** True where the table and the rollups have to be looked at after its insert, whatever ClickHouse says of it. */
  isLookedFor: boolean;
  /** Offsets to leave out: excluded by the claim, or in the table already. */
  left: ReadonlySet<number>;
  excludedAt: ReadonlyMap<number, Exclusion>;
};

export type ResumePoint = {
  /** The offset to read from. */
  nextOffset: number;
  replay: Replay | null;
  /** The start time of ClickHouse as last read; epoch milliseconds, precise to a second. */
  serverStartedAtMs: number;
};

/**
 * The rows of a claim older than this are looked up by their offsets, because ClickHouse may have dropped its token. The
 * tables keep 10,000 tokens, which is longer than this even if a hundred partitions insert three times a second.
 */
export const tokenTrustedMs = 20_000;

/** Two readings of the same start differ by less than this, since they are precise to a second. */
export const restartMsMin = 2_500;

/** A claim from the future was stored before ClickHouse's clock was set back: nothing is known of its age. */
const isFromFuture = ({ ageMs }: ClaimedBefore): boolean => ageMs < 0;

/**
 * Where a partition continues, from its newest claim and its table's rows. Only the newest claim may be
 * unfinished. A recent claim is replayed, because its token makes a second insert harmless. The rows of a claim older
 * than `tokenTrustedMs` are looked up by their offsets, and so are those of a claim that was raised to another attempt:
 * under its token only the parts go in that were missing. After a restart of ClickHouse the rollups are checked too, and
 * `onDifference` receives the number of corrections.
 *
 * A block is committed when all of it is done, so one that is committed is not replayed where ClickHouse has kept running and
 * has as many of its rows. Anybody can commit an offset by hand, so the rows decide.
 */
export const findResumePoint = async (
  feed: Feed,
  partition: number,
  newest: Ownership['newest'],
  deps: {
    stored: StoredRows;
    /** Where the group goes on, as it committed; null where that says nothing about the table. */
    committed: number | null;
    onDifference(feed: Feed, count: number): void;
  },
): Promise<ResumePoint> => {
  const { stored, committed } = deps;
  const serverStartedAtMs = await stored.serverStartedAtMs();
  if (newest === null) {
    // Claims are deleted after a while. For a partition without recent records the rows show where it continues.
    const greatest = await stored.greatestOffset(feed, partition);
    return { nextOffset: greatest === null ? 0 : greatest + 1, replay: null, serverStartedAtMs };
  }
  const { firstOffset, lastOffset, attempt, rows, excluded, ageMs } = newest;
  const after = { nextOffset: lastOffset + 1, replay: null, serverStartedAtMs };
  if (rows === 0 && excluded.length === 0) return after;
  const isTokenTrusted = attempt === 0 && !isFromFuture(newest) && ageMs <= tokenTrustedMs;
  const hasRestarted = serverStartedAtMs > newest.claimedAtMs - restartMsMin;
  const isCommitted = committed !== null && committed > lastOffset && attempt === 0;
  if (isCommitted && !hasRestarted && !isFromFuture(newest) && feed.appendOnly && rows > 0)
    if ((await stored.rowCount(feed, partition, firstOffset, lastOffset)) >= rows) return after;
  const there =
    !isTokenTrusted && feed.appendOnly ? await stored.offsets(feed, partition, firstOffset, lastOffset) : [];
  // Of a gathered insert another owner may have repeated a part, and thereby stopped the rest of its sums. Another attempt
  // follows such an insert, or a kill of ClickHouse.
  const isLookedFor = feed.appendOnly && (newest.gathered !== null || attempt > 0 || isFromFuture(newest));
  if (rows > 0 && there.length >= rows) {
    if (isLookedFor || hasRestarted) {
      const wrong = await stored.mendRollups(feed, partition, firstOffset, lastOffset);
      if (wrong > 0) deps.onDifference(feed, wrong);
    }
    return after;
  }
  return {
    nextOffset: firstOffset,
    replay: {
      ...newest,
      isLookedFor,
      left: new Set([...excluded.map(({ offset }) => offset), ...there]),
      excludedAt: new Map(excluded.map((each) => [each.offset, each])),
    },
    serverStartedAtMs,
  };
};
