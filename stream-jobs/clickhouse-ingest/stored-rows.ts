import type { ClickHouse } from '#platform/clickhouse/client';

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
  /** Values of `event_id`, oldest first, of the `sizeMax` rows before `offset`. */
  eventIdsBefore(table: string, partition: number, offset: number, sizeMax: number): Promise<string[]>;
  /**
   * Adds to each rollup of `table` what it lacks, and takes from it what it has too much, over the buckets of the
   * rows from `first` to `last` of one partition. Only the partition's owner may call it, and not while it
   * inserts. Returns how many cells were wrong.
   */
  mendRollups(table: string, partition: number, first: number, last: number): Promise<number>;
};

export type Rollup = { table: string; select: string; keys: readonly string[]; measures: readonly string[] };

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
  eventIdsBefore: async (table, partition, offset, sizeMax) => {
    const rows = await clickhouse.query<{ event_id: string }>(
      `SELECT event_id FROM ${table}
       WHERE kafka_partition = ${partition} AND kafka_offset < ${offset}
       ORDER BY kafka_offset DESC LIMIT ${sizeMax}`,
    );
    return rows.map((row) => row.event_id).reverse();
  },
  mendRollups: async (table, partition, first, last) => {
    let wrong = 0;
    for (const rollup of await rollupsOf(clickhouse, table)) {
      const params = { partition, first, last };
      const [count] = await clickhouse.query<{ cells: number }>(
        `SELECT count() AS cells FROM (${differenceSelect(rollup, table)})`,
        params,
      );
      if (count === undefined || count.cells === 0) continue;
      wrong += count.cells;
      const columns = [...rollup.keys, ...rollup.measures].join(', ');
      await clickhouse.command(
        `INSERT INTO ${rollup.table} (${columns}) ${differenceSelect(rollup, table)}`,
        params,
      );
    }
    return wrong;
  },
});

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

/**
 * The materialized views over `table`, from ClickHouse itself: a new one is looked after without being listed, if it is
 * named `<target>_mv`, sums without a WHERE, and its target is sorted by its bucket of `occurred_at` first.
 */
export const rollupsOf = async (clickhouse: Pick<ClickHouse, 'query'>, table: string): Promise<Rollup[]> => {
  const rows = await clickhouse.query<{ target: string; select: string; keys: string; columns: string[] }>(
    `SELECT target.name AS target, view.as_select AS select, target.sorting_key AS keys,
       (SELECT groupArray((table, name)) FROM system.columns WHERE database = currentDatabase()) AS all_columns,
       arrayMap(c -> c.2, arrayFilter(c -> c.1 = target.name, all_columns)) AS columns
     FROM system.tables AS view
     INNER JOIN system.tables AS target ON target.database = view.database AND concat(target.name, '_mv') = view.name
     WHERE view.database = currentDatabase() AND view.engine = 'MaterializedView'
       AND view.as_select LIKE concat('%FROM ', currentDatabase(), '.', {table:String}, ' GROUP BY%')`,
    { table },
  );
  return rows.map(({ target, select, keys, columns }) => {
    const keyList = keys.split(',').map((key) => key.trim());
    return {
      table: target,
      select,
      keys: keyList,
      measures: columns.filter((column) => !keyList.includes(column)),
    };
  });
};

/**
 * Raw minus rollup for each cell where they differ. A rollup's first key is its bucket; the other rows of the
 * buckets are found by time, which the raw table indexes.
 */
const differenceSelect = ({ table, select, keys, measures }: Rollup, raw: string): string => {
  const [bucket] = keys;
  const mine = 'kafka_partition = {partition:UInt16}';
  const buckets = select.replace(
    / FROM \S+ GROUP BY .*$/,
    ` FROM ${raw} WHERE ${mine} AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64} GROUP BY ${keys.join(', ')}`,
  );
  const span = `WITH touched AS (SELECT min(${bucket}) AS low, max(${bucket}) AS high FROM (${buckets}))`;
  const within = `${bucket} BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)`;
  const computed = select.replace(
    / FROM (\S+) GROUP BY /,
    ` FROM ${raw} WHERE ${mine} AND occurred_at >= (SELECT low FROM touched) GROUP BY `,
  );
  const plus = measures.map((name) => `toInt64(${name}) AS ${name}`).join(', ');
  const minus = measures.map((name) => `-toInt64(${name}) AS ${name}`).join(', ');
  const sums = measures.map((name) => `sum(difference.${name}) AS ${name}`).join(', ');
  const differs = measures.map((name) => `${name} != 0`).join(' OR ');
  return `${span} SELECT ${keys.join(', ')}, ${sums} FROM (
    SELECT ${keys.join(', ')}, ${plus} FROM (${computed}) WHERE ${within}
    UNION ALL
    SELECT ${keys.join(', ')}, ${minus} FROM ${table} WHERE ${mine} AND ${within}
  ) AS difference GROUP BY ${keys.join(', ')} HAVING ${differs}`;
};
