/** What the index needs of a product. */
export type SearchDocument = {
  productId: string;
  /** Of the description: the words of a document are indexed again only when it changes. */
  version: number;
  name: string;
  description: string;
  category: string;
  brand: string | null;
  tags: readonly string[];
  /** Texts and numbers that describe it, such as its colour. */
  attributeValues: readonly string[];
  priceMinor: number;
  isFeatured: boolean;
  createdAtMs: number;
  available: number;
  ratingHundredths: number;
  ratingCount: number;
  popularity: number;
};

export const searchSorts = ['relevance', 'newest', 'price', '-price', 'rating', 'popularity'] as const;

export type SearchSort = (typeof searchSorts)[number];

export type SearchQuery = {
  text: string;
  /** A path; its sub-categories are included. */
  category?: string | undefined;
  brand?: string | undefined;
  minPriceMinor?: number | undefined;
  maxPriceMinor?: number | undefined;
  inStock?: boolean | undefined;
  /** At least so many stars. */
  minRating?: number | undefined;
  sort: SearchSort;
  /** The rank and the id of the last hit of the page before. */
  after?: { rank: number; productId: string } | undefined;
  hitsMax: number;
};

export type FacetCount = { value: string; count: number };

export type SearchFound = {
  /** In their order; `rank` is the number by which they are sorted, highest first. */
  hits: readonly { productId: string; rank: number }[];
  /** Of all products found, also on other pages. */
  total: number;
  facets: {
    category: readonly FacetCount[];
    brand: readonly FacetCount[];
    /** `from` inclusive, `to` exclusive, in minor units. */
    price: readonly { from: number; to: number | null; count: number }[];
    rating: readonly { from: number; count: number }[];
    availability: readonly FacetCount[];
  };
  /** The words that were really searched, where they are not those of the query. */
  corrected: string | undefined;
};
