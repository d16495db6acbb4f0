import { expect, it } from 'vitest';
import { answeredOf } from './order-answers.ts';

const first = (items: readonly string[]) => items[0];

it('a service that does not answer is not taken for one that has nothing', () => {
  expect(answeredOf({ data: undefined, isError: false }, first)).toBeUndefined();
  expect(answeredOf({ data: undefined, isError: true }, first)).toBe('unanswered');
  expect(answeredOf({ data: [], isError: false }, first)).toBeNull();
});

it('what was known stays where the service has stopped answering, and that there was nothing does not', () => {
  expect(answeredOf({ data: ['paid'], isError: true }, first)).toBe('paid');
  expect(answeredOf({ data: [], isError: true }, first)).toBe('unanswered');
});
