import { expect, it, onTestFinished } from 'vitest';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
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
    expect(await columns(`(SELECT * FROM ${rollup}_difference(partition = 0, first = 0, last = 0))`)).toEqual(
      await columns(rollup),
    );
});

it('the table of a feed of one type has a column for each field, as wide as in blocks', async () => {
  const { clickhouse } = await setUp();
  for (const { table, events } of feeds.filter(({ onlyThese }) => onlyThese)) {
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

it('the same cells that are lost twice are mended twice', async () => {
  const { clickhouse, stored } = await setUp();
  const rows = Array.from({ length: 60 }, (_, offset) => {
    const place = {
      kafka_partition: offset % 2,
      kafka_offset: offset,
      occurred_at: 1_790_000_000 + offset * 2_400,
    };
    const isSale = offset % 3 !== 0;
    const sale = {
      ...place,
      product_id: `product-${offset % 4}`,
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
      Promise.all(rollups.map((rollup) => clickhouse.query(`SELECT * FROM ${rollup} FINAL ORDER BY ALL`)));
    const before = await cells();
    expect(before.every((rollup) => rollup.length > 0)).toBe(true);
    const mend = async () =>
      (await stored.mendRollups(rollups, 0, 0, 60)) + (await stored.mendRollups(rollups, 1, 0, 60));
    expect(await mend(), table).toBe(0);
    for (let time = 0; time < 2; time += 1) {
      for (const rollup of rollups) await clickhouse.command(`TRUNCATE TABLE ${rollup}`);
      expect(await mend(), table).toBeGreaterThan(0);
      expect(await cells(), table).toEqual(before);
      expect(await mend(), table).toBe(0);
    }
  }
});
