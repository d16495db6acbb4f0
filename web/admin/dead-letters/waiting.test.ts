import { expect, it } from 'vitest';
import { canReplay, waitingIn } from './waiting.ts';

const groups = [
  { topic: 'orders', group: 'payment', reason: 'invalid_record', waiting: 3 },
  { topic: 'orders', group: 'inventory', reason: 'invalid_record', waiting: 2 },
  { topic: 'reviews', group: 'product', reason: 'handler_failed', waiting: 0 },
];
const row = (status: 'waiting' | 'replayed', isReplayable = true) => ({ status, isReplayable });

it('what waits is counted in the groups that a filter names', () => {
  expect(waitingIn(groups, {})).toBe(5);
  expect(waitingIn(groups, { topic: 'orders', group: 'payment', reason: 'invalid_record' })).toBe(3);
  expect(waitingIn(groups, { topic: 'reviews' })).toBe(0);
});

it('letters that wait behind a page of replayed ones can be replayed', () => {
  expect(canReplay(1, Array(50).fill(row('replayed')))).toBe(true);
  expect(canReplay(0, Array(50).fill(row('replayed')))).toBe(false);
});

it('letters that are all known, and can none of them be replayed, cannot', () => {
  expect(canReplay(2, [row('waiting', false), row('waiting', false), row('replayed')])).toBe(false);
  expect(canReplay(2, [row('waiting', false), row('waiting')])).toBe(true);
  // What has come since the groups were counted.
  expect(canReplay(0, [row('waiting')])).toBe(true);
});
