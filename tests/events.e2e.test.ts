import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { createClickHouse } from '#platform/clickhouse/client';
import { engines, runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { readRunFile, shopAt } from './shop.js';

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
const { clickhouseUrl } = engines();
const clickhouse = createClickHouse({ url: clickhouseUrl });

afterAll(() => clickhouse.stop());

const rowsOf = (visitId: string) =>
  clickhouse.query<{ type: string; user_id: string | null; device: string | null }>(
    'SELECT type, user_id, device FROM shopper_activity WHERE visit_id = {visitId:String} ORDER BY occurred_at',
    { visitId },
  );

describe('events of a shopper', () => {
  it('sent again with their ids are in ClickHouse once, and those without as often as they were sent', async () => {
    const visitId = `v-${randomUUID()}`;
    const productId = randomUUID();
    const event = (type: string, nth: number, eventId?: string) => ({
      type,
      visitId,
      productId,
      userId: randomUUID(),
      occurredAt: new Date(Date.now() - 1000 + nth).toISOString(),
      ...(eventId === undefined ? {} : { eventId }),
    });
    const named = { events: [event('product_viewed', 0, 'a'), event('product_added', 1, 'b')] };
    const unnamed = { events: [event('checkout_started', 2)] };
    const phone = { 'user-agent': 'Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0' };
    for (const body of [named, named, unnamed, named, unnamed]) {
      const answer = await shop.call('POST', '/api/events', { body, headers: body === named ? phone : {} });
      expect([answer.status, answer.body]).toEqual([202, { accepted: body.events.length, errors: [] }]);
    }
    // All of one visit are in one partition: what was sent last is inserted last.
    const rows = await eventually(async () => {
      const found = await rowsOf(visitId);
      expect(found.filter(({ type }) => type === 'checkout_started')).toHaveLength(2);
      return found;
    });
    expect(rows.map(({ type }) => type)).toEqual([
      'product_viewed',
      'product_added',
      'checkout_started',
      'checkout_started',
    ]);
    expect(rows.map(({ user_id }) => user_id)).toEqual([null, null, null, null]);
    expect(rows.map(({ device }) => device)).toEqual(['mobile', 'mobile', null, null]);
  });
});
