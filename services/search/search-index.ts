import type { SearchDocument, SearchFound, SearchQuery } from './document.js';
import { createDocuments, type Documents, setColumns } from './documents.js';
import { createFacets, createFilter } from './facets.js';
import { addPosting, createPostings, type Postings } from './postings.js';
import { createScores } from './scores.js';
import { synonymsOf } from './synonyms.js';
import { createVocabulary } from './vocabulary.js';
import { queryWordsMax, singular, typedWordsOf, wordsOf } from './words.js';

/** Products by their words, in memory. Every call is synchronous. */
export type SearchIndex = {
  /**
   * Adds a product or what changed of it. Its words are read only if it is a new version. True where a search may find
   * others than before: not when only its stock, which lasts, its popularity or its rating are other ones.
   */
  put(document: SearchDocument): boolean;
  /** True where it was there. */
  remove(productId: string): boolean;
  find(query: SearchQuery): SearchFound;
  /** Documents that can be found. */
  readonly size: number;
  /** True when more than half of the memory is of documents that are gone: an index made anew is smaller. */
  isWorn(): boolean;
};

/** One way to take a word of the query: a word of the vocabulary, worth `factor` of what the word itself is. */
export type Alternative = { number: number; factor: number };

/** A word of the query, and what it may stand for, the best first. */
type Wanted = { typed: string; alternatives: readonly Alternative[] };

const inName = 4;
const inBrand = 3;
const inTagsOrCategory = 2;
const elsewhere = 1;
/** Of a description: a page of text says little more than its beginning, and costs as much as a hundred names. */
const descriptionWordsMax = 200;

const completionsMax = 50;
const completedPostingsMax = 20_000;
const factorOf = { synonym: 0.7, completion: 0.6, oneEdit: 0.5, twoEdits: 0.3 } as const;
const joinsMax = 24;
const wornMin = 1_000;

// Over seventy lines: the parts of one index and the steps of one search share their state.
export const createSearchIndex = (): SearchIndex => {
  const vocabulary = createVocabulary();
  const postings: ReturnType<typeof createPostings>[] = [];
  const documents: Documents = createDocuments();
  const numbers = new Map<string, number>();
  const scores = createScores(documents);

  const index = (at: number, document: SearchDocument): void => {
    const weights = new Map<number, number>();
    const nameWords = new Set(wordsOf(document.name));
    const add = (words: Iterable<string>, weight: number): void => {
      for (const word of words) {
        const number = vocabulary.add(word);
        weights.set(number, Math.min(255, Math.max(weights.get(number) ?? 0, weight)));
      }
    };
    add(nameWords, inName);
    if (document.brand !== null) add(wordsOf(document.brand), inBrand);
    add(document.tags.flatMap(wordsOf), inTagsOrCategory);
    add(wordsOf(document.category), inTagsOrCategory);
    add(document.attributeValues.flatMap(wordsOf), elsewhere);
    add(wordsOf(document.description).slice(0, descriptionWordsMax), elsewhere);
    for (const [number, weight] of weights) {
      postings[number] ??= createPostings();
      addPosting(postings[number], at, weight);
    }
    documents.nameWords[at] = nameWords.size;
  };

  const countOf = (number: number): number => (postings[number] as Postings).count;

  const completionsOf = (word: string): Alternative[] => {
    let left = completedPostingsMax;
    return vocabulary.beginningWith(word, completionsMax).flatMap((number) => {
      left -= countOf(number);
      return left < 0 ? [] : [{ number, factor: factorOf.completion }];
    });
  };

  const known = (word: string, factor: number): Alternative[] => {
    const number = vocabulary.find(word);
    return number === undefined ? [] : [{ number, factor }];
  };

  const asTyped = (typed: string, isLast: boolean): Wanted => {
    const word = singular(typed);
    return {
      typed,
      alternatives: [
        ...known(word, 1),
        ...synonymsOf(word).flatMap((synonym) => known(synonym, factorOf.synonym)),
        ...(isLast ? completionsOf(word) : []),
      ],
    };
  };

  const asMeant = (wanted: Wanted): Wanted => ({
    typed: wanted.typed,
    alternatives: [
      ...wanted.alternatives,
      ...vocabulary.near(singular(wanted.typed)).map(({ number, distance }) => ({
        number,
        factor: distance === 1 ? factorOf.oneEdit : factorOf.twoEdits,
      })),
    ],
  });

  /** The words that the best product has, each taken as it stands there. */
  const settled = (wanted: readonly Wanted[], best: number): Wanted[] =>
    wanted
      .map(({ typed, alternatives }) => ({
        typed,
        alternatives: alternatives
          .filter(({ number }) => has(postings[number] as Postings, best))
          .slice(0, 1),
      }))
      .filter(({ alternatives }) => alternatives.length > 0);

  const run = (wanted: readonly Wanted[], matchedMin: number): number =>
    scores.run(
      wanted.map(({ alternatives }) =>
        alternatives.map(({ number, factor }) => ({ postings: postings[number] as Postings, factor })),
      ),
      matchedMin,
      numbers.size,
    );

  /** Two words as one, and one as two: `cake stand` and `cakestand`. */
  const rewritten = (typed: readonly string[]): string[][] => {
    const joined = typed.slice(1).flatMap((word, at) => {
      const one = `${typed[at]}${word}`;
      return vocabulary.find(singular(one)) === undefined
        ? []
        : [[...typed.slice(0, at), one, ...typed.slice(at + 2)]];
    });
    const split = typed.flatMap((word, at) =>
      vocabulary.find(singular(word)) !== undefined
        ? []
        : Array.from({ length: Math.max(0, word.length - 3) }, (_, nth) => nth + 2)
            .map((cut) => [word.slice(0, cut), word.slice(cut)])
            .filter((parts) => parts.every((part) => vocabulary.find(singular(part)) !== undefined))
            .map((parts) => [...typed.slice(0, at), ...parts, ...typed.slice(at + 1)]),
    );
    return [...joined, ...split].slice(0, joinsMax);
  };

  /** Scores what the text finds and answers the words that were searched, if they are other ones. */
  const search = (text: string): string | undefined => {
    const typed = [...new Set(typedWordsOf(text))].slice(0, queryWordsMax);
    const wanted = typed.map((word, at) => asTyped(word, at === typed.length - 1));
    if (run(wanted, typed.length) > 0) return undefined;
    for (const words of rewritten(typed))
      if (
        run(
          words.map((word) => asTyped(word, false)),
          words.length,
        ) > 0
      )
        return words.join(' ');
    const meant = wanted.map(asMeant);
    for (const matchedMin of [typed.length, Math.ceil(typed.length / 2)]) {
      if (run(meant, matchedMin) === 0) continue;
      const chosen = settled(meant, scores.best());
      const words = chosen.map(({ typed: word, alternatives: [taken] }) =>
        wordTaken(word, taken as Alternative),
      );
      // Searched as if they had been typed.
      run(
        chosen.map((one) => ({
          ...one,
          alternatives: one.alternatives.map(({ number }) => ({ number, factor: 1 })),
        })),
        chosen.length,
      );
      return words.join(' ') === typed.join(' ') ? undefined : words.join(' ');
    }
    return undefined;
  };

  /** As typed where the word itself was found, its beginning, or another word for the same thing. */
  const wordTaken = (typed: string, { number, factor }: Alternative): string =>
    factor === factorOf.oneEdit || factor === factorOf.twoEdits ? vocabulary.wordAt(number) : typed;

  return {
    put: (document) => {
      const before = numbers.get(document.productId);
      if (before !== undefined && documents.versions[before] === document.version) {
        const isTurned = (documents.available[before] as number) > 0 !== document.available > 0;
        setColumns(documents, before, document);
        return isTurned;
      }
      if (before !== undefined) documents.isLive[before] = 0;
      const at = documents.ids.length;
      setColumns(documents, at, document);
      index(at, document);
      numbers.set(document.productId, at);
      return true;
    },
    remove: (productId) => {
      const at = numbers.get(productId);
      if (at !== undefined) documents.isLive[at] = 0;
      return numbers.delete(productId);
    },
    find: (query) => {
      const corrected = search(query.text);
      const facets = createFacets(documents);
      const bitsOf = createFilter(documents, query);
      const top = createTop(query);
      let total = 0;
      scores.forEach((at, score) => {
        const bits = bitsOf(at);
        facets.count(at, bits);
        if (bits !== 0) return;
        total += 1;
        top.offer(rankOf(documents, query.sort, at, score), documents.ids[at] as string);
      });
      scores.clear();
      return { hits: top.hits(), total, facets: facets.result(), corrected };
    },
    get size() {
      return numbers.size;
    },
    isWorn: () => documents.ids.length - numbers.size > Math.max(wornMin, numbers.size),
  };
};

/** A document's place among the hits, the highest first. */
const rankOf = (documents: Documents, sort: SearchQuery['sort'], at: number, score: number): number => {
  switch (sort) {
    case 'relevance':
      return score;
    case 'newest':
      return documents.createdAtMs[at] as number;
    case 'price':
      return -(documents.priceMinor[at] as number);
    case '-price':
      return documents.priceMinor[at] as number;
    case 'rating':
      return documents.ratingHundredths[at] as number;
    case 'popularity':
      return documents.popularity[at] as number;
  }
};

/** Keeps the best hits behind the page before, in their order. */
const createTop = ({ hitsMax, after }: Pick<SearchQuery, 'hitsMax' | 'after'>) => {
  const hits: { productId: string; rank: number }[] = [];
  const isBefore = (rank: number, productId: string, other: { productId: string; rank: number }): boolean =>
    rank > other.rank || (rank === other.rank && productId < other.productId);
  return {
    offer: (rank: number, productId: string): void => {
      if (after !== undefined && (isBefore(rank, productId, after) || productId === after.productId)) return;
      const last = hits.at(-1);
      if (hits.length === hitsMax && last !== undefined && !isBefore(rank, productId, last)) return;
      let at = hits.length;
      while (at > 0 && isBefore(rank, productId, hits[at - 1] as (typeof hits)[number])) at -= 1;
      hits.splice(at, 0, { productId, rank });
      if (hits.length > hitsMax) hits.pop();
    },
    hits: () => hits,
  };
};

/** Postings are sorted by document. */
const has = ({ documents, count }: Postings, document: number): boolean => {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((documents[middle] as number) < document) low = middle + 1;
    else high = middle;
  }
  return low < count && documents[low] === document;
};
