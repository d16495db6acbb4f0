import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { onCluster } from '#platform/clickhouse/cluster';
import { migrateClickHouse, statementsOf } from '#platform/clickhouse/migrate';
import { projectPath } from '#platform/project';
import { scratchClickHouse, scratchClickHouseBefore } from '#platform/testing/scratch-clickhouse';
import { feeds } from './feeds.js';
import { rowLayout } from './native-rows.js';
import { createStoredRows } from './stored-rows.js';

const setUp = async () => {
  const { clickhouse, drop } = await scratchClickHouse();
  onTestFinished(drop);
  return { clickhouse, stored: createStoredRows(clickhouse) };
};

it('every materialized view belongs to a feed and has a difference of the same columns to be mended by', async () => {
  const { clickhouse } = await setUp();
  const views = await clickhouse.query<{ rollup: string }>(
    `SELECT replaceRegexpOne(name, '_mv$', '') AS rollup FROM system.tables
     WHERE database = currentDatabase() AND engine = 'MaterializedView' ORDER BY rollup`,
  );
  expect(views.map(({ rollup }) => rollup)).toEqual(feeds.flatMap(({ rollups }) => rollups).sort());
  const columns = async (from: string) =>
    (await clickhouse.query<{ name: string }>(`DESCRIBE TABLE ${from}`)).map(({ name }) => name);
  for (const { rollup } of views)
    expect(
      await columns(`(SELECT * FROM ${rollup}_difference(partitions = [0], low = 0, high = 1))`),
    ).toEqual(await columns(rollup));
});

it('the table of a feed of one type has a column for each field, as wide as in blocks', async () => {
  const { clickhouse } = await setUp();
  const ofOneType = feeds.flatMap((feed) => (!feed.keepsEvents && feed.onlyThese ? [feed] : []));
  for (const { table, events } of ofOneType) {
    const described = await clickhouse.query<{ name: string; type: string }>(`DESCRIBE TABLE ${table}`);
    const columns = new Map(
      described.map(({ name, type }) => [
        name,
        type.replace(/^LowCardinality\((.*)\)$/, '$1').replace('UInt', 'Int'),
      ]),
    );
    for (const { schema } of events)
      for (const { name, type } of rowLayout(schema as never).columns)
        expect(`${table}.${name} ${columns.get(name)}`).toBe(`${table}.${name} ${type}`);
  }
});

it('an insert is one part of every table that the ingest fills, and of every rollup', async () => {
  const { clickhouse } = await setUp();
  const tables = [...new Set(feeds.flatMap(({ table, rollups }) => [table, ...rollups]))].sort();
  const found = await clickhouse.query<{ name: string; partition_key: string }>(
    'SELECT name, partition_key FROM system.tables WHERE database = currentDatabase() AND name IN {tables:Array(String)} ORDER BY name',
    { tables },
  );
  // A gathered insert that is in a table in parts could be there half, and its token would drop the rest of it (ADR 5).
  expect(found).toEqual(tables.map((name) => ({ name, partition_key: '' })));
});

it('a cluster gets every statement of the migrations for all of its servers, with tables that replicate', async () => {
  const { clickhouse } = await setUp();
  const folder = projectPath('clickhouse/migrations');
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  const statements = files.flatMap((name) => statementsOf(readFileSync(join(folder, name), 'utf8')));
  const forAll = statements.map((statement) => onCluster(statement, 'shop'));
  // ClickHouse itself parses them, which needs no cluster.
  for (const [nth, sql] of forAll.entries()) {
    const [parsed] = await clickhouse.query<{ sql: string }>('SELECT formatQuery({sql:String}) AS sql', {
      sql,
    });
    expect(parsed?.sql, statements[nth]).toMatch(/ON CLUSTER shop|^INSERT/);
    expect(parsed?.sql).not.toMatch(/ENGINE = (?!Replicated)\w*MergeTree/);
  }
  expect(forAll.filter((sql) => sql.includes('ENGINE = Replicated')).length).toBeGreaterThan(5);
});

it('the same cells that are lost twice are mended twice', async () => {
  const { clickhouse, stored } = await setUp();
  const rows = Array.from({ length: 60 }, (_, offset) => {
    const place = {
      kafka_partition: offset % 2,
      kafka_offset: offset,
      occurred_at: 1_790_000_000 + offset * 2_400,
    };
    const isSale = offset % 3 !== 0;
    const userId = offset % 5 === 0 ? null : `user-${offset % 7}`;
    const sale = {
      ...place,
      product_id: `product-${offset % 4}`,
      user_id: userId,
      currency: 'EUR',
      line: offset % 2,
      kind: isSale ? 'sale' : 'refund',
      quantity: isSale ? 2 : -1,
      amount_minor: isSale ? 200 + offset : -100 - offset,
    };
    return { sale, activity: { ...place, type: offset % 2 ? 'product_viewed' : 'product_added' } };
  });
  await clickhouse.insertRows(
    'sales',
    rows.map(({ sale }) => sale),
  );
  await clickhouse.insertRows(
    'shopper_activity',
    rows.map(({ activity }) => activity),
  );
  for (const { table, rollups } of feeds.filter((feed) => feed.rollups.length > 0)) {
    const cells = () =>
      Promise.all(
        rollups.map((rollup) =>
          clickhouse.query(
            `SELECT ${table === 'sales' ? '* REPLACE finalizeAggregation(buyers) AS buyers' : '*'} FROM ${rollup} FINAL ORDER BY ALL`,
          ),
        ),
      );
    const before = await cells();
    expect(before.every((rollup) => rollup.length > 0)).toBe(true);
    const mend = async () =>
      (
        await Promise.all([0, 1].map((partition) => stored.mendRollups({ table, rollups }, partition, 0, 60)))
      ).reduce((sum, cells) => sum + cells, 0);
    expect(await mend(), table).toBe(0);
    for (let time = 0; time < 2; time += 1) {
      for (const rollup of rollups) await clickhouse.command(`TRUNCATE TABLE ${rollup}`);
      expect(await mend(), table).toBeGreaterThan(0);
      expect(await cells(), table).toEqual(before);
      expect(await mend(), table).toBe(0);
    }
  }
});

it('buyers of several hours and products are those of the merged states, not a sum', async () => {
  const { clickhouse, stored } = await setUp();
  const hourMs = 3_600_000;
  const first = Date.UTC(2026, 0, 1);
  const sale = (nth: number, user: string | null, kind = 'sale') => ({
    kafka_partition: 0,
    kafka_offset: nth,
    order_id: `order-${nth}`,
    product_id: `product-${nth % 2}`,
    user_id: user,
    quantity: 1,
    amount_minor: 5,
    currency: 'EUR',
    kind,
    occurred_at: first + nth * hourMs,
  });
  await clickhouse.insertRows('sales', [
    sale(0, 'ada'),
    sale(1, 'ada'),
    sale(2, 'bo'),
    sale(3, null),
    sale(4, 'cy', 'refund'),
  ]);
  const buyers = async () =>
    clickhouse.query(
      `SELECT uniqExactMerge(buyers) AS buyers,
         (SELECT sum(one) FROM (SELECT uniqExactMerge(buyers) AS one FROM sales_per_hour GROUP BY hour)) AS summed
       FROM sales_per_hour`,
    );
  expect(await buyers()).toEqual([{ buyers: 2, summed: 3 }]);
  // Cells from before the column have nobody, which is mended like a sum.
  await clickhouse.command('ALTER TABLE sales_rollup CLEAR COLUMN buyers SETTINGS mutations_sync = 2');
  expect(await buyers()).toEqual([{ buyers: 0, summed: 0 }]);
  expect(await stored.mendRollups({ table: 'sales', rollups: ['sales_rollup'] }, 0, 0, 9)).toBe(3 + 3 + 2);
  expect(await buyers()).toEqual([{ buyers: 2, summed: 3 }]);
  expect(await stored.mendRollups({ table: 'sales', rollups: ['sales_rollup'] }, 0, 0, 9)).toBe(0);
});

it('the sums of three tables are in the one that replaces them, however often that was interrupted', async () => {
  const folder = projectPath('clickhouse/migrations');
  const { clickhouse, drop } = await scratchClickHouseBefore('0014');
  onTestFinished(drop);
  const sell = (first: number) =>
    clickhouse.insertRows(
      'sales',
      Array.from({ length: 40 }, (_, nth) => ({
        kafka_partition: 0,
        kafka_offset: first + nth,
        order_id: `order-${first + nth}`,
        line: nth % 2,
        product_id: `product-${nth % 3}`,
        user_id: nth % 4 === 0 ? null : `user-${nth % 7}`,
        quantity: nth % 5 === 0 ? -1 : 2,
        amount_minor: nth % 5 === 0 ? -100 - nth : 200 + nth,
        currency: nth % 2 ? 'EUR' : 'GBP',
        kind: nth % 5 === 0 ? 'refund' : 'sale',
        occurred_at: Date.UTC(2026, 0, 1) + nth * 1_700_000,
      })),
    );
  const sums = (size: string) =>
    clickhouse.query(
      `SELECT ${size}, currency, product_id, sum(t.orders) AS orders, sum(t.lines) AS lines, sum(t.units) AS units,
         sum(t.gross) AS gross, sum(t.refunds) AS refunds, sum(t.net) AS net, uniqExactMerge(t.buyers) AS buyers
       FROM sales_per_${size} AS t GROUP BY ALL ORDER BY ALL`,
    );
  const allSums = () => Promise.all(['minute', 'hour', 'day'].map(sums));
  await sell(0);
  await sell(100);
  const old = await allSums();
  const statements = statementsOf(readFileSync(join(folder, '0014-sales-rollup.sql'), 'utf8'));
  for (const times of [3, statements.length])
    for (const statement of statements.slice(0, times)) await clickhouse.command(statement);
  await migrateClickHouse(clickhouse, folder);
  expect(await allSums()).toEqual(old);
  await sell(200);
  expect(
    await createStoredRows(clickhouse).mendRollups({ table: 'sales', rollups: ['sales_rollup'] }, 0, 0, 300),
  ).toBe(0);
});
