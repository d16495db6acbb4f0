import { describe, expect, it } from 'vitest';
import type { Insert } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import { type Block, openBlock } from './block.js';
import type { Claim, Claimed } from './block-claims.js';
import { closeBlock, type InsertContext, insertBlock } from './block-insert.js';
import { type Feed, feeds } from './feeds.js';
import { insertTogether } from './gathered-insert.js';
import { createInFlight } from './in-flight.js';
import type { Replay } from './resume-point.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;
const products = feeds.find(({ table }) => table === 'products') as Feed;

const noRows = { columns: [], append: () => {} };

/** A block from offset 10 on: of one row of each of `schemaIds`, and `poison` records behind them. */
const blockOf = (schemaIds: readonly number[], poison = 0): Block => ({
  ...openBlock(10, 0),
  parts: new Map(schemaIds.map((id, nth) => [id, { rows: { ...noRows, rows: 1 }, firstOffset: 10 + nth }])),
  rows: schemaIds.length,
  poison: Array.from({ length: poison }, (_, nth) => ({
    record: {
      key: null,
      value: null,
      headers: {},
      rawHeaders: [],
      offset: BigInt(10 + schemaIds.length + nth),
      timestampMs: 0,
    },
    cause: new PlatformError('datum_malformed', 'cut short', { retriable: false }),
  })),
});

const claimOf = ({ parts, rows, poison }: Block): Claim => ({
  firstOffset: 10,
  lastOffset: 9 + parts.size + poison.length,
  attempt: 0,
  schemaIds: [...parts.keys()],
  rows,
  excluded: poison.map(({ record }) => ({
    offset: Number(record.offset),
    reason: 'datum_malformed',
    detail: '',
  })),
  gathered: null,
});

const replayOf = (claim: Claim, changes: Partial<Replay> = {}): Replay => ({
  ...claim,
  claimedAtMs: 10_000,
  isLookedFor: false,
  left: new Set(),
  excludedAt: new Map(),
  ...changes,
});

/** A partition's owner and its table, which has what the test puts into it, and what they are told. */
const setUp = (feed = sales) => {
  const offsets = new Set<number>();
  const seen = {
    /** What was done, in its order. */
    steps: [] as string[],
    claims: [] as Claim[],
    inserts: [] as string[],
    parked: [] as bigint[],
    mended: [] as number[][],
    commits: [] as bigint[],
    differences: [] as number[],
  };
  const at = { startedAtMs: 0, claimed: 'ours' as Claimed };
  const answers = {
    insert: async (_block: Insert): Promise<void> => {},
    commit: async (_nextOffset: bigint): Promise<void> => {},
  };
  const context: InsertContext = {
    feed,
    partition: 2,
    group: 'ingest',
    serverStartedAtMs: 0,
    clickhouse: {
      insert: async (block) => {
        seen.steps.push('insert');
        seen.inserts.push(block.deduplicationToken ?? '');
        await answers.insert(block);
      },
    },
    stored: {
      serverStartedAtMs: async () => at.startedAtMs,
      greatestOffset: async () => null,
      offsets: async () => [...offsets].sort((one, other) => one - other),
      rowCount: async () => 0,
      eventIdsBefore: async () => [],
      mendRollups: async (_of, partition, first, last) => {
        seen.mended.push([partition, first, last]);
        return 0;
      },
    },
    ownership: {
      newest: null,
      claim: async (claim) => {
        seen.steps.push('claim');
        seen.claims.push(claim);
        return at.claimed;
      },
      isOurs: async () => true,
      gateIsOpen: async () => {},
    },
    deadLetters: {
      park: async ({ record }) => {
        seen.steps.push('park');
        seen.parked.push(record.offset);
      },
    },
    inFlight: createInFlight(1_000, 1),
    clock: handClock(),
    logger: testLogger('ingest'),
    pipeline: {
      assertOurs: () => {},
      commit: async (nextOffset) => {
        seen.steps.push('commit');
        seen.commits.push(nextOffset);
        await answers.commit(nextOffset);
      },
      onHeld: () => {},
    },
    onIngested: () => {},
    onDifference: (_feed, count) => {
      seen.differences.push(count);
    },
  };
  const insert = (block: Block, rebuilt: Replay | null = null) =>
    insertBlock(closeBlock(context, block, { ...claimOf(block), attempt: rebuilt?.attempt ?? 0 }, rebuilt));
  return { ...seen, at, answers, offsets, context, insert };
};

const refuseOnce = (answers: ReturnType<typeof setUp>['answers'], meanwhile: () => void): void => {
  answers.insert = async () => {
    answers.insert = async () => {};
    meanwhile();
    throw new PlatformError('clickhouse_unavailable', 'connection lost', { retriable: true });
  };
};

describe('a block', () => {
  it('is claimed, its poison parked, its rows inserted by one insert for each schema, and committed', async () => {
    const { insert, steps, claims, parked, inserts, commits, mended } = setUp();
    const block = blockOf([1, 2], 1);
    await insert(block);
    expect(steps).toEqual(['claim', 'park', 'insert', 'insert', 'commit']);
    expect(claims).toEqual([claimOf(block)]);
    expect(parked).toEqual([12n]);
    expect(inserts).toEqual(['sales/2/10-12/1/0', 'sales/2/10-12/2/0']);
    expect(commits).toEqual([13n]);
    expect(mended).toEqual([]);
  });

  it('that goes in together with others is claimed, its poison parked, inserted and committed in this order too', async () => {
    const { context, steps } = setUp();
    const block = blockOf([1], 1);
    await Promise.all(insertTogether([closeBlock(context, block, claimOf(block), null)]));
    expect(steps).toEqual(['claim', 'park', 'insert', 'commit']);
  });

  it('that belongs to another owner now is not inserted', async () => {
    const { insert, at, inserts, parked } = setUp();
    at.claimed = 'theirs';
    await expect(insert(blockOf([1], 1))).rejects.toThrow('belongs to another consumer now');
    expect([...inserts, ...parked]).toEqual([]);
  });

  it('in doubt, after whose claim ClickHouse was started, goes in under another token where its rows are missing', async () => {
    const { insert, at, answers, offsets, inserts, claims, mended, differences } = setUp();
    refuseOnce(answers, () => {
      at.startedAtMs = 60_000;
      // One schema's rows were stored, and of the others only the token.
      offsets.add(10);
      const whole = answers.insert;
      answers.insert = async (block) => {
        await whole(block);
        if (block.deduplicationToken?.endsWith('/1')) offsets.add(11);
      };
    });
    await insert(blockOf([1, 2]));
    expect(inserts.slice(1)).toEqual(['sales/2/10-11/1/0', 'sales/2/10-11/2/0', 'sales/2/10-11/2/1']);
    expect(claims.map(({ attempt }) => attempt)).toEqual([0, 1]);
    expect(differences).toEqual([1]);
    expect(mended).toEqual([[2, 10, 11]]);
  });

  it('in doubt is looked for too where ClickHouse was started anew with a clock that was set back', async () => {
    const { insert, at, answers, offsets, mended } = setUp();
    refuseOnce(answers, () => {
      at.startedAtMs = -3_600_000;
      offsets.add(10);
    });
    await insert(blockOf([1]));
    expect(mended).toEqual([[2, 10, 10]]);
  });

  it('in doubt needs no look while ClickHouse keeps running', async () => {
    const { insert, answers, mended, inserts } = setUp();
    refuseOnce(answers, () => {});
    await insert(blockOf([1]));
    expect(inserts).toHaveLength(2);
    expect(mended).toEqual([]);
  });

  it('that is built again is not claimed again, and is looked for where its token does not tell', async () => {
    const { insert, offsets, claims, mended } = setUp();
    const block = blockOf([1]);
    offsets.add(10);
    await insert(block, replayOf(claimOf(block), { attempt: 1 }));
    expect(mended).toEqual([]);
    await insert(block, replayOf(claimOf(block), { attempt: 1, isLookedFor: true }));
    expect(mended).toEqual([[2, 10, 10]]);
    expect(claims).toEqual([]);
  });
});

describe('a block of poison only', () => {
  it('is claimed once more without it when it is parked, so that no new owner parks it again', async () => {
    const { insert, claims, parked, inserts, commits } = setUp();
    const block = blockOf([], 2);
    await insert(block);
    const claim = claimOf(block);
    expect(claims).toEqual([claim, { ...claim, attempt: 1, excluded: [] }]);
    expect(parked).toEqual([10n, 11n]);
    expect(inserts).toEqual([]);
    expect(commits).toEqual([12n]);
  });

  it('is so too when a new owner has built it again', async () => {
    const { insert, claims } = setUp();
    const block = blockOf([], 1);
    await insert(block, replayOf(claimOf(block)));
    expect(claims).toEqual([{ ...claimOf(block), attempt: 1, excluded: [] }]);
  });
});

describe('a block with poison beside its rows', () => {
  it('is claimed once more without it where rows are replaced, because they do not show that it is done', async () => {
    const { insert, claims, parked, inserts } = setUp(products);
    const block = blockOf([1], 1);
    await insert(block);
    const claim = claimOf(block);
    expect(claims).toEqual([claim, { ...claim, attempt: 1, rows: 0, excluded: [] }]);
    expect(parked).toEqual([11n]);
    expect(inserts).toEqual(['products/2/10-11/1/0']);
  });

  it('is claimed once where its rows stay', async () => {
    const { insert, claims } = setUp();
    const block = blockOf([1], 1);
    await insert(block);
    expect(claims).toEqual([claimOf(block)]);
  });
});
