import { expect, it } from 'vitest';
import { ApiProblem, Unreachable } from '../../api/problem.ts';
import { isRefusal, type OrderBody, submissionFor, unansweredIn } from './submission.ts';

const storage = () => {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
};

const body: OrderBody = {
  items: [{ productId: 'p', quantity: 1 }],
  shippingAddress: { name: 'Ada', line1: '1', city: 'London', postalCode: 'N1', country: 'GB' },
  payment: { method: 'card', token: 'tok_ok' },
  email: 'ada@example.com',
};

it('the same order sent again has the same key, also after a reload; a changed one has another', () => {
  const kept = storage();
  const first = submissionFor(body, kept);
  expect(submissionFor({ ...body }, kept)).toEqual(first);
  const changed = submissionFor({ ...body, items: [{ productId: 'p', quantity: 2 }] }, kept);
  expect(changed.key).not.toBe(first.key);
  expect(changed.orderToken).toMatch(/^[\w-]{32,200}$/);
});

it('what lies in the storage and is no submission is replaced', () => {
  const kept = storage();
  kept.setItem('cartstream.submission', '{"body":');
  expect(submissionFor(body, kept).key).toMatch(/^[0-9a-f-]{36}$/);
});

it('what was sent without an answer is found by its buyer alone', () => {
  const kept = storage();
  expect(unansweredIn(kept, 'ada')).toBeUndefined();
  const sent = submissionFor(body, kept, 'ada');
  expect(unansweredIn(kept, 'ada')).toEqual(sent);
  expect(unansweredIn(kept, 'bob')).toBeUndefined();
  expect(unansweredIn(kept, undefined)).toBeUndefined();
  expect(submissionFor(body, kept, 'bob').key).not.toBe(sent.key);
});

it.each([
  [422, true],
  [400, true],
  [401, true],
  [409, false],
  [429, false],
  [503, false],
])('an answer of %i ends a submission: %s', (status, isEnd) => {
  expect(isRefusal(new ApiProblem(status, {}, undefined))).toBe(isEnd);
  expect(isRefusal(new Unreachable('gone'))).toBe(false);
});
