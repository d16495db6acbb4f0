import { expect, test } from 'vitest';
import { createForbidden } from './forbidden.js';

test('a list is guilty of what was forbidden before it was asked for, and all the time since', () => {
  const forbidden = createForbidden();
  forbidden.forbid('lamp', 'sold out', 1_000);
  expect(forbidden.since('lamp', 999)).toBeUndefined();
  expect(forbidden.since('lamp', 1_000)).toBe('sold out');
  forbidden.forbid('lamp', 'deleted', 5_000);
  expect(forbidden.since('lamp', 1_000)).toBe('sold out');
  forbidden.allow('lamp');
  expect(forbidden.since('lamp', 9_000)).toBeUndefined();
  expect(forbidden.since('torch', 9_000)).toBeUndefined();
});
