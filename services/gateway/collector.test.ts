import { expect, test } from 'vitest';
import type { EventMessage } from '#platform/messaging/events';
import { visitsTogetherHeader } from '#schemas/topics';
import { withVisitsTogether } from './collector.js';
import { createSenderCalm } from './sender-calm.js';

const records = (...visits: string[]) =>
  visits.map((key) => ({
    productId: 'lamp',
    message: { topic: 'shopper-activity', key, value: Buffer.of(1), headers: { id: key } },
  }));
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

test('what one sender reports of a product adds up to less than a few visits, however many it names', () => {
  const calm = createSenderCalm(() => 0);
  const gained = (sender: string, productId: string, reports: number) => {
    let sum = 0;
    for (let nth = 0; nth < reports; nth += 1) sum += 1 / calm.weigh(sender, productId, 1);
    return sum;
  };
  expect(gained('script', 'lamp', 50_000)).toBeLessThan(4);
  expect(gained('shopper', 'lamp', 1)).toBe(1);
  // Who reports for many shoppers reports many products.
  for (let nth = 0; nth < 300; nth += 1) gained('household', `p${nth}`, 1);
  expect(gained('household', 'lamp', 20)).toBeGreaterThan(7);
});

const productNamed = (nth: number): string => `00000000-0000-4000-8000-${String(nth).padStart(12, '0')}`;

test('what one sender adds to a product is bounded also when it has named a thousand others before', () => {
  const calm = createSenderCalm(() => 0);
  for (let nth = 0; nth < 1_000; nth += 1) expect(calm.weigh('script', productNamed(nth), 1)).toBe(1);
  let sum = 0;
  for (let nth = 0; nth < 2_000; nth += 1) sum += 1 / calm.weigh('script', productNamed(1_000), 1);
  expect(sum).toBeLessThan(17);
});

test('of a sender no more than a thousand products are distinguished: further ones count with those that end alike', () => {
  const calm = createSenderCalm(() => 0);
  for (let nth = 0; nth < 1_000; nth += 1) calm.weigh('crowd', productNamed(nth), 1);
  expect(calm.weigh('crowd', productNamed(1_042), 1)).toBe(1);
  expect(calm.weigh('crowd', productNamed(1_043), 1)).toBe(1);
  expect(calm.weigh('crowd', productNamed(1_142), 1)).toBeGreaterThan(1);
  expect(calm.weigh('crowd', productNamed(42), 1)).toBeGreaterThan(1);
});

test('of all senders only so much is remembered: who has been quiet for the longest is forgotten', () => {
  const calm = createSenderCalm(() => 0);
  for (const sender of ['quiet', 'script']) calm.weigh(sender, 'lamp', 1);
  for (let sender = 0; sender < 200; sender += 1) {
    for (let nth = 0; nth < 1_000; nth += 1) calm.weigh(`crowd-${sender}`, productNamed(nth), 1);
    expect(calm.weigh('script', 'lamp', 1)).toBeGreaterThan(1);
  }
  expect(calm.weigh('quiet', 'lamp', 1)).toBe(1);
});

test('what could not be stored does not count, so that it weighs as much when it is sent again', () => {
  const calm = createSenderCalm(() => 0);
  for (let nth = 0; nth < 12; nth += 1) {
    expect(calm.weigh('shopper', 'lamp', 1)).toBe(1);
    calm.takeBack('shopper', 'lamp', 1);
  }
  expect(calm.weigh('shopper', 'lamp', 1)).toBe(1);
  expect(calm.weigh('shopper', 'lamp', 1)).toBeGreaterThan(1);
});

test('what a sender reported is forgotten after ten minutes', () => {
  let nowMs = 0;
  const calm = createSenderCalm(() => nowMs);
  for (let nth = 0; nth < 100; nth += 1) calm.weigh('script', 'lamp', 1);
  expect(calm.weigh('script', 'lamp', 1)).toBeGreaterThan(100);
  nowMs = 600_000;
  expect(calm.weigh('script', 'lamp', 1)).toBe(1);
});
