import { expect, it } from 'vitest';
import { bounds } from './bounds.ts';

const off = {
  neverWith: { ageRestricted: false, sameGroup: false, pairs: [] },
  maxPerCategory: null,
  maxPerBrand: null,
  priceBand: [],
};

it('names what holds where nobody has set a rule, and nothing once that is turned off', () => {
  expect(bounds({ ...off, neverWith: { ageRestricted: true, sameGroup: true, pairs: [] } })).toEqual([
    'age-restricted products only beside another one in view or in the cart',
    'one variant of a product at most, except to reorder',
  ]);
  expect(bounds(off)).toEqual([]);
});

it('names the rules that only the API can set', () => {
  const brand = { brand: 'Acme' };
  expect(
    bounds({
      neverWith: { ...off.neverWith, pairs: [{ products: brand, beside: brand }] },
      maxPerCategory: 3,
      maxPerBrand: 2,
      priceBand: [{ minMinor: 100 }, { maxMinor: 900 }],
    }),
  ).toEqual(['1 pair never together', 'at most 3 of a category', 'at most 2 of a brand', '2 price bands']);
});
