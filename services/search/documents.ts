import type { SearchDocument } from './document.js';

/** The columns of the indexed documents, by their numbers. A document whose words change gets a new number. */
export type Documents = Columns & {
  readonly ids: string[];
  readonly categories: Names;
  readonly brands: Names;
};

/** Outside of the heap, and close together for a search that reads many. */
const columnsOf = (length: number) => ({
  isLive: new Uint8Array(length),
  versions: new Int32Array(length),
  priceMinor: new Float64Array(length),
  available: new Int32Array(length),
  ratingHundredths: new Uint16Array(length),
  ratingCount: new Int32Array(length),
  popularity: new Float64Array(length),
  createdAtMs: new Float64Array(length),
  isFeatured: new Uint8Array(length),
  /** Distinct words of the name. */
  nameWords: new Uint16Array(length),
  category: new Int32Array(length),
  /** -1 without one. */
  brand: new Int32Array(length),
});

type Columns = ReturnType<typeof columnsOf>;

const lengthMin = 1024;

const grow = (columns: Columns): void => {
  const longer = columnsOf(columns.isLive.length * 2);
  for (const name of Object.keys(longer) as (keyof Columns)[]) longer[name].set(columns[name]);
  Object.assign(columns, longer);
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
  categories: createNames(),
  brands: createNames(),
  ...columnsOf(lengthMin),
});

/** Sets everything of a document but its words. */
export const setColumns = (documents: Documents, at: number, document: SearchDocument): void => {
  if (at >= documents.isLive.length) grow(documents);
  documents.ids[at] = document.productId;
  documents.isLive[at] = 1;
  documents.versions[at] = document.version;
  documents.priceMinor[at] = document.priceMinor;
  documents.available[at] = document.available;
  documents.ratingHundredths[at] = document.ratingHundredths;
  documents.ratingCount[at] = document.ratingCount;
  documents.popularity[at] = document.popularity;
  documents.createdAtMs[at] = document.createdAtMs;
  documents.isFeatured[at] = document.isFeatured ? 1 : 0;
  documents.category[at] = documents.categories.numberOf(document.category);
  documents.brand[at] = document.brand === null ? -1 : documents.brands.numberOf(document.brand);
};
