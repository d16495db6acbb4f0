import type { RecordHeaders } from '#platform/messaging/broker';
import type { RelayQuery } from '#platform/outbox/relay-session';

export type OutboxRow = {
  seq: string;
  topic: string;
  key: string;
  value: Buffer | null;
  headers: RecordHeaders;
  appended_ms: number;
};

/** The rows that the leading relay is sending, as the position in the database defines them. */
export type OutboxWindow = {
  /**
   * Opens the next window if there are new rows, and returns its first rows; none where there are no new ones. Call it
   * only when Kafka has all of the current window.
   */
  open(rowsMax: number): Promise<OutboxRow[]>;
  /** The first rows without a stored acknowledgement, in the order of `seq`. */
  read(rowsMax: number): Promise<OutboxRow[]>;
  /** Stores that Kafka has all rows up to `seq`. */
  save(seq: string): Promise<void>;
  /** The same, and returns the first rows behind it. */
  readBehind(seq: string, rowsMax: number): Promise<OutboxRow[]>;
  /**
   * Stores that Kafka has the whole window, whose last row is `lastSeq`, opens the next one, and returns its first rows.
   */
  close(lastSeq: string, rowsMax: number): Promise<OutboxRow[]>;
  /**
   * If the database was restored into another cluster, where the same transaction ids mean other transactions, starts
   * with a new position and returns how many rows wait. Null otherwise. No unsent row is lost or reordered. Rows that
   * were sent after the backup was made are sent again with the same event ids.
   */
  restartIfForeign(): Promise<number | null>;
};

/**
 * `seq` begins right before the window's first row, so that reading starts there, and after all rows when the window is
 * empty. (`+ 0` keeps the planner from searching the least `seq` along its index, through all rows already sent.)
 */
const nextWindow = `
  UPDATE outbox_position p SET done = target, target = pg_current_snapshot(), seq = coalesce(
    (SELECT min(o.seq + 0) - 1 FROM outbox o
     WHERE o.xid >= pg_snapshot_xmin(p.target) AND NOT pg_visible_in_snapshot(o.xid, p.target)),
    9223372036854775807)`;

const columns = `o.seq::text, o.topic, o.key, o.value, o.headers,
  extract(epoch FROM o.appended_at)::float8 * 1000 AS appended_ms`;

/**
 * The first rows of the window whose position is the one row of `p`. The position is read by subqueries: a join would
 * leave it to the planner whether it looks at all rows that were ever sent, and a prepared plan is kept for long.
 */
const readWindow = `
  SELECT ${columns} FROM outbox o
  WHERE o.seq > (SELECT seq FROM p) AND o.xid >= (SELECT pg_snapshot_xmin(done) FROM p)
    AND NOT pg_visible_in_snapshot(o.xid, (SELECT done FROM p))
    AND pg_visible_in_snapshot(o.xid, (SELECT target FROM p))
  ORDER BY o.seq LIMIT $1`;

/** The first rows of the window that `update` has opened: the snapshot of the statement is the window's end. */
const readingOf = (update: string): string =>
  `WITH p AS (${update} RETURNING seq, done, target) ${readWindow}`;

const openAndRead = readingOf(
  `${nextWindow} WHERE EXISTS (SELECT FROM outbox o WHERE o.xid >= pg_snapshot_xmin(p.target)
                               AND NOT pg_visible_in_snapshot(o.xid, p.target))`,
);
const upTo = (place: string) =>
  `UPDATE outbox_position SET seq = ${place}, sent_seq_max = greatest(sent_seq_max, ${place})`;
const saveAndRead = readingOf(upTo('$2'));
const closeAndRead = readingOf(`${nextWindow}, sent_seq_max = greatest(sent_seq_max, $2)`);

/**
 * Whether the position is of another cluster. In its own, no snapshot or row of the past lies in the future, and nothing
 * above `sent_seq_max` counts as published. (The function `outbox_position_is_foreign` of the migrations says the same,
 * but PostgreSQL plans its statement at every call.)
 */
const isForeign = `
  SELECT pg_snapshot_xmax(p.target) > pg_snapshot_xmax(pg_current_snapshot())
    OR EXISTS (SELECT FROM outbox o WHERE o.xid >= pg_snapshot_xmax(pg_current_snapshot()))
    OR EXISTS (SELECT FROM outbox o
               WHERE o.seq > p.sent_seq_max
                 AND (pg_visible_in_snapshot(o.xid, p.done)
                      OR (o.seq <= p.seq AND pg_visible_in_snapshot(o.xid, p.target)))) AS foreign
  FROM outbox_position p`;

/** Only so that it ends some day. */
const restartMsMax = 24 * 3_600_000;

export const createWindow = (query: RelayQuery): OutboxWindow => ({
  open: (rowsMax) => query<OutboxRow>(openAndRead, [rowsMax]),
  read: (rowsMax) =>
    query<OutboxRow>(`WITH p AS (SELECT seq, done, target FROM outbox_position) ${readWindow}`, [rowsMax]),
  save: async (seq) => {
    await query(upTo('$1'), [seq]);
  },
  readBehind: (seq, rowsMax) => query<OutboxRow>(saveAndRead, [rowsMax, seq]),
  close: (lastSeq, rowsMax) => query<OutboxRow>(closeAndRead, [rowsMax, lastSeq]),
  restartIfForeign: async () => {
    const [position] = await query<{ foreign: boolean }>(isForeign, []);
    if (position?.foreign !== true) return null;
    // What waits is compared with what was sent, both of any size: no index helps there.
    await query('BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL enable_hashjoin = on');
    const [restarted] = await query<{ waiting: number }>(
      'SELECT outbox_restart_position()::int AS waiting',
      undefined,
      { answerTimeoutMs: restartMsMax },
    );
    await query('COMMIT');
    return restarted?.waiting ?? 0;
  },
});
