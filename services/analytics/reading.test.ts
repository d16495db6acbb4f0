import { expect, it } from 'vitest';
import { leastComplete } from './reading.js';

it('an answer of several parts is complete up to where the last of them is', () => {
  const [ahead, behind] = [
    { asOfMs: 2_000, lagMs: 1_000, version: 'a' },
    { asOfMs: 1_000, lagMs: 2_000, version: 'b' },
  ];
  expect(leastComplete([ahead, behind])).toBe(behind);
  expect(leastComplete([behind, ahead])).toBe(behind);
});
