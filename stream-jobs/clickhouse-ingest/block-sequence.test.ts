import { describe, expect, it } from 'vitest';
import type { Insert } from '#platform/clickhouse/client';
import type { BatchControl } from '#platform/messaging/broker';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import { createAssignment } from './assignment.js';
import type { InsertContext } from './block-insert.js';
import { BlockSequence } from './block-sequence.js';
import { type Feed, feeds } from './feeds.js';
import { createInFlight } from './in-flight.js';
import type { Replay } from './resume-point.js';
import { recordAt, row } from './testing/records-by-hand.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;
const datumBytes = 100;

const replayOfFour: Replay = {
  firstOffset: 5,
  lastOffset: 8,
  attempt: 0,
  schemaIds: [1],
  rows: 4,
  excluded: [],
  gathered: null,
  claimedAtMs: 10_000,
  isLookedFor: false,
  left: new Set(),
  excludedAt: new Map(),
};

const control: BatchControl = {
  isStale: () => false,
  heartbeat: async () => {},
  commitSoon: () => {},
  commit: async () => {},
};

/** A sequence whose blocks close only when a test says so, and the tokens under which they are inserted. */
const setUp = (replay: Replay | null = null) => {
  const inFlight = createInFlight(1_000, 1);
  const assignment = createAssignment({ topic: sales.topic, partition: 0 });
  assignment.use(control);
  const tokens: (string | undefined)[] = [];
  const context = {
    feed: sales,
    partition: 0,
    inFlight,
    clock: handClock(),
    logger: testLogger('ingest'),
    clickhouse: { insert: async ({ deduplicationToken }: Insert) => void tokens.push(deduplicationToken) },
    stored: { serverStartedAtMs: async () => 0 },
    ownership: { claim: async () => 'ours' },
    serverStartedAtMs: 0,
    pipeline: assignment,
    onIngested: () => {},
  } as unknown as InsertContext;
  const sequence = new BlockSequence({
    start: { nextOffset: 5, replay },
    assignment,
    gathering: null,
    rule: { isFull: () => false, restMs: () => 60_000 },
    context,
    onFatal: (error) => {
      throw error;
    },
  });
  const add = (...offsets: number[]) => {
    for (const offset of offsets) sequence.add(recordAt(offset, datumBytes), row);
  };
  return { sequence, inFlight, assignment, add, tokens };
};

describe('the bytes of a partition that others wait for', () => {
  it('are those of its growing block', () => {
    const { inFlight, add } = setUp();
    add(5, 6, 7);
    expect(inFlight.bytes).toBe(3 * datumBytes);
  });

  it('are free again when it ends before the block is inserted', async () => {
    const { sequence, inFlight, assignment, add } = setUp();
    add(5, 6, 7);
    assignment.end();
    await sequence.end();
    expect(inFlight.bytes).toBe(0);
    expect(sequence.insertedTo).toBe(5);
  });
});

describe('a partition that is drained', () => {
  it('inserts the block that grows', async () => {
    const { sequence, add, tokens } = setUp();
    add(5, 6);
    await sequence.drained();
    expect(tokens).toEqual(['sales/0/5-6/1/0']);
    expect(sequence.insertedTo).toBe(7);
  });

  it('inserts no part of a block that is built again, which the next owner builds from its claim', async () => {
    const { sequence, add, tokens } = setUp(replayOfFour);
    add(5, 6);
    await sequence.drained();
    expect(tokens).toEqual([]);
    add(7, 8);
    await sequence.drained();
    expect(tokens).toEqual(['sales/0/5-8/1/0']);
    expect(sequence.insertedTo).toBe(9);
  });
});
