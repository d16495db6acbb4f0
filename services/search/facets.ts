import type { FacetCount, SearchFound, SearchQuery } from './document.js';
import type { Documents } from './documents.js';

const facetValuesMax = 50;
/** Edges of the price ranges, in minor units. */
const priceEdges = [0, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000];
const ratingEdges = [1, 2, 3, 4];

/** What a document fails by: one bit for each filter. */
const failing = { category: 1, brand: 2, price: 4, availability: 8, rating: 16 } as const;

/** The bits of the filters that the document fails; 0 for one that is found. */
export const createFilter = (documents: Documents, query: SearchQuery): ((document: number) => number) => {
  const { category, brand, inStock, minRating } = query;
  const min = query.minPriceMinor ?? 0;
  const max = query.maxPriceMinor ?? Number.POSITIVE_INFINITY;
  const within =
    category === undefined
      ? undefined
      : documents.categories.texts.map((path) => path === category || path.startsWith(`${category}/`));
  const brandNumber = brand === undefined ? undefined : documents.brands.texts.indexOf(brand);
  const hundredthsMin = (minRating ?? 0) * 100;
  return (at) => {
    let bits = 0;
    if (within !== undefined && within[documents.category[at] as number] !== true) bits |= failing.category;
    if (brandNumber !== undefined && (brandNumber < 0 || documents.brand[at] !== brandNumber))
      bits |= failing.brand;
    const price = documents.priceMinor[at] as number;
    if (price < min || price > max) bits |= failing.price;
    if (inStock !== undefined && (documents.available[at] as number) > 0 !== inStock)
      bits |= failing.availability;
    if ((documents.ratingHundredths[at] as number) < hundredthsMin) bits |= failing.rating;
    return bits;
  };
};

/**
 * Counts the products of each value. The counts of one facet ignore the filter on that facet itself, so that they say
 * how many there would be with another choice.
 */
export const createFacets = (documents: Documents) => {
  const categories = new Uint32Array(documents.categories.texts.length);
  const brands = new Uint32Array(documents.brands.texts.length);
  const prices = new Uint32Array(priceEdges.length);
  const ratings = new Uint32Array(ratingEdges.length);
  const availability = { in: 0, out: 0 };
  const allBut = (bits: number, own: number): boolean => (bits & ~own) === 0;

  return {
    count: (at: number, bits: number): void => {
      if (allBut(bits, failing.category)) (categories[documents.category[at] as number] as number) += 1;
      const brand = documents.brand[at] as number;
      if (brand >= 0 && allBut(bits, failing.brand)) (brands[brand] as number) += 1;
      if (allBut(bits, failing.price)) {
        const price = documents.priceMinor[at] as number;
        let range = priceEdges.length - 1;
        while (range > 0 && price < (priceEdges[range] as number)) range -= 1;
        (prices[range] as number) += 1;
      }
      if (allBut(bits, failing.rating)) {
        const hundredths = documents.ratingHundredths[at] as number;
        for (
          let nth = 0;
          nth < ratingEdges.length && hundredths >= (ratingEdges[nth] as number) * 100;
          nth += 1
        )
          (ratings[nth] as number) += 1;
      }
      if (allBut(bits, failing.availability))
        availability[(documents.available[at] as number) > 0 ? 'in' : 'out'] += 1;
    },
    result: (): SearchFound['facets'] => ({
      category: categoryCounts(documents.categories.texts, categories),
      brand: mostOf(documents.brands.texts.map((value, nth) => ({ value, count: brands[nth] as number }))),
      price: priceEdges.flatMap((from, nth) => {
        const count = prices[nth] as number;
        return count === 0 ? [] : [{ from, to: priceEdges[nth + 1] ?? null, count }];
      }),
      rating: ratingEdges.flatMap((from, nth) => {
        const count = ratings[nth] as number;
        return count === 0 ? [] : [{ from, count }];
      }),
      availability: [
        { value: 'in_stock', count: availability.in },
        { value: 'out_of_stock', count: availability.out },
      ].filter(({ count }) => count > 0),
    }),
  };
};

/** A category counts what is below it too. */
const categoryCounts = (paths: readonly string[], counts: Uint32Array): FacetCount[] => {
  const sums = new Map<string, number>();
  for (const [nth, path] of paths.entries()) {
    const count = counts[nth] as number;
    if (count === 0) continue;
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const above = path.slice(0, end);
      sums.set(above, (sums.get(above) ?? 0) + count);
    }
  }
  return mostOf([...sums].map(([value, count]) => ({ value, count })));
};

const mostOf = (counts: readonly FacetCount[]): FacetCount[] =>
  counts
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count || (one.value < other.value ? -1 : 1))
    .slice(0, facetValuesMax);
