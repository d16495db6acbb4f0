import { randomUUID } from 'node:crypto';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { ensureClickHouseDatabase, migrateClickHouse } from '#platform/clickhouse/migrate';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';

export type ScratchClickHouse = { clickhouse: ClickHouse; url: string; drop(): Promise<void> };

/** A new database on the real ClickHouse (of the tests, if unset) with the project's tables; the caller drops it. */
export const scratchClickHouse = async (server = engines().clickhouseUrl): Promise<ScratchClickHouse> => {
  const url = new URL(server);
  url.pathname = `/scratch_${randomUUID().replaceAll('-', '')}`;
  await ensureClickHouseDatabase(url.href);
  const clickhouse = createClickHouse({ url: url.href });
  await migrateClickHouse(clickhouse, projectPath('clickhouse/migrations'));
  return {
    clickhouse,
    url: url.href,
    drop: async () => {
      await clickhouse.command(`DROP DATABASE IF EXISTS ${clickhouse.database} SYNC`);
      await clickhouse.stop();
    },
  };
};
