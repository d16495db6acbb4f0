import { describe, expect, it } from 'vitest';
import { type Feed, feeds } from '../feeds.js';
import { claimOfTen } from '../testing/claim-of-ten.js';
import { type Exchange, exchangeTables, type Parts } from './exchange.js';
import type { UnfinishedBlock } from './next-tables.js';
import type { PlaceToRead } from './read-again.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;
const tables = ['sales', 'sales_rollup'];

const claim = claimOfTen(5_000);

const exchange: Exchange = {
  plan: {
    id: 'one',
    request: { table: 'sales', fromMs: null, toMs: null, offsets: null },
    places: [{ topic: 'sales', partition: 0, from: 0, to: 5, copiedTo: 5 }],
  },
  feeds: [sales],
  tables,
};

/** A partition up to 20, whose newest block was just finished, and next tables that were read up to `readTo`. */
const setUp = ({ partitions = [0], readTo = 9, live = 5, next = 5 } = {}) => {
  const steps: string[] = [];
  const noted: UnfinishedBlock[] = [];
  const reads = (step: string) => async (places: readonly PlaceToRead[]) => {
    for (const { stages } of places)
      steps.push(`${step} ${stages.map(({ kind, until }) => `${kind} to ${until}`).join(', ')}`);
  };
  const parts = {
    group: 'ingest',
    live: {
      database: 'shop',
      query: async (sql: string) =>
        sql.includes('system.tables')
          ? tables.map((name) => ({ name, comment: '', engine: 'MergeTree' }))
          : [],
      insertRows: async (_table: string, [row]: { owner: string }[]) => {
        steps.push(row?.owner === 'open' ? 'gate opens' : 'gate closes');
      },
      command: async () => {
        steps.push('exchange');
      },
    },
    claims: { newest: async () => new Map([['sales/0', claim]]) },
    stored: {
      mendRollups: async (_of: unknown, _partition: number, first: number, last: number) => {
        steps.push(`mend ${first}-${last}`);
        return 0;
      },
    },
    storedNext: { greatestOffset: async () => readTo },
    admin: {
      offsets: async () => [{ partition: 0, low: 0n, high: 20n }],
      committedOffsets: async () => [{ partition: 0, nextOffset: 20n }],
    },
    partitionsOf: async () => partitions.map((partition) => ({ topic: 'sales', partition })),
    next: {
      database: 'shop__next_sales',
      clickhouse: {
        database: 'shop__next_sales',
        query: async (sql: string) => {
          if (sql.includes('NOT IN')) return [{ rows: live - next, first: 7 }];
          return [{ name: 'sales/0', offsets: sql.includes('FROM shop.') ? live : next }];
        },
      },
      unfinished: async () => noted,
      noteUnfinished: async (blocks: readonly UnfinishedBlock[]) => {
        noted.push(...blocks);
      },
    },
  } as unknown as Parts;
  const run = () =>
    exchangeTables(exchange, parts, { readNext: reads('read next'), readLive: reads('read live') });
  return { run, steps };
};

describe('the exchange', () => {
  it('comes before the newest block is inserted under its token, since a new owner may do so too', async () => {
    const { run, steps } = setUp();
    expect(await run()).toBe(true);
    expect(steps).toEqual([
      'gate closes',
      'read next read to 5, read to 10',
      'exchange',
      'read live repeat to 20',
      'mend 10-19',
      'gate opens',
    ]);
  });

  it.each([
    ['a partition came since the plan', { partitions: [0, 1] }, 'sales has a partition 1 since'],
    ['a block that may come again was read', { readTo: 19 }, 'may come again from 10 on'],
    ['rows would miss', { live: 5, next: 3 }, '2 rows of sales/0 from offset 7 on would not be'],
  ])('is refused where %s, and the ingest goes on', async (_when, changes, words) => {
    const { run, steps } = setUp(changes);
    await expect(run()).rejects.toThrow(words);
    expect(steps).not.toContain('exchange');
    expect(steps.at(-1)).toBe('gate opens');
  });
});
