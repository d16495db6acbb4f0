import { describe, expect, it } from 'vitest';
import { PlatformError } from '#platform/errors';
import type { BatchControl, IncomingRecord, RecordBatch } from '#platform/messaging/broker';
import type { DeadLetter } from '#platform/messaging/dead-letter';
import type { EventReader } from '#platform/messaging/events';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import { createLearner } from './learner.js';
import { memorySimilarityStore } from './memory-store.js';
import { defaultSettings } from './similarity.js';
import type { SimilarityMemory, SimilarityStore } from './similarity-store.js';

const topic = 'shopper-activity';
const nowMs = Date.UTC(2026, 5, 1);

/** Stands for a record of a view; the reader below takes it apart. */
const view = (offset: number, visit: string, product: string, atMs = nowMs): IncomingRecord => ({
  key: Buffer.from(visit),
  value: Buffer.from(JSON.stringify({ visit, product, atMs })),
  headers: {},
  offset: BigInt(offset),
  timestampMs: nowMs,
});
const poison = (offset: number): IncomingRecord => ({
  ...view(offset, 'v', 'p'),
  value: Buffer.from('poison'),
});

const reader: EventReader = {
  read: async ({ topic: from, partition }, record) => {
    const text = record.value?.toString() ?? '';
    if (text === 'poison') throw new PlatformError('datum_malformed', 'poison', { retriable: false });
    const { visit, product, atMs } = JSON.parse(text);
    return {
      type: 'ShopperActivity',
      value: {
        event_id: 'e',
        type: 'product_viewed',
        visit_id: visit,
        user_id: null,
        product_id: product,
        query: null,
        position: null,
        recommendation_id: null,
        occurred_at: atMs,
      },
      key: visit,
      eventId: 'e',
      correlationId: 'c',
      causationId: undefined,
      traceparent: undefined,
      occurredAt: atMs,
      topic: from,
      partition,
      offset: record.offset,
    };
  },
};

const batchOf = (records: IncomingRecord[]): RecordBatch => ({
  topic,
  partition: 0,
  records,
  highWatermark: 100n,
});

const setUp = (store: SimilarityStore & Partial<SimilarityMemory> = memorySimilarityStore()) => {
  const parked: DeadLetter[] = [];
  const commits: bigint[] = [];
  const control: BatchControl = {
    commit: async (nextOffset) => {
      commits.push(nextOffset);
    },
    heartbeat: async () => {},
    isStale: () => false,
  };
  const learner = createLearner(
    { metrics: testHost().metrics, clock: handClock(nowMs) },
    async () => store,
    reader,
    { park: async (letter) => void parked.push(letter) },
    {
      group: 'test',
      settings: defaultSettings,
      recordsPerApplyMax: 2,
      relearnedPerPartitionMax: 10,
      repeatsWithinRecordsMax: 4,
    },
  );
  return { learner, parked, commits, control, store };
};

const neighbours = async (store: Partial<SimilarityMemory>, product: string) =>
  ((await store.neighbours?.([product], 10))?.get(product) ?? []).map(({ productId }) => productId);

describe('the learner', () => {
  const withId = (id: string, record: IncomingRecord): IncomingRecord => ({
    ...record,
    headers: { 'event-id': id },
  });
  const sentTwice = [
    withId('1', view(0, 'v', 'a')),
    withId('2', view(1, 'v', 'b')),
    withId('1', view(2, 'v', 'a')),
    withId('2', view(3, 'v', 'b')),
  ];

  it('learns once what an outbox relay sends twice', async () => {
    const once = setUp();
    await once.learner.handle(batchOf(sentTwice.slice(0, 2)), once.control);
    const twice = setUp();
    await twice.learner.handle(batchOf(sentTwice), twice.control);
    expect(await twice.store.popular?.(10)).toEqual(await once.store.popular?.(10));
    expect(await twice.store.neighbours?.(['a', 'b'], 10)).toEqual(
      await once.store.neighbours?.(['a', 'b'], 10),
    );
    expect(twice.commits).toEqual([4n]);
  });

  it('knows a repeat also when it was restarted in between', async () => {
    const before = setUp();
    await before.learner.handle(batchOf(sentTwice.slice(0, 2)), before.control);
    const popular = await before.store.popular?.(10);
    const after = setUp(before.store);
    const from = await after.learner.startFrom({ topic, partition: 0 }, { low: 0n, high: 4n, committed: 2n });
    expect(from).toBe(0n);
    await after.learner.handle(batchOf(sentTwice), after.control);
    expect(await after.store.popular?.(10)).toEqual(popular);
    expect(await after.store.nextOffset(topic, 0)).toBe(4n);
  });

  it('learns a visit across its transactions and says how far the group is', async () => {
    const { learner, control, commits, store } = setUp();
    await learner.handle(batchOf([view(0, 'v', 'a'), view(1, 'v', 'b'), view(2, 'v', 'c')]), control);
    expect(await neighbours(store, 'b')).toEqual(['c', 'a']);
    expect(commits).toEqual([3n]);
    expect(await store.nextOffset(topic, 0)).toBe(3n);
  });

  it('learns a redelivered batch once, also when only its tail is new', async () => {
    const { learner, control, store } = setUp();
    await learner.handle(batchOf([view(0, 'v', 'a'), view(1, 'v', 'b')]), control);
    const once = await store.neighbours?.(['a'], 10);
    await learner.handle(batchOf([view(0, 'v', 'a'), view(1, 'v', 'b')]), control);
    expect(await store.neighbours?.(['a'], 10)).toEqual(once);
    await learner.handle(batchOf([view(0, 'v', 'a'), view(1, 'v', 'b'), view(2, 'v', 'c')]), control);
    expect(await neighbours(store, 'b')).toEqual(['c', 'a']);
  });

  it('learns once when an apply took effect but its answer was lost', async () => {
    const memory = memorySimilarityStore();
    let isAnswerLost = true;
    const lossy: SimilarityMemory = {
      ...memory,
      apply: async (changes, progress) => {
        const outcome = await memory.apply(changes, progress);
        if (!isAnswerLost) return outcome;
        isAnswerLost = false;
        throw new PlatformError('redis_unavailable', 'connection lost', { retriable: true });
      },
    };
    const { learner, control } = setUp(lossy);
    const batch = batchOf([view(0, 'v', 'a'), view(1, 'v', 'b')]);
    await expect(learner.handle(batch, control)).rejects.toThrow('connection lost');
    await learner.handle(batch, control);
    const [neighbour] = (await memory.neighbours(['a'], 1)).get('a') ?? [];
    expect(neighbour?.similarity).toBeCloseTo(1, 9);
    expect((await memory.popular(10)).map(({ productId }) => productId).sort()).toEqual(['a', 'b']);
  });

  it('parks a poison record and learns the rest', async () => {
    const { learner, control, parked, store } = setUp();
    await learner.handle(batchOf([view(0, 'v', 'a'), poison(1), view(2, 'v', 'b')]), control);
    expect(parked.map(({ record }) => record.offset)).toEqual([1n]);
    expect(await neighbours(store, 'a')).toEqual(['b']);
    expect(await store.nextOffset(topic, 0)).toBe(3n);
  });

  it('parks a poison record once, also when it learns the log again', async () => {
    const { learner, control, parked } = setUp();
    await learner.startFrom({ topic, partition: 0 }, { low: 0n, high: 3n, committed: 2n });
    await learner.handle(batchOf([poison(0), poison(1), poison(2)]), control);
    expect(parked.map(({ record }) => record.offset)).toEqual([2n]);
  });

  it('does not let a clock that runs ahead add weight', async () => {
    const { learner, control, store } = setUp();
    const year = 365 * 24 * 3_600_000;
    await learner.handle(batchOf([view(0, 'v', 'a', nowMs + year)]), control);
    expect(await store.learnedUpTo?.()).toBe(nowMs);
  });

  it('crashes rather than go on with half a state when the one it began is gone', async () => {
    const lost: SimilarityStore = { ...memorySimilarityStore(), nextOffset: async () => null };
    const { learner, control } = setUp(lost);
    await expect(learner.handle(batchOf([view(0, 'v', 'a')]), control)).rejects.toThrow('broken invariant');
  });

  it('starts a little before where the state ends, not before the log begins, and relearns a bounded tail', async () => {
    const { learner, control } = setUp();
    const at = { topic, partition: 0 };
    const log = (low: bigint, high: bigint) => ({ low, high, committed: 0n });
    expect(await learner.startFrom(at, log(0n, 5n))).toBe(0n);
    expect(await learner.startFrom(at, log(3n, 5n))).toBe(3n);
    expect(await learner.startFrom(at, log(3n, 50n))).toBe(40n);
    await learner.handle(batchOf([view(40, 'v', 'a')]), control);
    expect(await learner.startFrom(at, log(3n, 50n))).toBe(37n);
    expect(await learner.startFrom(at, log(45n, 50n))).toBe(45n);
  });
});
