import { describe, expect, it } from 'vitest';
import type { ClickHouse, Insert } from '#platform/clickhouse/client';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { BatchHandler, Broker, IncomingRecord } from '#platform/messaging/broker';
import { testLogger } from '#platform/testing/logged-errors';
import { records } from '#schemas/events';
import { emptyClaim } from '../block-claims.js';
import { type Feed, feeds } from '../feeds.js';
import { readAgain, type Stage } from './read-again.js';

const sales = { ...(feeds.find(({ table }) => table === 'sales') as Feed), repeats: null };
const { schema } = records.Sale;

const sale = encode(1, avroType(schema), {
  event_id: 'e',
  order_id: 'o',
  line: 0,
  product_id: 'p',
  category: 'c',
  user_id: null,
  quantity: 1,
  amount_minor: 1,
  currency: 'EUR',
  kind: 'sale',
  occurred_at: 1_790_000_000_000,
});

const recordAt = (offset: number): IncomingRecord => ({
  key: null,
  value: sale,
  headers: {},
  rawHeaders: [],
  offset: BigInt(offset),
  timestampMs: 1_790_000_000_000,
});

/** A log of one partition that ends at 100, of which Kafka has what is not before `lows`: when asked first, and from then on. */
const setUp = (lows: readonly [first: number, then: number]) => {
  const inserts: Insert[] = [];
  const asked: bigint[] = [];
  const owners: object[] = [];
  const clickhouse = {
    query: async (sql: string) => {
      if (sql.includes('uptime')) return [{ startedAtMs: 1 }];
      return sql.includes('FROM ingest_owners') && !sql.includes('max(epoch)') ? owners : [];
    },
    insertRows: async (_table: string, rows: object[]) => {
      owners.push(...rows);
    },
    command: async () => {},
    insert: async (block: Insert) => {
      inserts.push(block);
    },
  } as unknown as ClickHouse;
  const [first, then] = lows;
  let looks = 0;
  const admin = {
    offsets: async () => {
      looks += 1;
      return [{ partition: 0, low: BigInt(looks === 1 ? first : then), high: 100n }];
    },
  };
  const control = {
    isStale: () => false,
    heartbeat: async () => {},
    commit: async () => {},
    commitSoon: () => {},
  };
  const broker = {
    consumer: ({ startFrom }: { startFrom(at: object): Promise<bigint> }) => ({
      failed: new Promise(() => {}),
      run: async (handle: BatchHandler) => {
        const at = { topic: 'sales', partition: 0 };
        const from = await startFrom(at).catch(() => undefined);
        // The consumer would try again.
        if (from === undefined) return;
        asked.push(from);
        const begin = Math.max(Number(from), then);
        const batch = Array.from({ length: 100 - begin }, (_, nth) => recordAt(begin + nth));
        void handle({ ...at, records: batch, highWatermark: 100n }, control).catch(() => {});
      },
      close: async () => {},
    }),
  } as unknown as Broker;
  const read = (stages: readonly Stage[]) =>
    readAgain([{ feed: sales, partition: 0, stages }], {
      broker,
      registry: { schemaById: async () => schema },
      clickhouse,
      claimsIn: clickhouse,
      group: 'ingest',
      admin,
      logger: testLogger('back-fill'),
      onProgress: () => {},
    });
  return { read, asked, rows: () => inserts.reduce((sum, { rows }) => sum + (rows ?? 0), 0) };
};

const pass = (until: number): Stage => ({ until, kind: 'pass', claim: emptyClaim(0, until) });

describe('reading again', () => {
  it('reads what is not passed over, up to its end', async () => {
    const { read, asked, rows } = setUp([10, 10]);
    await read([pass(10), { until: 90, kind: 'read' }]);
    expect(asked).toEqual([10n]);
    expect(rows()).toBe(80);
  });

  it('passes over what Kafka has deleted where it was copied', async () => {
    const { read, rows } = setUp([50, 50]);
    await read([pass(50), { until: 100, kind: 'read' }]);
    expect(rows()).toBe(50);
  });

  it.each([
    ['before it began', [50, 50]],
    ['while it read', [10, 50]],
    ['before it began, all that was to be read', [95, 95]],
    ['while it read, all that was to be read', [10, 95]],
  ] as const)('ends where Kafka has deleted records %s', async (_when, lows) => {
    const { read, rows } = setUp(lows);
    await expect(read([pass(10), { until: 90, kind: 'read' }])).rejects.toThrow(
      `Kafka has deleted the records of sales-0 up to ${lows[1]}, which were read up to 10; start again with --again`,
    );
    expect(rows()).toBe(0);
  });
});
