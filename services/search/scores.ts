import type { Documents } from './documents.js';
import type { Postings } from './postings.js';

/** The alternatives of each word, the best first. */
export type Terms = readonly (readonly { postings: Postings; factor: number }[])[];

const nameWeightMin = 4;
/** Of a place that says what the product is; a description or an attribute may only mention the word. */
const namedWeightMin = 2;
/** How fast the weight of a place counts for more; a name counts about twice as much as a description. */
const weightHalf = 1.5;
/** By how much the shop's own interest can raise a product: what it sells best, shows in front, and is liked. */
const boostMax = { popularity: 0.1, featured: 0.05, rating: 0.05 } as const;
const outOfStockFactor = 0.8;

// Over seventy lines: the arrays of one search, and what adds to them.
/**
 * Scores the documents that have the words of a query. One run replaces the one before; the columns for it are made
 * once and grow with the documents.
 */
export const createScores = (documents: Documents) => {
  const matches = createMatches(documents);
  let matchedMin = 1;
  let wordsCount = 1;

  const popularityMax = (): number => {
    let max = 0;
    const { touched } = matches;
    for (let n = 0; n < matches.count; n += 1)
      max = Math.max(max, documents.popularity[touched[n] as number] as number);
    return max;
  };

  const scoreOf = (at: number, mostPopular: number): number => {
    const coverage = matches.namesMatchedOf(at) / Math.max(1, documents.nameWords[at] as number);
    const share = matches.matchedOf(at) / wordsCount;
    const boost = boostOf(documents, at, mostPopular);
    const inStock = (documents.available[at] as number) > 0 ? 1 : outOfStockFactor;
    return matches.sumOf(at) * share * share * (0.5 + Math.min(1, coverage)) * boost * inStock;
  };

  /**
   * Among documents that have all the words, each word that one is named by counts for more than whatever another one
   * has in place of it: its synonym may be rarer, or be the whole of a name.
   */
  const rankOf = (at: number, mostPopular: number): number => {
    const score = scoreOf(at, mostPopular);
    return matchedMin < wordsCount ? score : matches.exactOf(at) + score / (1 + score);
  };

  const forEach = (visit: (at: number, rank: number) => void): void => {
    const mostPopular = popularityMax();
    const { touched } = matches;
    for (let n = 0; n < matches.count; n += 1) {
      const at = touched[n] as number;
      if (matches.matchedOf(at) >= matchedMin) visit(at, rankOf(at, mostPopular));
    }
  };

  return {
    clear: matches.clear,
    forEach,
    /** Answers how many documents have at least `least` of the words. */
    run: (terms: Terms, least: number, documentsCount: number): number => {
      matches.clear();
      matches.reserve();
      matchedMin = Math.max(1, least);
      wordsCount = Math.max(1, terms.length);
      const missedMax = terms.length - matchedMin;
      const sizeOf = (alternatives: Terms[number]) =>
        alternatives.reduce((sum, { postings }) => sum + postings.count, 0);
      // The rarest first, so that the many documents of a frequent word are passed over.
      const ordered = terms.toSorted((one, other) => sizeOf(one) - sizeOf(other));
      for (const [nth, alternatives] of ordered.entries())
        matches.countWord(alternatives, missedMax, nth, documentsCount);
      let found = 0;
      const { touched } = matches;
      for (let n = 0; n < matches.count; n += 1)
        if (matches.matchedOf(touched[n] as number) >= matchedMin) found += 1;
      return found;
    },
    /** The best document of the last run; -1 if it found none. */
    best: (): number => {
      let best = -1;
      let bestScore = Number.NEGATIVE_INFINITY;
      forEach((at, score) => {
        if (score <= bestScore) return;
        best = at;
        bestScore = score;
      });
      return best;
    },
  };
};

/** How many words of a query each document has, and what they weigh there. */
const createMatches = (documents: Documents) => {
  let sums = new Float64Array(0);
  let matched = new Uint8Array(0);
  let namesMatched = new Uint8Array(0);
  /** Words of the query that the product is named by as they are, not by a synonym, an ending or a correction. */
  let exact = new Uint8Array(0);
  /** Of the last word that the document was counted for, so that two alternatives count once. */
  let stamps = new Int32Array(0);
  let stamp = 0;
  let touched = new Int32Array(0);
  let count = 0;

  return {
    /** Begins with the `count` documents that have one of the words, in the order in which they were found. */
    get touched(): Int32Array {
      return touched;
    },
    get count(): number {
      return count;
    },
    sumOf: (at: number) => sums[at] as number,
    matchedOf: (at: number) => matched[at] as number,
    namesMatchedOf: (at: number) => namesMatched[at] as number,
    exactOf: (at: number) => exact[at] as number,
    clear: (): void => {
      for (let n = 0; n < count; n += 1) {
        const at = touched[n] as number;
        sums[at] = 0;
        matched[at] = 0;
        namesMatched[at] = 0;
        exact[at] = 0;
      }
      count = 0;
    },
    reserve: (): void => {
      const needed = documents.ids.length;
      if (sums.length >= needed) return;
      const size = Math.max(1024, needed * 2);
      sums = new Float64Array(size);
      matched = new Uint8Array(size);
      namesMatched = new Uint8Array(size);
      exact = new Uint8Array(size);
      stamps = new Int32Array(size);
      touched = new Int32Array(size);
      stamp = 0;
    },
    countWord: (
      alternatives: Terms[number],
      missedMax: number,
      nth: number,
      documentsCount: number,
    ): void => {
      stamp += 1;
      for (const { postings, factor } of alternatives) {
        const rarity = Math.log(1 + documentsCount / postings.count) * factor;
        for (let n = 0; n < postings.count; n += 1) {
          const at = postings.documents[n] as number;
          const missed = nth - (matched[at] as number);
          if (missed > missedMax || stamps[at] === stamp || documents.isLive[at] === 0) continue;
          stamps[at] = stamp;
          if (matched[at] === 0) touched[count++] = at;
          const weight = postings.weights[n] as number;
          matched[at] = (matched[at] as number) + 1;
          sums[at] = (sums[at] as number) + (rarity * weight) / (weight + weightHalf);
          if (factor === 1 && weight >= namedWeightMin) exact[at] = (exact[at] as number) + 1;
          if (weight >= nameWeightMin) namesMatched[at] = (namesMatched[at] as number) + 1;
        }
      }
    },
  };
};

const boostOf = (documents: Documents, at: number, mostPopular: number): number =>
  1 +
  (mostPopular === 0
    ? 0
    : boostMax.popularity * Math.sqrt((documents.popularity[at] as number) / mostPopular)) +
  (documents.isFeatured[at] === 1 ? boostMax.featured : 0) +
  (documents.ratingCount[at] === 0
    ? 0
    : (boostMax.rating * (documents.ratingHundredths[at] as number)) / 500);
