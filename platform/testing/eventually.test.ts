import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.js';

describe('a condition that is waited for', () => {
  it('is looked at less often the longer it takes', async () => {
    const beganAtMs = performance.now();
    let looks = 0;
    await eventually(() => {
      looks += 1;
      return performance.now() - beganAtMs >= 2_000;
    });
    // Every 50 ms it would be 40.
    expect(looks).toBeLessThan(30);
    expect(looks).toBeGreaterThan(2);
  });

  it('ends with the last failure where it does not come true', async () => {
    const waiting = eventually(() => expect.fail('two of three'), { timeoutMs: 100, message: 'three' });
    await expect(waiting).rejects.toThrow('three (within 100 ms; last: two of three)');
  });
});
