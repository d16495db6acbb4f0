import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Insert } from '#platform/clickhouse/client';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import { createAssignment } from './assignment.js';
import type { InsertContext } from './block-insert.js';
import { BlockSequence } from './block-sequence.js';
import { type Feed, feeds } from './feeds.js';
import { createGathering } from './gathering.js';
import { createInFlight } from './in-flight.js';
import { recordAt, row } from './testing/records-by-hand.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;
const mebi = 1024 * 1024;
const blockWaitMs = 400;

/** Partitions of one table, each insert of which ends when a test says so. */
const setUp = (partitions: number) => {
  const clock = handClock();
  const gathering = createGathering(32 * mebi);
  const inFlight = createInFlight(1_000 * mebi, 10);
  const inserts: { rows: number | undefined; end(): void }[] = [];
  const insert = ({ rows }: Insert) =>
    new Promise<void>((resolve) => {
      inserts.push({ rows, end: resolve });
    });
  const sequences = Array.from({ length: partitions }, (_, partition) => {
    const assignment = createAssignment({ topic: sales.topic, partition });
    assignment.use({
      isStale: () => false,
      heartbeat: async () => {},
      commitSoon: () => {},
      commit: async () => {},
    });
    const context = {
      feed: sales,
      partition,
      inFlight,
      clock,
      logger: testLogger('ingest'),
      clickhouse: { insert },
      stored: { serverStartedAtMs: async () => 0 },
      ownership: { claim: async () => 'ours', isOurs: async () => true },
      serverStartedAtMs: 0,
      pipeline: assignment,
      onIngested: () => {},
    } as unknown as InsertContext;
    return new BlockSequence({
      start: { nextOffset: 0, replay: null },
      assignment,
      gathering,
      rule: { isFull: () => false, restMs: (ageMs) => Math.max(0, blockWaitMs - ageMs) },
      context,
      onFatal: (error) => {
        throw error;
      },
    });
  });
  const add = (partition: number, bytes = 100): void => {
    const sequence = sequences[partition] as BlockSequence;
    sequence.add(recordAt(sequence.nextOffset, bytes), row);
  };
  const pass = async (ms: number): Promise<void> => {
    clock.advanceMs(ms);
    await vi.advanceTimersByTimeAsync(ms);
  };
  const end = async (nth: number): Promise<void> => {
    inserts[nth]?.end();
    await pass(0);
  };
  return { add, pass, end, sequences, sizes: () => inserts.map(({ rows }) => rows) };
};

describe('the small blocks of a table', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('that become due while an insert of the table runs go in together behind it', async () => {
    const { add, pass, end, sizes } = setUp(4);
    add(0);
    await pass(blockWaitMs);
    expect(sizes()).toEqual([1]);
    for (const partition of [1, 2, 3]) {
      add(partition);
      await pass(blockWaitMs);
    }
    expect(sizes()).toEqual([1]);
    await end(0);
    expect(sizes()).toEqual([1, 3]);
  });

  it('stay together when all of them are due again as soon as they are in', async () => {
    const { add, pass, end, sizes } = setUp(3);
    for (const partition of [0, 1, 2]) add(partition);
    await pass(blockWaitMs);
    for (let nth = 0; nth < 5; nth += 1) {
      for (const partition of [0, 1, 2]) add(partition);
      await pass(2 * blockWaitMs);
      await end(nth);
    }
    expect(sizes()).toEqual([3, 3, 3, 3, 3, 3]);
  });

  it('do not wait for ever for an insert that does not end', async () => {
    const { add, pass, sizes } = setUp(3);
    add(0);
    await pass(blockWaitMs);
    add(1);
    add(2);
    await pass(blockWaitMs);
    expect(sizes()).toEqual([1]);
    await pass(3_000);
    expect(sizes()).toEqual([1, 2]);
    await pass(blockWaitMs);
    expect(sizes()).toEqual([1, 2]);
  });

  it('are inserted at once where their partitions are drained', async () => {
    const { add, pass, end, sequences, sizes } = setUp(2);
    add(0);
    await pass(blockWaitMs);
    add(1);
    await pass(blockWaitMs);
    const drained = sequences[1]?.drained();
    expect(sizes()).toEqual([1]);
    await pass(0);
    expect(sizes()).toEqual([1, 1]);
    await end(1);
    await drained;
  });
});

describe('a large block', () => {
  it('waits for nobody', async () => {
    vi.useFakeTimers();
    const { add, pass, sizes } = setUp(2);
    add(0);
    await pass(blockWaitMs);
    add(1, 2 * mebi);
    await pass(blockWaitMs);
    expect(sizes()).toEqual([1, 1]);
    vi.useRealTimers();
  });
});
