/** What a list of products is asked for, as it stands in the address. Prices are minor units, like the API's. */
export type Filters = {
  q?: string;
  category?: string;
  brand?: string;
  minPrice?: number;
  maxPrice?: number;
  minRating?: number;
  inStock?: 'true';
  sort?: Sort;
};

export const sorts = ['relevance', 'popularity', 'newest', 'price', '-price', 'rating'] as const;
export type Sort = (typeof sorts)[number];

export const sortWords: Readonly<Record<Sort, string>> = {
  relevance: 'Best match',
  popularity: 'Favourites first',
  newest: 'Newest first',
  price: 'Price: low to high',
  '-price': 'Price: high to low',
  rating: 'Best rated',
};

const amountMax = 100_000_000_000;

const text = (value: unknown, charsMax: number): string | undefined => {
  const trimmed = typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
  return trimmed === '' ? undefined : trimmed.slice(0, charsMax);
};

const whole = (value: unknown, min: number, max: number): number | undefined => {
  const number = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isInteger(number) && number >= min && number <= max ? number : undefined;
};

/** Reads an address. What is not understood is left out: a mistyped link still shows products. */
export const filtersOf = (search: Record<string, unknown>): Filters => {
  const found: { [K in keyof Filters]: Filters[K] | undefined } = {
    q: text(search.q, 200),
    category: text(search.category, 200),
    brand: text(search.brand, 120),
    minPrice: whole(search.minPrice, 0, amountMax),
    maxPrice: whole(search.maxPrice, 0, amountMax),
    minRating: whole(search.minRating, 1, 5),
    inStock: search.inStock === 'true' || search.inStock === true ? 'true' : undefined,
    sort: sorts.find((sort) => sort === search.sort),
  };
  if ((found.minPrice ?? 0) > (found.maxPrice ?? amountMax)) found.minPrice = found.maxPrice = undefined;
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Filters;
};

/** The filters with one changed; undefined takes it away. */
export const withFilter = (
  filters: Filters,
  change: { [K in keyof Filters]?: Filters[K] | undefined },
): Filters => filtersOf({ ...filters, ...change });

export type PriceRange = Pick<Filters, 'minPrice' | 'maxPrice'>;
export type PriceWords = (amountMinor: number) => string;

/** A range has at least one of its ends. */
export const rangeWords = ({ minPrice = 0, maxPrice }: PriceRange, price: PriceWords): string => {
  if (maxPrice === undefined) return `${price(minPrice)} and more`;
  return minPrice === 0 ? `Up to ${price(maxPrice)}` : `${price(minPrice)} – ${price(maxPrice)}`;
};

/** Of a filter by stars, of which a product has five at most. */
export const ratingWords = (minRating: number): string =>
  minRating === 5 ? '5 stars' : `${minRating} stars and more`;

export type Chip = { text: string; without: Filters };

/** What is chosen, each with the filters that are left when it is taken away. */
export const chipsOf = (
  filters: Filters,
  words: { category(path: string): string; price: PriceWords },
): Chip[] => {
  const { category, brand, minPrice, maxPrice, minRating, inStock } = filters;
  const chips: Chip[] = [];
  if (category !== undefined)
    chips.push({ text: words.category(category), without: withFilter(filters, { category: undefined }) });
  if (brand !== undefined) chips.push({ text: brand, without: withFilter(filters, { brand: undefined }) });
  if (minPrice !== undefined || maxPrice !== undefined)
    chips.push({
      text: rangeWords(filters, words.price),
      without: withFilter(filters, { minPrice: undefined, maxPrice: undefined }),
    });
  if (minRating !== undefined)
    chips.push({ text: ratingWords(minRating), without: withFilter(filters, { minRating: undefined }) });
  if (inStock !== undefined)
    chips.push({ text: 'In stock', without: withFilter(filters, { inStock: undefined }) });
  return chips;
};
