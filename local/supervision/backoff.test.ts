import { expect, it } from 'vitest';
import { createBackoff } from './backoff.js';

it('waits longer after every quick death, up to its bound, and starts over after a stable life', () => {
  const backoff = createBackoff({ firstMs: 200, mostMs: 1_000, stableMs: 30_000 });
  const waits = [5, 5, 5, 5, 5].map((livedMs) => backoff.afterDeath(livedMs));
  expect(waits).toEqual([200, 400, 800, 1_000, 1_000]);
  expect(backoff.afterDeath(30_000)).toBe(200);
  expect(backoff.afterDeath(10)).toBe(400);
});
