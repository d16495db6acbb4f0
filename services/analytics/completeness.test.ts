import { expect, it } from 'vitest';
import { behind } from './completeness.js';

it('a partition is behind while the log has records that were not acknowledged', () => {
  expect(
    behind([
      { partition: 0, low: 0n, high: 10n, nextOffset: 10n },
      { partition: 1, low: 0n, high: 10n, nextOffset: 9n },
      { partition: 2, low: 0n, high: 5n, nextOffset: null },
      { partition: 3, low: 0n, high: 0n, nextOffset: null },
      { partition: 4, low: 7n, high: 7n, nextOffset: null },
      { partition: 5, low: 7n, high: 7n, nextOffset: 5n },
    ]),
  ).toEqual([1, 2]);
});
