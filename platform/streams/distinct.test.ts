import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDistinct,
  countDistinct,
  distinctFromJson,
  distinctToJson,
  emptyDistinct,
  mergeDistinct,
  sketchSize,
} from '#platform/streams/distinct';

const sketchOf = (texts: readonly string[]) => {
  const sketch = emptyDistinct();
  for (const text of texts) addDistinct(sketch, text);
  return sketch;
};

describe('a count of different texts', () => {
  test('is exact while they are few, whatever the order and the merges', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (some, others) => {
        const merged = sketchOf(some);
        mergeDistinct(merged, distinctFromJson(JSON.parse(JSON.stringify(distinctToJson(sketchOf(others))))));
        expect(countDistinct(merged)).toBe(new Set([...some, ...others]).size);
      }),
    );
  });

  test('is within 4 % of many, and the same for every order and every split', () => {
    const texts = Array.from({ length: 100_000 }, (_, nth) => `visit-${nth}`);
    const forward = sketchOf(texts);
    const merged = sketchOf(texts.slice(50_000).reverse());
    mergeDistinct(merged, sketchOf(texts.slice(0, 60_000)));
    expect(countDistinct(merged)).toBe(countDistinct(forward));
    expect(Math.abs(countDistinct(forward) / texts.length - 1)).toBeLessThan(0.04);
    expect(forward.hashes.size).toBeLessThanOrEqual(2 * sketchSize);
  });
});
