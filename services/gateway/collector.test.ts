import { expect, test } from 'vitest';
import type { EventMessage } from '#platform/messaging/events';
import { visitsTogetherHeader } from '#schemas/topics';
import { withVisitsTogether } from './collector.js';

const records = (...visits: string[]): EventMessage[] =>
  visits.map((key) => ({ topic: 'shopper-activity', key, value: Buffer.of(1), headers: { id: key } }));
const writtenOn = (messages: readonly EventMessage[]) =>
  messages.map(({ headers }) => headers?.[visitsTogetherHeader]);

test('a request of one visit needs no note, however many events it has', () => {
  expect(writtenOn(withVisitsTogether(records('v-1', 'v-1', 'v-1')))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a request of two visits says on each event that there are two, and keeps its other headers', () => {
  const noted = withVisitsTogether(records('v-1', 'v-2', 'v-1'));
  expect(writtenOn(noted)).toEqual(['2', '2', '2']);
  expect(noted.map(({ key, headers }) => [key, headers?.id])).toEqual([
    ['v-1', 'v-1'],
    ['v-2', 'v-2'],
    ['v-1', 'v-1'],
  ]);
});
