import { beforeEach, describe, expect, it } from 'vitest';
import { createFreshMap, type FreshMap } from './fresh-map.js';

let nowMs: number;
let calls: string[][];
let release: (() => void)[];
let isHeld: boolean;
let value: string;
let map: FreshMap<string | null>;

beforeEach(() => {
  nowMs = 0;
  calls = [];
  release = [];
  isHeld = false;
  value = 'a';
  map = createFreshMap<string | null>({
    load: async (keys) => {
      calls.push([...keys]);
      const read = new Map(keys.filter((key) => key !== 'none').map((key) => [key, `${key}=${value}`]));
      if (isHeld) await new Promise<void>((resolve) => release.push(resolve));
      if (value === 'fault') throw new Error('away');
      return read;
    },
    otherwise: null,
    ageMsMax: 100,
    entriesMax: 3,
    monotonicMs: () => nowMs,
  });
});

describe('values that are kept for a short time', () => {
  it('are read once until they are too old, together, and only those that are missing', async () => {
    expect(await map.getMany(['x', 'none', 'x'])).toEqual(
      new Map([
        ['x', 'x=a'],
        ['none', null],
      ]),
    );
    value = 'b';
    nowMs = 99;
    expect(await map.getMany(['x', 'y', 'none'])).toEqual(
      new Map([
        ['x', 'x=a'],
        ['y', 'y=b'],
        ['none', null],
      ]),
    );
    nowMs = 100;
    expect(await map.get('x')).toBe('x=b');
    expect(calls).toEqual([['x', 'none'], ['y'], ['x']]);
  });

  it('are read once for all who ask meanwhile', async () => {
    isHeld = true;
    const asked = [map.get('x'), map.getMany(['x', 'y']), map.getMany(['y'])];
    for (const each of release) each();
    await Promise.all(asked);
    expect(calls).toEqual([['x'], ['y']]);
  });

  it('count their age from the beginning of the reading', async () => {
    isHeld = true;
    const asked = map.get('x');
    nowMs = 100;
    release[0]?.();
    await asked;
    isHeld = false;
    await map.get('x');
    expect(calls).toHaveLength(2);
  });

  it('are not kept after a failure, which all who wait for it see', async () => {
    isHeld = true;
    const asked = Promise.allSettled([map.get('x'), map.get('x')]);
    value = 'fault';
    release[0]?.();
    expect((await asked).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isHeld = false;
    value = 'b';
    expect(await map.get('x')).toBe('x=b');
  });

  it('that are forgotten are read anew, also while an older reading runs', async () => {
    isHeld = true;
    const early = map.get('x');
    map.forget(['x']);
    value = 'b';
    isHeld = false;
    expect(await map.get('x')).toBe('x=b');
    release[0]?.();
    expect(await early).toBe('x=a');
    expect(await map.get('x')).toBe('x=b');
  });

  it('are all read anew once all are forgotten, also those that are being read', async () => {
    await map.get('y');
    isHeld = true;
    const early = map.get('x');
    map.forgetAll();
    isHeld = false;
    value = 'b';
    release[0]?.();
    expect(await early).toBe('x=a');
    expect(await map.getMany(['x', 'y'])).toEqual(
      new Map([
        ['x', 'x=b'],
        ['y', 'y=b'],
      ]),
    );
  });

  it('are bounded in number', async () => {
    await map.getMany(['a', 'b', 'c', 'd']);
    await map.getMany(['b', 'c', 'd']);
    expect(calls).toHaveLength(1);
    await map.get('a');
    expect(calls).toHaveLength(2);
  });
});
