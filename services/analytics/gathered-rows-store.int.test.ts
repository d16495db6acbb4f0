import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { ClickHouse } from '#platform/clickhouse/client';
import { testLogger } from '#platform/testing/logged-errors';
import { createGatheredRows } from './gathered-rows-store.js';
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
