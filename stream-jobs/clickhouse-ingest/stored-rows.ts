import type { ClickHouse } from '#platform/clickhouse/client';
import type { RepeatWindow } from './feeds.js';

/**
 * What a table holds of one Kafka partition, and whether its rollups agree. Deduplication tokens make a repeated
 * insert harmless as long as ClickHouse remembers them; this is for when it does not, or was killed between
 * remembering a token and keeping its rows.
 */
export type StoredRows = {
  /** When ClickHouse was last started, by its own clock, to the second; epoch milliseconds. */
  serverStartedAtMs(): Promise<number>;
  /** The greatest offset in the table, null where there is none. */
  greatestOffset(table: string, partition: number): Promise<number | null>;
  /** Which offsets from `first` to `last` are there, ascending; an offset that is there twice comes twice. */
  offsets(table: string, partition: number, first: number, last: number): Promise<number[]>;
  /** Values of `event_id`, oldest first, that `window` asks for of the rows before `offset`. */
  eventIdsBefore(table: string, partition: number, offset: number, window: RepeatWindow): Promise<string[]>;
  /**
   * Adds to each rollup what it lacks, and takes from it what it has too much, over the buckets of the rows from
   * `first` to `last` of one partition (see `clickhouse/migrations/0005-rollup-differences.sql`). Only the partition's
   * owner may call it, and not while it inserts. Returns how many cells were wrong.
   */
  mendRollups(rollups: readonly string[], partition: number, first: number, last: number): Promise<number>;
};

export const createStoredRows = (clickhouse: Pick<ClickHouse, 'query' | 'command'>): StoredRows => ({
  // All partitions ask at once after a start.
  serverStartedAtMs: sharingNext(async () => {
    const [row] = await clickhouse.query<{ startedAtMs: number }>(
      'SELECT toUnixTimestamp64Milli(now64(3)) - toInt64(uptime()) * 1000 AS startedAtMs',
    );
    return row?.startedAtMs ?? 0;
  }),
  greatestOffset: async (table, partition) => {
    const [row] = await clickhouse.query<{ rows: number; greatest: number }>(
      `SELECT count() AS rows, max(kafka_offset) AS greatest FROM ${table} WHERE kafka_partition = ${partition}`,
    );
    return row === undefined || row.rows === 0 ? null : row.greatest;
  },
  offsets: async (table, partition, first, last) => {
    const rows = await clickhouse.query<{ offset: number }>(
      `SELECT kafka_offset AS offset FROM ${table}
       WHERE kafka_partition = ${partition} AND kafka_offset BETWEEN ${first} AND ${last}
       ORDER BY offset`,
    );
    return rows.map((row) => row.offset);
  },
  eventIdsBefore: async (table, partition, offset, { among, idsMax, recordsMax }) => {
    const rows = await clickhouse.query<{ event_id: string }>(
      `SELECT event_id FROM ${table}
       WHERE kafka_partition = ${partition} AND kafka_offset < ${offset}
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
      // What is lacking may be the same as another time, and is then no repeat.
      await clickhouse.command(
        `INSERT INTO ${rollup} SETTINGS insert_deduplicate = 0 SELECT * FROM ${difference}`,
      );
    }
    return wrong;
  },
});

/** As `createRepeats` looks at an id. */
const notTimeOrdered = "AND NOT (length(event_id) = 36 AND substring(event_id, 15, 1) = '7')";

/** Whoever asks while an answer is on its way shares the next one: an answer never is from before the question. */
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
