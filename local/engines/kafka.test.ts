import { expect, it } from 'vitest';
import { newClusterId } from './kafka.js';

it('never makes a cluster id that begins like an option', () => {
  const made = [Buffer.alloc(16, 0xfb), Buffer.alloc(16, 0xf8), Buffer.alloc(16, 0x01)];
  expect(made.map((bytes) => bytes.toString('base64url')[0])).toEqual(['-', '-', 'A']);
  expect(newClusterId(() => made.shift() as Buffer)).toBe('AQEBAQEBAQEBAQEBAQEBAQ');
});
