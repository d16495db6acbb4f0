import type { ClickHouse } from '#platform/clickhouse/client';

export type ErasedUser = { userId: string; erasedAtMs: number };

type Asked = Pick<ClickHouse, 'query' | 'command' | 'database'>;

/** The visits of these users include what they did in them before they logged in. */
const inTheirVisits = (visit: 'visit_id' | 'visit_key', database: string) => `${visit} IN (
  SELECT ${visit} FROM ${database}.shopper_activity WHERE user_id IN ({userIds:Array(String)}))`;
const ofTheirs = (database: string) =>
  `(user_id IN ({userIds:Array(String)}) OR ${inTheirVisits('visit_id', database)})`;

/**
 * The columns with words that shoppers typed: which rows have some, what they hold where there are none, and which are of
 * these users. In `visit_actions` analytics gathers what it has read from `shopper_activity`, which therefore comes before.
 */
const columns = [
  {
    table: 'shopper_activity',
    hasWords: "ifNull(query, '') <> ''",
    without: 'query = NULL',
    isTheirs: ofTheirs,
  },
  { table: 'searches', hasWords: "term <> ''", without: "term = ''", isTheirs: ofTheirs },
  {
    table: 'visit_actions',
    hasWords: "arrayExists(term -> term <> '', terms)",
    without: "terms = arrayMap(term -> '', terms)",
    isTheirs: (database: string) => inTheirVisits('visit_key', database),
  },
] as const;

type Erasing = {
  tables?: readonly string[];
  database?: string;
  /** Called for some of the users at a time, as soon as their words are gone. */
  onErased?(users: readonly ErasedUser[]): void;
};

/** In one statement: ClickHouse takes 131,072 bytes of one parameter, and an id in a list has 39. */
const usersAtOnceMax = 1_000;

/** Kafka has what shoppers typed for 30 days, and a table may be filled anew from it. */
const daysBack = 45;

/** Whether the table has words that shoppers typed. */
export const hasTypedWords = (name: string): boolean => columns.some(({ table }) => table === name);

/** Takes out of ClickHouse what people typed whose accounts were erased. Rows and their counts stay. */
export const typedWords = {
  /** The accounts that were erased lately. */
  erasedUsers: (clickhouse: Asked): Promise<ErasedUser[]> =>
    clickhouse.query<ErasedUser>(
      `SELECT key AS userId, toUnixTimestamp64Milli(max(occurred_at)) AS erasedAtMs FROM domain_events
       WHERE topic = 'users' AND type = 'UserErased' AND occurred_at > now64(3) - INTERVAL ${daysBack} DAY
       GROUP BY key`,
    ),

  /**
   * Takes them out of these tables of a database, by the visits that the live one has. Resolves when the words are gone, to
   * the number of rows that had some.
   */
  erase: async (
    live: Asked,
    users: readonly ErasedUser[],
    { tables = columns.map(({ table }) => table), database = live.database, onErased }: Erasing = {},
  ): Promise<number> => {
    let erased = 0;
    for (let from = 0; from < users.length; from += usersAtOnceMax) {
      const some = users.slice(from, from + usersAtOnceMax);
      erased += await eraseOf(
        some.map(({ userId }) => userId),
        live,
        { tables, database },
      );
      onErased?.(some);
    }
    return erased;
  },
};

const eraseOf = async (
  userIds: readonly string[],
  live: Asked,
  { tables, database }: { tables: readonly string[]; database: string },
): Promise<number> => {
  let erased = 0;
  for (const { table, hasWords, without, isTheirs } of columns) {
    if (!tables.includes(table)) continue;
    const words = `${hasWords} AND ${isTheirs(live.database)}`;
    const [found] = await live.query<{ rows: number }>(
      `SELECT count() AS rows FROM ${database}.${table} WHERE ${words}`,
      { userIds },
    );
    if (!found?.rows) continue;
    erased += found.rows;
    await live.command(
      `ALTER TABLE ${database}.${table} UPDATE ${without} WHERE ${words} SETTINGS mutations_sync = 2`,
      { userIds },
    );
  }
  return erased;
};
