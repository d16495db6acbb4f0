import type { ClickHouse } from '#platform/clickhouse/client';
import type { Feed, RepeatWindow } from './feeds.js';

/**
 * Reads the rows of one Kafka partition in a table, and compares the rollups with them. Deduplication tokens make a
 * repeated insert harmless as long as ClickHouse keeps them. This is needed when it has dropped a token, or was killed
 * after it stored a token and before it stored the rows.
 */
export type StoredRows = {
  /** When ClickHouse was last started, by its own clock; epoch milliseconds, precise to a second. */
  serverStartedAtMs(): Promise<number>;
  /** The greatest offset in the table; null if it has no rows. */
  greatestOffset(feed: StoredFeed, partition: number): Promise<number | null>;
  /** The offsets from `first` to `last` that the table has, ascending; an offset with two rows is listed twice. */
  offsets(feed: StoredFeed, partition: number, first: number, last: number): Promise<number[]>;
  /** The event ids within `window` of the rows before `offset`, oldest first. */
  eventIdsBefore(
    feed: StoredFeed,
    partition: number,
    offset: number,
    window: RepeatWindow,
  ): Promise<string[]>;
  /**
   * Corrects each rollup in the buckets of the rows from `first` to `last` of one partition, by adding the difference
   * to the table (see `clickhouse/migrations/0005-rollup-differences.sql`). Only the partition's owner may call it, and
   * not while it inserts. Returns how many cells were wrong.
   */
  mendRollups(rollups: readonly string[], partition: number, first: number, last: number): Promise<number>;
};

/** The rows of a feed in its table, which has those of other topics too where it keeps events. */
export type StoredFeed = Pick<Feed, 'table' | 'topic' | 'keepsEvents'>;

const rowsOf = ({ table, topic, keepsEvents }: StoredFeed, partition: number): string =>
  `${table} WHERE ${keepsEvents ? `topic = '${topic.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}' AND ` : ''}kafka_partition = ${partition}`;

export const createStoredRows = (clickhouse: Pick<ClickHouse, 'query' | 'command'>): StoredRows => ({
  // After a start all partitions read it at the same time.
  serverStartedAtMs: sharingNext(async () => {
    const [row] = await clickhouse.query<{ startedAtMs: number }>(
      'SELECT toUnixTimestamp64Milli(now64(3)) - toInt64(uptime()) * 1000 AS startedAtMs',
    );
    return row?.startedAtMs ?? 0;
  }),
  greatestOffset: async (feed, partition) => {
    const [row] = await clickhouse.query<{ rows: number; greatest: number }>(
      `SELECT count() AS rows, max(kafka_offset) AS greatest FROM ${rowsOf(feed, partition)}`,
    );
    return row === undefined || row.rows === 0 ? null : row.greatest;
  },
  offsets: async (feed, partition, first, last) => {
    const rows = await clickhouse.query<{ offset: number }>(
      `SELECT kafka_offset AS offset FROM ${rowsOf(feed, partition)}
       AND kafka_offset BETWEEN ${first} AND ${last}
       ORDER BY offset`,
    );
    return rows.map((row) => row.offset);
  },
  eventIdsBefore: async (feed, partition, offset, { among, idsMax, recordsMax }) => {
    const rows = await clickhouse.query<{ event_id: string }>(
      `SELECT event_id FROM ${rowsOf(feed, partition)}
         AND kafka_offset < ${offset}
         AND kafka_offset >= ${Math.max(0, offset - recordsMax)}
         ${among === 'named' ? notTimeOrdered : ''}
       ORDER BY kafka_offset DESC LIMIT ${idsMax}`,
    );
    return rows.map((row) => row.event_id).reverse();
  },
  mendRollups: async (rollups, partition, first, last) => {
    let wrong = 0;
    for (const rollup of rollups) {
      const difference = `${rollup}_difference(partition = ${partition}, first = ${first}, last = ${last})`;
      const [count] = await clickhouse.query<{ cells: number }>(`SELECT count() AS cells FROM ${difference}`);
      if (count === undefined || count.cells === 0) continue;
      wrong += count.cells;
      // The same correction may be needed a second time, and must then not be dropped as a repeat.
      await clickhouse.command(
        `INSERT INTO ${rollup} SETTINGS insert_deduplicate = 0 SELECT * FROM ${difference}`,
      );
    }
    return wrong;
  },
});

/** The condition by which `createRepeats` selects ids. */
const notTimeOrdered = "AND NOT (length(event_id) = 36 AND substring(event_id, 15, 1) = '7')";

/** Calls during a running request share the next request, so that no answer is older than its call. */
const sharingNext = <T>(ask: () => Promise<T>): (() => Promise<T>) => {
  let underWay: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  return () => {
    next ??= underWay
      .catch(() => {})
      .then(() => {
        next = undefined;
        const asked = ask();
        underWay = asked;
        return asked;
      });
    return next;
  };
};
