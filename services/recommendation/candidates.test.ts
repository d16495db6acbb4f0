import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anchorsOf,
  type Candidate,
  filledUp,
  merged,
  neighboursOf,
  revisitsOf,
  strongestAnchors,
} from './candidates.js';

const neighbours = new Map([
  [
    'a',
    [
      { productId: 'x', similarity: 0.5 },
      { productId: 'y', similarity: 0.4 },
    ],
  ],
  ['b', [{ productId: 'y', similarity: 0.4 }]],
]);
const ids = (candidates: readonly Candidate[]) => candidates.map(({ productId }) => productId);

describe('candidates', () => {
  it('add up over anchors, and earlier anchors count less', () => {
    const found = neighboursOf(anchorsOf(['a', 'b']), neighbours);
    expect(ids(found)).toEqual(['y', 'x']);
    expect(found[0]?.score).toBeCloseTo(0.4 + 0.6 * 0.4);
    expect(found[0]?.reason).toEqual({ kind: 'seen_together', because: ['a', 'b'] });
  });

  it('name as their reason the anchor that gave most', () => {
    const [first] = neighboursOf(anchorsOf(['b', 'a']), neighbours);
    expect(first?.reason.because).toEqual(['b', 'a']);
  });

  it('hold what was seen earlier, never the product in view', () => {
    expect(ids(revisitsOf(['a', 'b', 'a', 'c'], 'a'))).toEqual(['b', 'c']);
  });

  it('merged: a product is once in the list, with both scores and the weightier reason', () => {
    const together: Candidate = {
      productId: 'x',
      score: 0.2,
      reason: { kind: 'seen_together', because: ['a'] },
    };
    const earlier: Candidate = {
      productId: 'x',
      score: 0.3,
      reason: { kind: 'seen_earlier', because: ['x'] },
    };
    expect(merged([together], [earlier])).toEqual([{ ...earlier, score: 0.5 }]);
  });

  it('anchors from several lists keep their greatest weight', () => {
    expect(strongestAnchors([{ productId: 'a', weight: 0.2 }], [{ productId: 'a', weight: 0.5 }])).toEqual([
      { productId: 'a', weight: 0.5 },
    ]);
  });
});

describe('a filled-up list', () => {
  it('has no product twice, falling scores and at most the limit', () => {
    const product = fc.integer({ min: 0, max: 20 }).map((nth) => `p${nth}`);
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.record({ productId: product, score: fc.double({ min: 0.001, max: 5, noNaN: true }) }),
          {
            selector: ({ productId }) => productId,
          },
        ),
        fc.array(product),
        fc.integer({ min: 1, max: 30 }),
        (scored, fillers, limit) => {
          const candidates = merged(
            scored.map(({ productId, score }) => ({
              productId,
              score,
              reason: { kind: 'seen_together' as const, because: [] },
            })),
          );
          const filled = filledUp(
            candidates,
            fillers.map((productId) => ({ productId, reason: { kind: 'popular', because: [] } })),
            limit,
          );
          expect(new Set(ids(filled)).size).toBe(filled.length);
          expect(filled.length).toBe(
            Math.min(limit, new Set([...ids(candidates).slice(0, limit), ...fillers]).size),
          );
          for (const [nth, { score }] of filled.entries())
            expect(score).toBeLessThanOrEqual(filled[nth - 1]?.score ?? Number.POSITIVE_INFINITY);
        },
      ),
    );
  });
});
