import type { SearchDocument } from './document.js';

/** The columns of the indexed documents, by their numbers. A document whose words change gets a new number. */
export type Documents = {
  readonly ids: string[];
  readonly isLive: boolean[];
  readonly versions: number[];
  readonly priceMinor: number[];
  readonly available: number[];
  readonly ratingHundredths: number[];
  readonly ratingCount: number[];
  readonly popularity: number[];
  readonly createdAtMs: number[];
  readonly isFeatured: boolean[];
  /** Distinct words of the name. */
  readonly nameWords: number[];
  readonly category: number[];
  /** -1 without one. */
  readonly brand: number[];
  readonly categories: Names;
  readonly brands: Names;
};

/** Texts that many documents share, by number. */
export type Names = { readonly texts: string[]; numberOf(text: string): number };

const createNames = (): Names => {
  const numbers = new Map<string, number>();
  const texts: string[] = [];
  return {
    texts,
    numberOf: (text) => {
      const known = numbers.get(text) ?? texts.push(text) - 1;
      numbers.set(text, known);
      return known;
    },
  };
};

export const createDocuments = (): Documents => ({
  ids: [],
  isLive: [],
  versions: [],
  priceMinor: [],
  available: [],
  ratingHundredths: [],
  ratingCount: [],
  popularity: [],
  createdAtMs: [],
  isFeatured: [],
  nameWords: [],
  category: [],
  brand: [],
  categories: createNames(),
  brands: createNames(),
});

/** Sets everything of a document but its words. */
export const setColumns = (documents: Documents, at: number, document: SearchDocument): void => {
  documents.ids[at] = document.productId;
  documents.isLive[at] = true;
  documents.versions[at] = document.version;
  documents.priceMinor[at] = document.priceMinor;
  documents.available[at] = document.available;
  documents.ratingHundredths[at] = document.ratingHundredths;
  documents.ratingCount[at] = document.ratingCount;
  documents.popularity[at] = document.popularity;
  documents.createdAtMs[at] = document.createdAtMs;
  documents.isFeatured[at] = document.isFeatured;
  documents.category[at] = documents.categories.numberOf(document.category);
  documents.brand[at] = document.brand === null ? -1 : documents.brands.numberOf(document.brand);
};
