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

/** A new database on the real ClickHouse (of the tests, if unset) with the project's tables; the caller drops it. */
export const scratchClickHouse = (server = engines().clickhouseUrl): Promise<ScratchClickHouse> =>
  scratchWith(server, migrations);

/** The same with the migrations that come before the one of this number, such as `0014`. */
export const scratchClickHouseBefore = async (number: string): Promise<ScratchClickHouse> => {
  const before = mkdtempSync(join(tmpdir(), 'migrations-'));
  try {
    for (const name of readdirSync(migrations).filter((name) => name < number))
      cpSync(join(migrations, name), join(before, name));
    return await scratchWith(engines().clickhouseUrl, before);
  } finally {
    rmSync(before, { recursive: true });
  }
};

const scratchWith = async (server: string, folder: string): Promise<ScratchClickHouse> => {
  const url = new URL(server);
  url.pathname = `/scratch_${randomUUID().replaceAll('-', '')}`;
  await ensureClickHouseDatabase(url.href);
  const clickhouse = createClickHouse({ url: url.href });
  await migrateClickHouse(clickhouse, folder);
  return {
    clickhouse,
    url: url.href,
    drop: async () => {
      await clickhouse.command(`DROP DATABASE IF EXISTS ${clickhouse.database} SYNC`);
      await clickhouse.stop();
    },
  };
};
