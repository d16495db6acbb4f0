import { describe, expect, it } from 'vitest';
import type { Claim, ClaimedBefore } from '../block-claims.js';
import { type Feed, feeds } from '../feeds.js';
import { claimOfTen } from '../testing/claim-of-ten.js';
import { type LiveRows, settledTo } from './settled.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;

const claim = claimOfTen(3_600_000);

const settled = async ({
  newest = claim,
  committed = 20n,
  low = 0n,
}: {
  newest?: (Claim & ClaimedBefore) | null;
  committed?: bigint | null;
  low?: bigint;
}) => {
  const live: LiveRows = {
    group: 'ingest',
    claims: { newest: async () => new Map(newest === null ? [] : [['sales/0', newest]]) },
    stored: { greatestOffset: async () => 4 } as unknown as LiveRows['stored'],
    admin: {
      offsets: async () => [{ partition: 0, low, high: 100n }],
      committedOffsets: async () => [{ partition: 0, nextOffset: committed }],
    },
  };
  const [found] = await settledTo([{ feed: sales, partition: 0 }], live);
  return found;
};

describe('the rows of a partition are there for good', () => {
  it('up to the end of its newest claim once that is committed', async () => {
    expect(await settled({})).toEqual({ offset: 20, unfinished: null });
  });

  it('up to its last row where it has no claim', async () => {
    expect(await settled({ newest: null })).toEqual({ offset: 5, unfinished: null });
  });

  it('up to a claim whose end is not committed', async () => {
    for (const committed of [null, 19n])
      expect(await settled({ committed })).toEqual({ offset: 10, unfinished: claim });
  });

  it.each([0, 19_000, 59_000, -1_000])(
    'up to a committed claim of %i ms that a new owner may build again by its token',
    async (ageMs) => {
      const young = { ...claim, ageMs };
      expect(await settled({ newest: young })).toEqual({ offset: 10, unfinished: young });
    },
  );

  it.each([
    ['Kafka has deleted', { low: 11n }],
    ['has nothing in it', { newest: { ...claim, rows: 0, ageMs: 0 } }],
  ])('up to the end of a claim that %s', async (_what, changes) => {
    expect(await settled({ committed: null, ...changes })).toEqual({ offset: 20, unfinished: null });
  });
});
