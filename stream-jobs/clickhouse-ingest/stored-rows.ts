import type { ClickHouse } from '#platform/clickhouse/client';
import { textLiteral } from '#platform/clickhouse/text-literal';
import { createCollector } from '#platform/waiting/collector';
import type { Feed, RepeatWindow } from './feeds.js';
import { createRollupMending, type Summed } from './rollup-mending.js';

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
  /** How many of the offsets from `first` to `last` the table has. */
  rowCount(feed: StoredFeed, partition: number, first: number, last: number): Promise<number>;
  /** The event ids within `window` of the rows before `offset`, oldest first. */
  eventIdsBefore(
    feed: StoredFeed,
    partition: number,
    offset: number,
    window: RepeatWindow,
  ): Promise<string[]>;
  /**
   * Corrects each rollup in the buckets of the rows from `first` to `last` of one partition (see `rollup-mending.ts`). Only
   * the partition's owner may call it, and not while it inserts. Returns how many cells were wrong.
   */
  mendRollups(of: Summed, partition: number, first: number, last: number): Promise<number>;
};

/** The rows of a feed in its table, which has those of other topics too where it keeps events. */
export type StoredFeed = Pick<Feed, 'table' | 'topic' | 'keepsEvents'>;

/** What follows FROM to read a partition's rows, of the client's database unless another is named; AND may follow. */
export const rowsOf = (
  { table, topic, keepsEvents }: StoredFeed,
  partition: number,
  database?: string,
): string => {
  const from = database === undefined ? table : `${database}.${table}`;
  return `${from} WHERE ${keepsEvents ? `topic = ${textLiteral(topic)} AND ` : ''}kafka_partition = ${partition}`;
};

export const createStoredRows = (clickhouse: Pick<ClickHouse, 'query' | 'command'>): StoredRows => {
  const valuesOf = gatherLists(clickhouse);
  const mend = createRollupMending(clickhouse);
  return {
    // After a start all partitions read it at the same time.
    serverStartedAtMs: sharingNext(async () => {
      const [row] = await clickhouse.query<{ startedAtMs: number }>(
        'SELECT toUnixTimestamp64Milli(now64(3)) - toInt64(uptime()) * 1000 AS startedAtMs',
      );
      return row?.startedAtMs ?? 0;
    }),
    greatestOffset: async (feed, partition) => {
      const [greatest] = await valuesOf(
        `SELECT toString(max(kafka_offset)) AS value FROM ${rowsOf(feed, partition)} HAVING count() > 0`,
      );
      return greatest === undefined ? null : Number(greatest);
    },
    offsets: async (feed, partition, first, last) =>
      (
        await valuesOf(
          `SELECT toString(kafka_offset) AS value FROM ${rowsOf(feed, partition)}
         AND kafka_offset BETWEEN ${first} AND ${last}
         ORDER BY kafka_offset`,
        )
      ).map(Number),
    rowCount: async (feed, partition, first, last) => {
      const [count] = await valuesOf(
        `SELECT toString(uniqExact(kafka_offset)) AS value FROM ${rowsOf(feed, partition)}
         AND kafka_offset BETWEEN ${first} AND ${last}`,
      );
      return Number(count ?? 0);
    },
    eventIdsBefore: async (feed, partition, offset, { among, idsMax, recordsMax }) => {
      const newestFirst = await valuesOf(
        `SELECT event_id AS value FROM ${rowsOf(feed, partition)}
         AND kafka_offset < ${offset}
         AND kafka_offset >= ${Math.max(0, offset - recordsMax)}
         ${among === 'named' ? notTimeOrdered : ''}
       ORDER BY kafka_offset DESC LIMIT ${idsMax}`,
      );
      return newestFirst.reverse();
    },
    mendRollups: async (of, partition, first, last) => {
      if (of.rollups.length === 0) return 0;
      const [lowS, highS] = await valuesOf(
        `SELECT toString(toUnixTimestamp(arrayJoin([min(occurred_at), max(occurred_at)]))) AS value
         FROM ${of.table} WHERE kafka_partition = ${partition} AND kafka_offset BETWEEN ${first} AND ${last}
         HAVING count() > 0`,
      );
      if (lowS === undefined || highS === undefined) return 0;
      return mend({ of, partition, lowS: Number(lowS), highS: Number(highS) });
    },
  };
};

/** The condition by which `createSeenIds` selects ids. */
const notTimeOrdered = "AND NOT (length(event_id) = 36 AND substring(event_id, 15, 1) = '7')";

const listsTogetherMax = 50;

/**
 * Answers statements that each give a list of texts in an order, as `value`. Those that come together are one request:
 * after a start every partition asks, and reading fifty lists together takes hardly longer than reading one. Where that
 * fails, each is asked by itself, so that none fails because of another.
 */
const gatherLists = (clickhouse: Pick<ClickHouse, 'query'>): ((sql: string) => Promise<string[]>) => {
  type Waiting = { sql: string; resolve(values: string[]): void; reject(error: unknown): void };
  const ask = async (statements: readonly string[]): Promise<string[][]> => {
    const lists = statements.map(
      (sql, nth) => `SELECT ${nth} AS nth, groupArray(value) AS list FROM (${sql})`,
    );
    const rows = await clickhouse.query<{ nth: number; list: string[] }>(
      `${lists.join(' UNION ALL ')} SETTINGS max_threads = 1`,
    );
    const byNth = new Map(rows.map(({ nth, list }) => [nth, list]));
    return statements.map((_, nth) => byNth.get(nth) ?? []);
  };
  const add = createCollector<Waiting>(async (waiting) => {
    const together = waiting.splice(0, listsTogetherMax);
    const lists = await ask(together.map(({ sql }) => sql)).catch(() => null);
    for (const [nth, { sql, resolve, reject }] of together.entries()) {
      const list = lists?.[nth];
      if (list !== undefined) resolve(list);
      else await ask([sql]).then(([own = []]) => resolve(own), reject);
    }
  });
  return (sql) => new Promise((resolve, reject) => add({ sql, resolve, reject }));
};

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
