import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { ensureClickHouseDatabase, migrateClickHouse } from '#platform/clickhouse/migrate';
import { PlatformError } from '#platform/errors';
import { projectPath } from '#platform/project';
import type { Claim, ClaimedBefore } from '../block-claims.js';
import { lateName } from '../table-gate.js';
import type { Plan } from './plan.js';

/**
 * The database in which the tables grow that are to take the place of a table and its rollups. It has all of the
 * project's tables, so that the ingest loads it as it loads the other one. The state of the back-fill is in it too.
 */
export type NextTables = {
  readonly clickhouse: ClickHouse;
  readonly database: string;
  /** Null before the first plan. */
  state(): Promise<{ plan: Plan; phase: Phase } | null>;
  enter(plan: Plan, phase: Phase): Promise<void>;
  /** The blocks that may be on their way into the live tables at the exchange, to be inserted after it. */
  unfinished(): Promise<UnfinishedBlock[]>;
  noteUnfinished(blocks: readonly UnfinishedBlock[]): Promise<void>;
  /** An ingest that waited too long at the gate has put the table out of reach. */
  bringBack(): Promise<void>;
  close(): Promise<void>;
};

export type UnfinishedBlock = { topic: string; partition: number; claim: Claim & ClaimedBefore };

/** In this order. */
export type Phase = 'copying' | 'reading' | 'done';

type Live = { clickhouse: Pick<ClickHouse, 'database' | 'query' | 'command'>; url: string };

export const nextDatabaseOf = (database: string, table: string): string => `${database}__next_${table}`;

export const openNextTables = async (live: Live, tables: readonly string[]): Promise<NextTables> => {
  const [table = ''] = tables;
  const database = nextDatabaseOf(live.clickhouse.database, table);
  const address = new URL(live.url);
  address.pathname = `/${database}`;
  await ensureClickHouseDatabase(address.href);
  const clickhouse = createClickHouse({ url: address.href, requestTimeoutMs: 600_000 });
  await migrateClickHouse(clickhouse, projectPath('clickhouse/migrations'));
  await clickhouse.command(
    'CREATE TABLE IF NOT EXISTS backfill_state (nth UInt32, phase String, plan String) ENGINE = MergeTree ORDER BY nth',
  );
  await clickhouse.command(
    'CREATE TABLE IF NOT EXISTS backfill_unfinished (nth UInt32, blocks String) ENGINE = MergeTree ORDER BY nth',
  );
  const bringBack = () => renameBack(clickhouse, table);
  await bringBack();
  return {
    clickhouse,
    database,
    state: async () => {
      const [row] = await clickhouse.query<{ phase: Phase; plan: string }>(
        'SELECT phase, plan FROM backfill_state ORDER BY nth DESC LIMIT 1',
      );
      return row === undefined ? null : { phase: row.phase, plan: JSON.parse(row.plan) as Plan };
    },
    enter: async (plan, phase) => {
      // The tables carry the back-fill's id to where they go, which shows that they are there.
      for (const each of tables)
        if (phase === 'copying')
          await clickhouse.command(`ALTER TABLE ${each} MODIFY COMMENT '${markOf(plan)}'`);
      await clickhouse.insertRows('backfill_state', [
        { nth: await nextNth(clickhouse, 'backfill_state'), phase, plan: JSON.stringify(plan) },
      ]);
    },
    unfinished: async () => {
      const [row] = await clickhouse.query<{ blocks: string }>(
        'SELECT blocks FROM backfill_unfinished ORDER BY nth DESC LIMIT 1',
      );
      return row === undefined ? [] : (JSON.parse(row.blocks) as UnfinishedBlock[]);
    },
    noteUnfinished: async (blocks) => {
      await clickhouse.insertRows('backfill_unfinished', [
        { nth: await nextNth(clickhouse, 'backfill_unfinished'), blocks: JSON.stringify(blocks) },
      ]);
    },
    bringBack,
    close: () => clickhouse.stop(),
  };
};

export const markOf = ({ id }: Pick<Plan, 'id'>): string => `filled by back-fill ${id}`;

/** Which of the live tables are still the old ones. */
export const notExchanged = async (
  live: Pick<ClickHouse, 'query'>,
  tables: readonly string[],
  plan: Plan,
): Promise<string[]> => {
  const rows = await live.query<{ name: string; comment: string; engine: string }>(
    'SELECT name, comment, engine FROM system.tables WHERE database = currentDatabase() AND name IN {tables:Array(String)}',
    { tables },
  );
  const marks = new Map(rows.map(({ name, comment }) => [name, comment]));
  for (const table of tables)
    if (!marks.has(table))
      throw new PlatformError('clickhouse_rejected', `there is no table ${table}`, { retriable: false });
  // Each server of a cluster would exchange them at a moment of its own.
  if (rows.some(({ engine }) => engine.startsWith('Replicated')))
    throw new PlatformError('configuration_invalid', 'tables that replicate cannot be back-filled', {
      retriable: false,
    });
  return tables.filter((table) => marks.get(table) !== markOf(plan));
};

const nextNth = async (clickhouse: Pick<ClickHouse, 'query'>, table: string): Promise<number> =>
  ((await clickhouse.query<{ nth: number }>(`SELECT max(nth) AS nth FROM ${table}`))[0]?.nth ?? 0) + 1;

const renameBack = async (next: Pick<ClickHouse, 'query' | 'command'>, table: string): Promise<void> => {
  const rows = await next.query<{ name: string }>(
    'SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
    { names: [table, lateName(table)] },
  );
  if (rows.length === 1 && rows[0]?.name === lateName(table))
    await next.command(`RENAME TABLE ${lateName(table)} TO ${table}`);
};

export const dropNextTables = async (live: Live, table: string): Promise<void> => {
  await live.clickhouse.command(
    `DROP DATABASE IF EXISTS ${nextDatabaseOf(live.clickhouse.database, table)} SYNC`,
  );
};
