import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClickHouse } from '#platform/clickhouse/client';
import { handClock } from '#platform/testing/hand-clock';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { createAnswers } from './answers.js';
import { createFigures } from './figures.js';
import { bucketMs, granularities, type Period } from './period.js';
import { refundDays, revenueQuery } from './revenue.js';
import { rankings, topProductsQuery } from './top-products.js';

const startMs = Date.UTC(2026, 2, 1);
const dayMs = 86_400_000;
const clock = handClock(startMs + 80 * dayMs);
const products = Array.from({ length: 12 }, () => randomUUID());
let clickhouse: ClickHouse;
let drop: () => Promise<void>;
let version = 'v1';
let queries: string[] = [];

const figuresOf = () =>
  createFigures(
    createAnswers({
      clickhouse: {
        ask: async (statementOf) => {
          const { sql, params } = await statementOf();
          queries.push(sql);
          return clickhouse.query(sql, params);
        },
      },
      completeness: { read: async () => ({ asOfMs: clock.nowMs(), lagMs: 0, version }) },
      clock,
    }),
    clock,
  );

let offset = 0;
const sale = (
  atMs: number,
  kind: 'sale' | 'refund',
  of = { orderId: randomUUID(), product: randomInt(12) },
) => {
  offset += 1;
  const quantity = kind === 'sale' ? randomInt(1, 5) : -1;
  return {
    kafka_partition: 0,
    kafka_offset: offset,
    event_id: randomUUID(),
    order_id: of.orderId,
    line: 0,
    product_id: products[of.product],
    category: 'home',
    quantity,
    amount_minor: quantity * 250,
    currency: of.product % 2 ? 'EUR' : 'GBP',
    kind,
    occurred_at: new Date(atMs).toISOString().slice(0, 23).replace('T', ' '),
  };
};

beforeAll(async () => {
  ({ clickhouse, drop } = await scratchClickHouse());
  const rows = Array.from({ length: 400 }, () => {
    const [atMs, of] = [startMs + randomInt(80 * dayMs), { orderId: randomUUID(), product: randomInt(12) }];
    return randomInt(4) > 0
      ? [sale(atMs, 'sale', of)]
      : [sale(atMs, 'sale', of), sale(atMs + dayMs, 'refund', of)];
  });
  await clickhouse.insertRows('sales', rows.flat());
});
afterAll(() => drop());

const periodWith = (sizeMs: number): Period => {
  const fromMs = Math.floor((startMs + randomInt(80 * dayMs)) / sizeMs) * sizeMs;
  return { fromMs, toMs: fromMs + sizeMs * randomInt(1, Math.min(2_000, Math.ceil((90 * dayMs) / sizeMs))) };
};

describe('figures', () => {
  it.each(granularities)('of any period by the %s are what ClickHouse adds up', async (granularity) => {
    const figures = figuresOf();
    for (const refunds of refundDays)
      for (let n = 0; n < 12; n += 1) {
        const period = periodWith(bucketMs[granularity]);
        const { rows } = await figures.revenue(period, granularity, refunds);
        const { sql, params } = revenueQuery(period, granularity, refunds);
        expect(rows).toEqual(await clickhouse.query(sql, params));
      }
    const rankingsAsked = rankings.flatMap((by) => [{ by }, { by, currency: 'EUR' }]);
    for (const asked of rankingsAsked)
      for (let n = 0; n < 12; n += 1) {
        const period = periodWith(bucketMs[granularity]);
        const { rows } = await figures.topProducts(period, granularity, {
          ...asked,
          refunds: 'return_day',
          rowsMax: 5,
        });
        const { sql, params } = topProductsQuery(period, granularity, {
          ...asked,
          refunds: 'return_day',
          rowsMax: 5,
        });
        expect(rows).toEqual(await clickhouse.query(sql, params));
      }
  });

  it('of many periods take few queries while nothing is sold, and are new when something is', async () => {
    const figures = figuresOf();
    queries = [];
    const period = (n: number): Period => ({
      fromMs: startMs + n * 3_600_000,
      toMs: startMs + (n + 500) * 3_600_000,
    });
    const unitsSold = async (n: number): Promise<number> =>
      (await figures.revenue(period(n), 'hour', 'return_day')).rows.reduce(
        (sum, { units }) => sum + units,
        0,
      );
    for (let n = 0; n < 200; n += 1) await unitsSold(n);
    expect(queries.length).toBeLessThan(10);
    const before = await unitsSold(300);
    const sold = sale(startMs + 400 * 3_600_000, 'sale');
    await clickhouse.insertRows('sales', [sold]);
    expect(await unitsSold(300)).toBe(before);
    version = 'v2';
    expect(await unitsSold(300)).toBe(before + sold.quantity);
    for (let n = 0; n < 20; n += 1) await unitsSold(n);
    const { sql, params } = revenueQuery(period(301), 'hour', 'return_day');
    const rows = await clickhouse.query<{ units: number }>(sql, params);
    expect(await unitsSold(301)).toBe(rows.reduce((sum, { units }) => sum + units, 0));
  });

  it('of blocks with too many rows are asked as they are, and those blocks once', async () => {
    const asked: string[] = [];
    const figures = createFigures(
      createAnswers({
        clickhouse: {
          ask: async <Row>(statementOf: () => Promise<{ sql: string }>) => {
            const { sql } = await statementOf();
            asked.push(sql);
            const isBlock = sql.includes('AS bucket, product_id');
            return Array(isBlock ? 20_001 : 0).fill({ productId: 'p', units: 1, net: 1 }) as Row[];
          },
        },
        completeness: { read: async () => ({ asOfMs: clock.nowMs(), lagMs: 0, version: 'full' }) },
        clock,
      }),
      clock,
    );
    for (let n = 0; n < 20; n += 1) {
      const fromMs = startMs + n * 60_000;
      const of = { by: 'revenue', refunds: 'return_day', rowsMax: 5 } as const;
      // More rows than are kept: the blocks of a week are not there for the next question.
      await figures.topProducts({ fromMs, toMs: fromMs + 6 * dayMs }, 'minute', of);
    }
    expect(asked.filter((sql) => sql.includes('AS bucket, product_id')).length).toBeLessThanOrEqual(4);
    expect(asked.filter((sql) => sql.includes('AS place'))).toHaveLength(20);
  });

  it('are of sales', async () => {
    const { rows } = await figuresOf().revenue(
      { fromMs: startMs, toMs: startMs + 90 * dayMs },
      'day',
      'sale_day',
    );
    expect(rows.reduce((sum, { orders }) => sum + orders, 0)).toBeGreaterThanOrEqual(400);
    expect(rows.reduce((sum, { refunds }) => sum + refunds, 0)).toBeGreaterThan(0);
  });

  it('of few periods are asked as they are, each once', async () => {
    const figures = figuresOf();
    queries = [];
    const period: Period = { fromMs: startMs, toMs: startMs + dayMs };
    await Promise.all(Array.from({ length: 20 }, () => figures.revenue(period, 'minute', 'return_day')));
    expect(queries).toHaveLength(1);
  });
});
