import { expect, test } from 'vitest';
import { createReadFirst } from '#platform/streams/read-first';
import { handClock } from '#platform/testing/hand-clock';

const setUp = (places: Record<string, bigint>) => {
  const clock = handClock(0);
  const offsets = async (topic: string) =>
    topic === 'empty'
      ? [{ partition: 0, low: 4n, high: 4n }]
      : [0, 1].map((partition) => ({ partition, low: 0n, high: 10n }));
  const state = {
    nextOffset: async (topic: string, partition: number) => places[`${topic}/${partition}`] ?? 0n,
  };
  const readFirst = createReadFirst(
    ['things', 'empty'],
    async () => ({ offsets }),
    async () => state,
    clock.nowMs,
  );
  return { clock, readFirst };
};
const notYet = { code: 'not_yet_known', retriable: true };

test('waits until every partition is folded up to the end it had, then never asks again', async () => {
  const places: Record<string, bigint> = { 'things/0': 10n, 'things/1': 9n };
  const { readFirst } = setUp(places);
  await expect(readFirst()).rejects.toMatchObject(notYet);
  places['things/1'] = 12n;
  await readFirst();
  places['things/1'] = 0n;
  await readFirst();
});

test('goes on after a minute: the end of a topic may be no record', async () => {
  const { clock, readFirst } = setUp({ 'things/0': 10n, 'things/1': 9n });
  await expect(readFirst()).rejects.toMatchObject(notYet);
  clock.advanceMs(60_001);
  await readFirst();
});
