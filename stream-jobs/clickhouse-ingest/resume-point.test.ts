import { describe, expect, it } from 'vitest';
import type { Ownership } from './block-claims.js';
import { type Feed, feeds } from './feeds.js';
import { findResumePoint, tokenTrustedMs } from './resume-point.js';
import type { StoredRows } from './stored-rows.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;
const products = feeds.find(({ table }) => table === 'products') as Feed;
const claimedAtMs = Date.UTC(2030, 0, 1);

type Newest = NonNullable<Ownership['newest']>;

/** Of four records, the third of which is poison. */
const claim: Newest = {
  firstOffset: 10,
  lastOffset: 13,
  attempt: 0,
  schemaIds: [1],
  rows: 3,
  excluded: [{ offset: 12, reason: 'datum_malformed', detail: '' }],
  gathered: null,
  claimedAtMs,
  ageMs: 1_000,
};
const allThere = [10, 11, 13];

/** What a new owner of partition 2 finds where the table has the rows `there`. */
const resume = async (
  newest: Newest | null,
  { feed = sales, there = [], startedAtMs = 0, wrong = 0, committed = null }: Partial<Setting> = {},
) => {
  const mended: number[][] = [];
  const differences: number[] = [];
  const stored: StoredRows = {
    serverStartedAtMs: async () => startedAtMs,
    greatestOffset: async () => there.at(-1) ?? null,
    offsets: async (_feed, _partition, first, last) =>
      there.filter((offset) => offset >= first && offset <= last),
    rowCount: async (_feed, _partition, first, last) =>
      there.filter((offset) => offset >= first && offset <= last).length,
    eventIdsBefore: async () => [],
    mendRollups: async (_of, partition, first, last) => {
      mended.push([partition, first, last]);
      return wrong;
    },
  };
  const onDifference = (_feed: Feed, count: number) => differences.push(count);
  const point = await findResumePoint(feed, 2, newest, { stored, committed, onDifference });
  return { ...point, mended, differences };
};
type Setting = {
  feed: Feed;
  there: number[];
  startedAtMs: number;
  wrong: number;
  committed: number | null;
};

describe('a partition goes on', () => {
  it('behind the last row where it has no claim, and at the beginning without any row', async () => {
    expect(await resume(null, { there: [3, 7] })).toMatchObject({ nextOffset: 8, replay: null });
    expect(await resume(null)).toMatchObject({ nextOffset: 0, replay: null });
  });

  it('behind a claim without rows', async () => {
    const empty = { ...claim, rows: 0, excluded: [] };
    expect(await resume(empty)).toMatchObject({ nextOffset: 14, replay: null });
  });

  it('with the whole block of a recent claim, because its token makes a second insert harmless', async () => {
    const { nextOffset, replay, mended } = await resume(claim, { there: allThere });
    expect(nextOffset).toBe(10);
    expect([...(replay?.left ?? [])]).toEqual([12]);
    expect(replay).toMatchObject({ attempt: 0, isLookedFor: false });
    expect(replay?.excludedAt.get(12)?.reason).toBe('datum_malformed');
    expect(mended).toEqual([]);
  });

  it('behind a recent claim that is committed and whose rows are in the table', async () => {
    const finished = { there: allThere, committed: 14, wrong: 3 };
    for (const gathered of [null, 'together'])
      expect(await resume({ ...claim, gathered }, finished)).toMatchObject({
        nextOffset: 14,
        replay: null,
        mended: [],
      });
  });

  it.each<[string, Partial<Setting>, Partial<Newest>]>([
    ['its end is not committed', { committed: 13 }, {}],
    ['a row of it is missing, since anybody may have committed', { there: [10, 11] }, {}],
    ['ClickHouse was started after it', { startedAtMs: claimedAtMs - 2_000 }, {}],
    ['its table replaces rows', { feed: products }, {}],
    ['it has no rows that would show it', {}, { rows: 0 }],
  ])('with the block of a recent claim where %s', async (_why, setting, changes) => {
    const { replay } = await resume({ ...claim, ...changes }, { there: allThere, committed: 14, ...setting });
    expect(replay).not.toBeNull();
  });

  it('behind a claim older than its token whose rows are in the table', async () => {
    const old = { ...claim, ageMs: tokenTrustedMs + 1 };
    expect(await resume(old, { there: allThere })).toMatchObject({
      nextOffset: 14,
      replay: null,
      mended: [],
    });
  });

  it('without the rows of a claim older than its token that are in the table', async () => {
    const { nextOffset, replay } = await resume({ ...claim, ageMs: tokenTrustedMs + 1 }, { there: [10, 13] });
    expect(nextOffset).toBe(10);
    expect([...(replay?.left ?? [])].sort()).toEqual([10, 12, 13]);
  });

  it('with the whole block where rows are replaced, since a second one does no harm', async () => {
    const old = { ...claim, ageMs: tokenTrustedMs + 1 };
    const { nextOffset, replay } = await resume(old, { feed: products, there: allThere });
    expect(nextOffset).toBe(10);
    expect(replay?.isLookedFor).toBe(false);
  });

  it.each([
    ['was raised to another attempt, under whose token only what was missing went in', { attempt: 1 }],
    ['is from the future, because the clock of ClickHouse was set back', { ageMs: -3_600_000 }],
  ])('by the rows of a recent claim that %s', async (_what, changes) => {
    const known = await resume({ ...claim, ...changes }, { there: allThere, wrong: 2 });
    expect(known).toMatchObject({ nextOffset: 14, replay: null, mended: [[2, 10, 13]], differences: [2] });
    const { replay } = await resume({ ...claim, ...changes }, { there: [10, 11] });
    expect([...(replay?.left ?? [])].sort()).toEqual([10, 11, 12]);
    expect(replay?.isLookedFor).toBe(true);
  });
});

describe('the sums of a block whose rows are in the table', () => {
  const old = { ...claim, ageMs: 60_000 };
  it.each([
    ['the block went in together with others', { ...old, gathered: 'together' }, 0],
    ['ClickHouse was started after the claim', old, claimedAtMs + 5_000],
    ['ClickHouse was started with the claim, as far as its seconds tell', old, claimedAtMs - 2_000],
  ])('are compared where %s', async (_when, newest, startedAtMs) => {
    const { mended, differences } = await resume(newest, { there: allThere, startedAtMs, wrong: 3 });
    expect(mended).toEqual([[2, 10, 13]]);
    expect(differences).toEqual([3]);
  });

  it('are left as they are where ClickHouse has kept running', async () => {
    const startedAtMs = claimedAtMs - 2_500;
    expect((await resume(old, { there: allThere, startedAtMs, wrong: 3 })).mended).toEqual([]);
  });
});
