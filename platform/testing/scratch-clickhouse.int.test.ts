import { expect, test } from 'vitest';
import type { ClickHouse } from '#platform/clickhouse/client';
import { migrateClickHouse } from '#platform/clickhouse/migrate';
import { projectPath } from '#platform/project';
import { scratchClickHouse, scratchClickHouseBefore } from '#platform/testing/scratch-clickhouse';

const tablesOf = (clickhouse: ClickHouse): Promise<object[]> =>
  clickhouse.query(
    `SELECT name, replaceAll(create_table_query, concat(currentDatabase(), '.'), '') AS sql
     FROM system.tables WHERE database = currentDatabase() ORDER BY name`,
  );

test('a scratch database has the tables and views of one to which all migrations were applied', async () => {
  const folder = projectPath('clickhouse/migrations');
  const [scratch, migrated] = await Promise.all([scratchClickHouse(), scratchClickHouseBefore('0001')]);
  await migrateClickHouse(migrated.clickhouse, folder);
  expect(await tablesOf(scratch.clickhouse)).toEqual(await tablesOf(migrated.clickhouse));
  expect(await migrateClickHouse(scratch.clickhouse, folder)).toEqual([]);
  await Promise.all([scratch.drop(), migrated.drop()]);
});
