import { expect, it } from 'vitest';
import { formatDuration } from './time.ts';

it.each([
  [412, '412 ms'],
  [3_400, '3.4 s'],
  [90_000, '90 s'],
  [360_000, '6 min'],
  [7_800_000, '2 h 10 min'],
  // Not 2 h 60 min.
  [10_790_000, '3 h 0 min'],
  [400_000_000, '5 days'],
])('%i ms is %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
