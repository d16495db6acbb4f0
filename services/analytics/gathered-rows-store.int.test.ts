import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { ClickHouse } from '#platform/clickhouse/client';
import { statementsOf } from '#platform/clickhouse/migrate';
import { testLogger } from '#platform/testing/logged-errors';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { isBehind, isWithin } from './gathered-rows.js';
import { createGatheredRows, openGathering } from './gathered-rows-store.js';
import { askedApp } from './testing/asked-app.js';

const nowMs = Date.UTC(2026, 2, 20);

it('forgets what is left of batches that do not count, and nothing that another instance makes meanwhile', async ({
  onTestFinished,
}) => {
  const shop = await askedApp(nowMs);
  onTestFinished(shop.drop);
  const { clickhouse } = shop;
  const atMs = nowMs - 60_000;
  await shop.insertActivity([{ type: 'product_viewed', visitId: 'visit-1', productId: randomUUID(), atMs }]);
  const insertBatch = (batch: number): Promise<void> =>
    clickhouse.insertRows('visit_actions', [{ source: randomUUID(), batch, visit_key: 1 }]);
  await insertBatch(1);

  let isOtherAsked = false;
  const asked: Pick<ClickHouse, 'query' | 'command' | 'insertRows'> = {
    ...clickhouse,
    command: async (sql, params) => {
      await clickhouse.command(sql, params);
      if (!/(TRUNCATE|ALTER) TABLE visit_batches/.test(sql)) return;
      isOtherAsked = true;
      await insertBatch(2);
    },
  };
  const clock = { monotonicMs: () => 0 };
  const logger = testLogger('analytics');
  await createGatheredRows({ clickhouse: asked, clock, logger, rowsMin: 1, servedMsMax: 0 }).visits.extend();
  expect(isOtherAsked).toBe(true);
  const batches = await clickhouse.query<{ batch: number }>(
    'SELECT DISTINCT batch FROM visit_actions WHERE batch < 3 ORDER BY batch',
  );
  expect(batches).toEqual([{ batch: 2 }]);
});

it('knows no results of the searches that it gathered before they were noted', async ({ onTestFinished }) => {
  const shop = await askedApp(nowMs);
  onTestFinished(shop.drop);
  const searched = (visitId: string, beforeMs: number, results: number | null) =>
    shop.insertActivity([
      { type: 'products_searched', visitId, query: 'lamp', atMs: nowMs - beforeMs, results },
    ]);
  await searched('ended', 9_000, null);
  await searched('goes-on', 8_000, null);
  await shop.gather();
  await shop.clickhouse.command('ALTER TABLE visit_actions DROP COLUMN results');
  const migration = await readFile('clickhouse/migrations/0023-results-of-searches.sql', 'utf8');
  for (const statement of statementsOf(migration)) await shop.clickhouse.command(statement);
  await searched('goes-on', 7_000, 0);
  await searched('later', 6_000, 0);
  await shop.gather();
  await searched('later', 5_000, 3);

  const counted = { term: 'lamp', searches: 5, visits: 3, withoutResult: 2, resultsKnown: 3 };
  expect(await shop.items('searches?by=withoutResult')).toMatchObject([counted]);
  shop.readGathered(true);
  expect(await shop.items('searches?by=withoutResult')).toMatchObject([counted]);
});

it('reads what another program has written as words though it is no UTF-8', async ({ onTestFinished }) => {
  const shop = await askedApp(nowMs);
  onTestFinished(shop.drop);
  await shop.insertActivity([
    { type: 'products_searched', visitId: 'visit-1', query: 'lamp', atMs: nowMs - 9_000 },
  ]);
  await shop.clickhouse.command(
    `INSERT INTO shopper_activity (kafka_partition, kafka_offset, event_id, type, visit_id, query, occurred_at)
     SELECT 7, 1, 'event', 'products_searched', 'visit-2', unhex('4C616D70FF'), '2026-03-19 23:59:00.000'`,
  );
  const terms = async () => (await shop.items<{ term: string }>('searches')).map(({ term }) => term).sort();
  expect(await terms()).toEqual(['lamp', 'lamp\ufffd']);
  await shop.gather();
  shop.readGathered(true);
  expect(await terms()).toEqual(['lamp', 'lamp\ufffd']);
});

it('looks at the batches while one is made', async ({ onTestFinished }) => {
  const { url, drop } = await scratchClickHouse();
  onTestFinished(drop);
  const { clickhouse, components } = openGathering({ url, timeoutMs: 8_000 });
  onTestFinished(async () => {
    for (const { stop } of components) await stop();
  });
  let isMade = false;
  const making = clickhouse.command('SELECT sleep(2)').then(() => {
    isMade = true;
  });
  await clickhouse.query('SELECT 1');
  expect(isMade).toBe(false);
  await making;
});

it('reads each row either within the batches or behind them', async ({ onTestFinished }) => {
  const shop = await askedApp(nowMs);
  onTestFinished(shop.drop);
  for (const upto of [
    new Map<number, number>(),
    new Map([
      [0, 5],
      [2, 7],
    ]),
  ]) {
    const rows = await shop.clickhouse.query<Record<string, number>>(
      `SELECT kafka_partition AS partition, kafka_offset AS offset, ${isWithin({ upto })} AS within,
         ${isBehind({ upto })} AS behind
       FROM (SELECT intDiv(number, 10) AS kafka_partition, number % 10 AS kafka_offset FROM numbers(40))`,
    );
    expect(rows).toHaveLength(40);
    for (const { partition, offset, within, behind } of rows) {
      const isIn = Number(offset) <= (upto.get(Number(partition)) ?? -1);
      expect([partition, offset, within, behind].map(Number)).toEqual(
        [partition, offset, +isIn, +!isIn].map(Number),
      );
    }
  }
});
