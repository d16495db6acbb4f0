import { expect, it } from 'vitest';
import type { ClickHouse } from '#platform/clickhouse/client';
import { testLogger } from '#platform/testing/logged-errors';
import { createGatheredRows } from './gathered-rows-store.js';

it('of batches that several instances made of the same rows, each uses the ones with the lesser numbers', async () => {
  const made = [
    { batch: 7, after: '', upto: '0:9', rows: 10, isThere: 1 },
    { batch: 3, after: '', upto: '0:4', rows: 5, isThere: 1 },
    { batch: 8, after: '0:4', upto: '0:6 1:2', rows: 5, isThere: 1 },
    { batch: 5, after: '0:4', upto: '0:9', rows: 5, isThere: 1 },
    { batch: 1, after: '0:4', upto: '0:9', rows: 5, isThere: 0 },
  ];
  for (const found of [made, made.toReversed()]) {
    const query = async (sql: string) => {
      if (sql.includes('system.tables')) return [{ source: 'table' }];
      return sql.includes('visit_batches') ? found : [{ there: 10, all: 10 }];
    };
    const clickhouse = { query } as unknown as ClickHouse;
    const gathering = { clickhouse, clock: { monotonicMs: () => 0 }, logger: testLogger('analytics') };
    expect(await createGatheredRows(gathering).visits.current()).toMatchObject({
      batches: [3, 5],
      upto: new Map([[0, 9]]),
    });
  }
});

it.each([
  { kind: 'visits', covered: 400_000_000, missing: 799_999 },
  { kind: 'orders', covered: 80_000_000, missing: 159_999 },
] as const)(
  'of a large table the $kind are used until the next batch is due',
  async ({ kind, covered, missing }) => {
    const statements: string[] = [];
    const query = async (sql: string) => {
      statements.push(sql);
      if (sql.includes('system.tables')) return [{ source: 'table' }];
      if (sql.includes('AS isThere'))
        return [{ batch: 1, after: '', upto: '0:9', rows: covered, isThere: 1 }];
      return [{ there: covered, all: covered + missing }];
    };
    const clickhouse = { query } as unknown as ClickHouse;
    const gathering = { clickhouse, clock: { monotonicMs: () => 0 }, logger: testLogger('analytics') };
    expect(await createGatheredRows(gathering)[kind].current()).toMatchObject({ batches: [1] });
    expect(statements).toHaveLength(3);
  },
);
