import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { ensureClickHouseDatabase, migrateClickHouse } from '#platform/clickhouse/migrate';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';

export type ScratchClickHouse = { clickhouse: ClickHouse; url: string; drop(): Promise<void> };

const migrations = projectPath('clickhouse/migrations');

/**
 * A new database on the real ClickHouse (of the tests, if unset) with the project's tables; the caller drops it. They are
 * created as a database has them to which all migrations were applied: applying them costs more than twice as much CPU time.
 */
export const scratchClickHouse = async (server = engines().clickhouseUrl): Promise<ScratchClickHouse> => {
  const statements = await (created.get(server) ?? createdBy(server));
  return scratchWith(server, async (clickhouse) => {
    for (const sql of statements) await clickhouse.command(sql);
  });
};

/** The same with the migrations that come before the one of this number, such as `0014`. */
export const scratchClickHouseBefore = async (number: string): Promise<ScratchClickHouse> => {
  const before = mkdtempSync(join(tmpdir(), 'migrations-'));
  try {
    for (const name of readdirSync(migrations).filter((name) => name < number))
      cpSync(join(migrations, name), join(before, name));
    return await scratchWith(engines().clickhouseUrl, (clickhouse) => migrateClickHouse(clickhouse, before));
  } finally {
    rmSync(before, { recursive: true });
  }
};

/** What creates the tables and views, by server. */
const created = new Map<string, Promise<string[]>>();

const createdBy = (server: string): Promise<string[]> => {
  const statements = readCreated(server);
  created.set(server, statements);
  // A server that was away once may be back.
  statements.catch(() => created.delete(server));
  return statements;
};

/** Views come last, because they name the tables. Nothing names its database, so that it may have another name. */
const readCreated = async (server: string): Promise<string[]> => {
  const migrated = await scratchWith(server, (clickhouse) => migrateClickHouse(clickhouse, migrations));
  const { clickhouse } = migrated;
  const rows = await clickhouse.query<{ sql: string }>(
    `SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase()
     ORDER BY engine LIKE '%View', metadata_modification_time, name`,
  );
  const applied = await clickhouse.query<{ name: string; sha256: string }>(
    'SELECT name, sha256 FROM schema_migrations',
  );
  await migrated.drop();
  return [
    ...rows.map(({ sql }) => sql.replaceAll(`${clickhouse.database}.`, '')),
    `INSERT INTO schema_migrations (name, sha256) VALUES ${applied.map(({ name, sha256 }) => `('${name}', '${sha256}')`).join(', ')}`,
  ];
};

const scratchWith = async (
  server: string,
  fill: (clickhouse: ClickHouse) => Promise<unknown>,
): Promise<ScratchClickHouse> => {
  const url = new URL(server);
  url.pathname = `/scratch_${randomUUID().replaceAll('-', '')}`;
  await ensureClickHouseDatabase(url.href);
  const clickhouse = createClickHouse({ url: url.href });
  await fill(clickhouse);
  return {
    clickhouse,
    url: url.href,
    drop: async () => {
      await clickhouse.command(`DROP DATABASE IF EXISTS ${clickhouse.database} SYNC`);
      await clickhouse.stop();
    },
  };
};
