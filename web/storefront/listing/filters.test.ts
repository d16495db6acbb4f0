import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chipsOf, type Filters, filtersOf, rangeWords, ratingWords, sorts, withFilter } from './filters.ts';

const anyFilters = fc.record(
  {
    q: fc.stringMatching(/^[a-z][a-z ]{0,20}[a-z]$/),
    category: fc.constantFrom('home', 'home/candles'),
    brand: fc.stringMatching(/^[A-Z][a-z]{1,10}$/),
    minPrice: fc.nat(100_000),
    maxPrice: fc.nat(100_000),
    minRating: fc.integer({ min: 1, max: 5 }),
    inStock: fc.constant('true' as const),
    sort: fc.constantFrom(...sorts),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Filters>;
const filters = anyFilters.filter(({ minPrice = 0, maxPrice = minPrice }) => minPrice <= maxPrice);

describe('filters in an address', () => {
  it('come back from it as they were', () => {
    fc.assert(
      fc.property(filters, (asked) => {
        const address = new URLSearchParams(
          Object.entries(asked).map(([name, value]) => [name, String(value)] as [string, string]),
        );
        expect(filtersOf(Object.fromEntries(address))).toEqual(asked);
      }),
    );
  });

  it('that nobody understands are left out, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('minPrice', 'maxPrice', 'minRating', 'sort', 'inStock', 'q'),
          fc.anything(),
        ),
        (search) => {
          const found = filtersOf(search);
          expect(filtersOf(found)).toEqual(found);
        },
      ),
    );
    expect(filtersOf({ minPrice: '-5', minRating: 9, sort: 'up', inStock: 'no', q: '   ' })).toEqual({});
    expect(filtersOf({ q: 'lamp', minPrice: '9', maxPrice: '1' })).toEqual({ q: 'lamp' });
  });

  it('each have a chip that takes it away and leaves the others', () => {
    fc.assert(
      fc.property(filters, (asked) => {
        const chips = chipsOf(asked, { category: (path) => path, price: String });
        for (const { without } of chips) {
          const left = chipsOf(without, { category: (path) => path, price: String });
          expect(left.length).toBe(chips.length - 1);
        }
      }),
    );
  });

  it('read alike where they are chosen and where they are taken off', () => {
    const price = (amountMinor: number) => `${amountMinor}p`;
    const ranges = [{ maxPrice: 200 }, { minPrice: 0, maxPrice: 200 }, { minPrice: 200, maxPrice: 500 }];
    expect([...ranges, { minPrice: 500 }].map((range) => rangeWords(range, price))).toEqual([
      'Up to 200p',
      'Up to 200p',
      '200p – 500p',
      '500p and more',
    ]);
    for (const minRating of [4, 5]) {
      const chips = chipsOf({ minRating }, { category: (path) => path, price });
      expect(chips.map(({ text }) => text)).toEqual([ratingWords(minRating)]);
    }
    expect(ratingWords(5)).toBe('5 stars');
  });

  it('change one by one', () => {
    expect(withFilter({ q: 'lamp', minPrice: 5 }, { minPrice: undefined, sort: 'price' })).toEqual({
      q: 'lamp',
      sort: 'price',
    });
  });
});
