import { expect, it } from 'vitest';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { type Claim, createBlockClaims } from './block-claims.js';
import { type Feed, feeds } from './feeds.js';
import { createStoredRows } from './stored-rows.js';

const place = { topic: 'sales', partition: 0 };
const sales = feeds.find(({ table }) => table === 'sales') as Feed;

const claimOf = (firstOffset: number, changes: Partial<Claim> = {}): Claim => ({
  firstOffset,
  lastOffset: firstOffset + 9,
  attempt: 0,
  schemaIds: [1],
  rows: 10,
  excluded: [],
  gathered: null,
  ...changes,
});

it.concurrent('the newest claim is the last one of the last owner, in its last attempt', async ({
  onTestFinished,
}) => {
  const { clickhouse, drop } = await scratchClickHouse();
  onTestFinished(drop);
  const takeOver = async (owner: string) => {
    const [taken] = await createBlockClaims(clickhouse, owner).takeOver([place]);
    if (taken === undefined) throw new Error('nothing was taken over');
    return taken;
  };
  const newest = async () => (await createBlockClaims(clickhouse, 'looks').newest([place])).get('sales/0');

  const old = await takeOver('old');
  expect(old.newest).toBeNull();
  expect(await old.claim(claimOf(0))).toBe('ours');
  const next = await takeOver('next');
  expect(next.newest).toMatchObject({ ...claimOf(0), ageMs: expect.any(Number) });
  // Paused meanwhile, it has not noticed that it was replaced, and claims a block that is never inserted.
  expect(await old.claim(claimOf(10))).toBe('theirs');
  expect(await next.claim(claimOf(5))).toBe('ours');
  expect(await newest()).toMatchObject({ firstOffset: 5 });
  expect((await takeOver('third')).newest).toMatchObject({ firstOffset: 5 });

  const last = await takeOver('last');
  await last.claim(claimOf(15, { gathered: 'together' }));
  await last.claim(claimOf(15, { attempt: 1, excluded: [{ offset: 16, reason: 'repeated', detail: '' }] }));
  expect(await newest()).toMatchObject({
    firstOffset: 15,
    attempt: 1,
    gathered: null,
    excluded: [{ offset: 16, reason: 'repeated', detail: '' }],
  });
});

it.concurrent('the last event ids of a partition come oldest first, so that the oldest are forgotten first', async ({
  onTestFinished,
}) => {
  const { clickhouse, drop } = await scratchClickHouse();
  onTestFinished(drop);
  await clickhouse.insertRows(
    'sales',
    Array.from({ length: 6 }, (_, nth) => ({
      kafka_partition: nth === 5 ? 1 : 0,
      kafka_offset: nth,
      event_id: `e${nth}`,
    })),
  );
  const window = { among: 'all', idsMax: 3, recordsMax: 100 } as const;
  const stored = createStoredRows(clickhouse);
  expect(await stored.eventIdsBefore(sales, 0, 5, window)).toEqual(['e2', 'e3', 'e4']);
  expect(await stored.eventIdsBefore(sales, 0, 4, { ...window, recordsMax: 2 })).toEqual(['e2', 'e3']);
});
