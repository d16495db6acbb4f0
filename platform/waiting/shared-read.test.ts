import { describe, expect, it } from 'vitest';
import { createBatchedRead, createSharedRead } from './shared-read.js';

describe('batched read', () => {
  it('reads what is asked together in one read, each key once', async () => {
    const reads: (readonly string[])[] = [];
    const ask = createBatchedRead(async (keys) => {
      reads.push(keys);
      return new Map(keys.filter((key) => key !== 'missing').map((key) => [key, `${key}!`]));
    }, 100);
    const [first, second] = await Promise.all([ask(['a', 'missing']), ask(['a', 'b'])]);
    expect(reads).toEqual([['a', 'missing', 'b']]);
    expect([first.get('a'), first.get('missing'), second.get('b')]).toEqual(['a!', undefined, 'b!']);
  });

  it('answers an ask that comes while a read runs by a later read', async () => {
    const latch = Promise.withResolvers<void>();
    let value = 'old';
    let reads = 0;
    const ask = createBatchedRead(async (keys) => {
      const read = value;
      reads += 1;
      if (reads === 1) await latch.promise;
      return new Map(keys.map((key) => [key, read]));
    }, 100);
    const early = ask(['a']);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(reads).toBe(1);
    value = 'new';
    const late = ask(['a']);
    latch.resolve();
    expect([(await early).get('a'), (await late).get('a')]).toEqual(['old', 'new']);
  });

  it('rejects the asks of a read that fails, and no later ones', async () => {
    let reads = 0;
    const ask = createBatchedRead(async (keys) => {
      reads += 1;
      if (reads === 1) throw new Error('away');
      return new Map(keys.map((key) => [key, 1]));
    }, 1);
    const [failed, fine] = await Promise.allSettled([ask(['a']), ask(['b'])]);
    expect([failed?.status, fine?.status]).toEqual(['rejected', 'fulfilled']);
  });
});

describe('shared read', () => {
  it('shares the next read of a key, and lets other keys pass', async () => {
    const latch = Promise.withResolvers<void>();
    let reads = 0;
    const ask = createSharedRead(async (key) => {
      reads += 1;
      const number = reads;
      if (key === 'slow' && number === 1) await latch.promise;
      return `${key} ${number}`;
    });
    const first = ask('slow');
    await Promise.resolve();
    await Promise.resolve();
    const [second, third] = [ask('slow'), ask('slow')];
    expect(await ask('quick')).toBe('quick 2');
    latch.resolve();
    expect(await Promise.all([first, second, third])).toEqual(['slow 1', 'slow 3', 'slow 3']);
    expect(await ask('slow')).toBe('slow 4');
  });

  it('reads again after a read that failed', async () => {
    let reads = 0;
    const ask = createSharedRead(async () => {
      reads += 1;
      if (reads === 1) throw new Error('away');
      return reads;
    });
    await expect(ask('a')).rejects.toThrow('away');
    expect(await ask('a')).toBe(2);
  });
});
