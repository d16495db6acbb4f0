import { expect, it, onTestFinished, vi } from 'vitest';
import { migrateClickHouse } from '#platform/clickhouse/migrate';
import { projectPath } from '#platform/project';
import { scratchClickHouseBefore } from '#platform/testing/scratch-clickhouse';
import { visitsOfOrders } from './order-rows.js';

const folder = projectPath('clickhouse/migrations');

it('the visits of orders, also of those from before there were keys, are read without any payload', async () => {
  const { clickhouse, drop } = await scratchClickHouseBefore('0022');
  onTestFinished(drop);
  let offset = 0;
  const insert = (key: string, payload: object, type = 'OrderPlaced') => {
    offset += 1;
    return clickhouse.insertRows('domain_events', [
      {
        topic: 'orders',
        kafka_partition: 0,
        kafka_offset: offset,
        key,
        type,
        occurred_at: '2026-03-01 12:00:00.000',
        payload: JSON.stringify(payload),
      },
    ]);
  };
  const insertAll = async (name: string): Promise<void> => {
    await insert(`${name} with a visit`, { visitId: 'visit' });
    await insert(`${name} without a visit`, { visitId: null });
    // Beyond 64 KiB a payload is not kept.
    await insert(`${name} with a payload that is too long`, {});
    await insert(`${name} of a visit cancelled`, { visitId: 'visit' }, 'OrderCancelled');
  };
  await insertAll('before');
  await migrateClickHouse(clickhouse, folder);
  await insertAll('after');

  const params = { from: Date.UTC(2026, 2, 1) / 1_000, to: Date.UTC(2026, 2, 2) / 1_000, windowMs: 60_000 };
  const visits = async () => {
    const rows = await clickhouse.query<{ order_key: string }>(
      `SELECT toString(order_key) AS order_key, visit = sipHash64('visit') AS isIt FROM (${visitsOfOrders})`,
      params,
    );
    return rows.sort((a, b) => a.order_key.localeCompare(b.order_key));
  };
  const expected = await clickhouse.query<{ order_key: string }>(
    "SELECT toString(sipHash64(arrayJoin(['before with a visit', 'after with a visit']))) AS order_key, 1 AS isIt",
  );
  expected.sort((a, b) => a.order_key.localeCompare(b.order_key));
  expect(await visits()).toEqual(expected);

  const plan = await clickhouse.query<{ explain: string }>(`EXPLAIN actions = 1 ${visitsOfOrders}`, params);
  const text = plan.map(({ explain }) => explain).join('\n');
  expect(text).toContain('visit_key');
  expect(text).not.toContain('payload');
  // Where a part has no such column, the payload is read behind the plan.
  await vi.waitFor(
    async () => {
      const parts = await clickhouse.query<{ column: string }>(
        `SELECT column FROM system.parts_columns WHERE database = currentDatabase() AND table = 'domain_events' AND active
         GROUP BY column
         HAVING count() = (SELECT count() FROM system.parts
           WHERE database = currentDatabase() AND table = 'domain_events' AND active)`,
      );
      expect(parts.map(({ column }) => column)).toEqual(expect.arrayContaining(['order_key', 'visit_key']));
    },
    { timeout: 20_000, interval: 100 },
  );
  expect(await visits()).toEqual(expected);
});
