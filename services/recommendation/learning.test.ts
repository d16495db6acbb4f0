import { expect, test } from 'vitest';
import type { IncomingRecord } from '#platform/messaging/broker';
import type { ReceivedEvent } from '#platform/messaging/events';
import { testHost } from '#platform/testing/test-host';
import { topics } from '#schemas/topics';
import { createProgress, firstToRead, learning } from './learning.js';

const { topic } = topics.shopperActivity;
const at = { topic, partition: 0 };
/** So many records before the next one are read again. */
const readAgainMax = 200_000;

const recordsFrom = (from: number, ...ids: string[]): IncomingRecord[] =>
  ids.map((id, nth) => ({
    ...{ key: null, value: null, rawHeaders: [], timestampMs: 0 },
    headers: { 'event-id': id },
    offset: BigInt(from + nth),
  }));

/** Learning that has learned so many records before it was started again. */
const learningFrom = (next: number) => {
  const progress = createProgress();
  progress.restore({ [`${topic}/0`]: String(next) });
  const learned: string[] = [];
  const handle = learning(testHost(), {
    read: async (_at, { headers }) => ({ eventId: headers['event-id'] }) as ReceivedEvent,
    take: (event) => void learned.push((event as ReceivedEvent).eventId),
    progress,
  });
  let isStale = false;
  const control = {
    ...{ commit: async () => {}, commitSoon: () => {}, heartbeat: async () => {} },
    isStale: () => isStale,
  };
  return {
    progress,
    learned,
    revoke: () => {
      isStale = true;
    },
    handle: (records: IncomingRecord[]) =>
      handle({ ...at, records, highWatermark: records.at(-1)!.offset + 1n }, control),
  };
};

test('other work has its turn also while records are read again that were learned before', async () => {
  const count = 100_000;
  const { handle, learned, progress } = learningFrom(count);
  const records = recordsFrom(0, ...Array.from({ length: count }, (_, nth) => `named-${nth}`));
  let turns = 0;
  let isOver = false;
  const takeTurn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(takeTurn);
  };
  setImmediate(takeTurn);
  await handle(records);
  isOver = true;
  expect(turns).toBeGreaterThan(2);
  expect(learned).toEqual([]);
  expect(progress.readFrom(topic, 0)).toBe(BigInt(count));

  const revoked = learningFrom(count);
  setImmediate(revoked.revoke);
  await revoked.handle(records);
  expect(revoked.progress.readFrom(topic, 0)).toBe(BigInt(count - readAgainMax));
});

test('what was learned before a start is read again once, not after each assignment, and repeats are recognised', async () => {
  const { handle, learned, progress } = learningFrom(300_000);
  expect(progress.readFrom(topic, 0)).toBe(100_000n);
  await handle(recordsFrom(299_998, 'a'));
  // It was revoked before all of them were read again.
  expect(progress.readFrom(topic, 0)).toBe(100_000n);
  await handle(recordsFrom(299_998, 'a', 'b'));
  expect(progress.readFrom(topic, 0)).toBe(300_000n);
  await handle(recordsFrom(300_000, 'a', 'c', 'b', 'c'));
  expect(learned).toEqual(['c']);
  expect(progress.readFrom(topic, 0)).toBe(300_004n);
  expect(progress.readFrom(topic, 1)).toBeUndefined();
});

test('a start without a snapshot reads the newest of what shoppers did, and all that is never forgotten', () => {
  const log = { low: 5n, high: 1_000_000n };
  const firstOf = (of: { topic: string }, readFrom?: bigint) => firstToRead(of.topic, readFrom, log);
  expect([topics.shopperActivity, topics.orders].map((of) => firstOf(of))).toEqual([700_000n, 700_000n]);
  expect([topics.products, topics.users, topics.config].map((of) => firstOf(of))).toEqual([5n, 5n, 5n]);
  expect([firstOf(topics.orders, 800_000n), firstOf(topics.products, 3n)]).toEqual([800_000n, 5n]);
});
