import type { Neighbour } from '#schemas/similarity-state';

export const reasonKinds = [
  'seen_together',
  'seen_earlier',
  'bought_together',
  'bought_before',
  'similar',
  'popular_in_category',
  'popular',
  'catalogue',
  'pinned',
  'explored',
] as const;
export type ReasonKind = (typeof reasonKinds)[number];

export type Reason = {
  kind: ReasonKind;
  /** The products because of which this one is recommended, the most important first; may be empty. */
  because: readonly string[];
};

/** Scores are comparable only within one answer, in which they decrease. */
export type Candidate = { productId: string; score: number; reason: Reason };

/** A product the visitor has shown interest in; 1 is the one in view. */
export type Anchor = { productId: string; weight: number };

/**
 * The factor by which each earlier product of a visit counts less. It was chosen, together with `revisitScore`, on
 * every other line of the Retailrocket test visits. With similarities from the training visits, beside a product, it
 * reaches HR@20 .492 and MRR@20 .231 on the lines not used for the choice (.509 and .244 on the others), and .356 and
 * .131 on all lines whose answer is new to the visit.
 */
const earlierFactor = 0.6;
const anchorsMax = 8;
const becauseMax = 2;

/** Typical similarities are about 0.1, so this puts products just seen near the top, but not all together. */
const revisitScore = 0.3;
const laterRevisitFactor = 0.8;

/** Makes anchors of products, newest first: the weight decreases with every step back. */
export const anchorsOf = (newestFirst: readonly string[]): Anchor[] =>
  [...new Set(newestFirst)]
    .slice(0, anchorsMax)
    .map((productId, nth) => ({ productId, weight: earlierFactor ** nth }));

/** Joins lists of anchors; a product in several keeps its greatest weight. */
export const strongestAnchors = (...lists: readonly (readonly Anchor[])[]): Anchor[] => {
  const strongest = new Map<string, number>();
  for (const { productId, weight } of lists.flat())
    strongest.set(productId, Math.max(weight, strongest.get(productId) ?? 0));
  return [...strongest]
    .map(([productId, weight]) => ({ productId, weight }))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, anchorsMax);
};

/**
 * Neighbours of the anchors: score(j) = sum over anchors i of weight(i) * sim(i, j), best first. A reason names the
 * anchors that contributed most.
 */
export const neighboursOf = (
  anchors: readonly Anchor[],
  neighbours: ReadonlyMap<string, readonly Neighbour[]>,
): Candidate[] => {
  const parts = new Map<string, Map<string, number>>();
  for (const { productId: anchor, weight } of anchors)
    for (const { productId, similarity } of neighbours.get(anchor) ?? []) {
      const part = parts.get(productId) ?? new Map<string, number>();
      parts.set(productId, part.set(anchor, weight * similarity));
    }
  return [...parts]
    .map(([productId, part]): Candidate => {
      const byWeight = [...part].sort(([, a], [, b]) => b - a);
      return {
        productId,
        score: byWeight.reduce((sum, [, value]) => sum + value, 0),
        reason: { kind: 'seen_together', because: byWeight.slice(0, becauseMax).map(([anchor]) => anchor) },
      };
    })
    .sort(byFallingScore);
};

/**
 * Products seen earlier in the visit, which the visitor may look for again, newest first, without the product in view.
 */
export const revisitsOf = (newestFirst: readonly string[], inView: string): Candidate[] =>
  [...new Set(newestFirst)]
    .filter((productId) => productId !== inView)
    .slice(0, anchorsMax)
    .map((productId, nth) => ({
      productId,
      score: revisitScore * laterRevisitFactor ** nth,
      reason: { kind: 'seen_earlier', because: [productId] },
    }));

/** Adds up the scores of a product that is in several lists and keeps the reason of the highest score. */
export const merged = (...lists: readonly (readonly Candidate[])[]): Candidate[] => {
  const all = new Map<string, Candidate>();
  for (const candidate of lists.flat()) {
    const known = all.get(candidate.productId);
    if (known === undefined) all.set(candidate.productId, candidate);
    else
      all.set(candidate.productId, {
        ...(known.score >= candidate.score ? known : candidate),
        score: known.score + candidate.score,
      });
  }
  return [...all.values()].sort(byFallingScore);
};

/** Puts products without a score of their own, best first, behind those that have one. */
export const filledUp = (
  candidates: readonly Candidate[],
  fillers: readonly { productId: string; reason: Reason }[],
  limit: number,
): Candidate[] => {
  const filled = candidates.slice(0, limit);
  const taken = new Set(filled.map(({ productId }) => productId));
  for (const { productId, reason } of fillers) {
    if (filled.length >= limit) break;
    if (taken.has(productId)) continue;
    taken.add(productId);
    filled.push({ productId, reason, score: Math.min(0.01, filled.at(-1)?.score ?? 1) * 0.99 });
  }
  return filled;
};

const byFallingScore = (a: Candidate, b: Candidate): number =>
  b.score - a.score || (a.productId < b.productId ? -1 : 1);
