import { describe, expect, it } from 'vitest';
import type { SearchDocument, SearchQuery } from './document.js';
import { createSearchIndex } from './search-index.js';

const documentOf = (productId: string, given: Partial<SearchDocument>): SearchDocument => ({
  productId,
  version: 1,
  name: productId,
  description: '',
  category: 'home',
  brand: null,
  tags: [],
  attributeValues: [],
  priceMinor: 1000,
  isFeatured: false,
  createdAtMs: 0,
  available: 5,
  ratingHundredths: 0,
  ratingCount: 0,
  popularity: 0,
  ...given,
});

const shelf = (given: Record<string, Partial<SearchDocument>>) => {
  const index = createSearchIndex();
  for (const [id, document] of Object.entries(given)) index.put(documentOf(id, document));
  const find = (text: string, query: Partial<SearchQuery> = {}) =>
    index.find({ text, sort: 'relevance', hitsMax: 100, ...query });
  const ids = (text: string, query: Partial<SearchQuery> = {}) =>
    find(text, query).hits.map(({ productId }) => productId);
  return { index, find, ids };
};

const lights = () =>
  shelf({
    lantern: { name: 'Paper lantern', category: 'home/lighting', brand: 'Lumen', priceMinor: 1999 },
    candle: { name: 'Scented candle', description: 'Burns in any lantern', category: 'home/candles' },
    lunchbox: { name: 'Red retrospot lunch box', category: 'kitchen', tags: ['school'], priceMinor: 450 },
    cakestand: { name: 'Regency cakestand', category: 'kitchen/baking', available: 0 },
    mug: { name: 'Enamel mug', category: 'kitchen', brand: 'Lumen' },
  });

describe('a search', () => {
  it('finds a word wherever it stands, in a name first', () => {
    expect(lights().ids('Lanterns')).toEqual(['lantern', 'candle']);
    expect(lights().ids('school')).toEqual(['lunchbox']);
    expect(lights().ids('lumen')).toHaveLength(2);
  });

  it('wants every word, if a product has them all', () => {
    expect(lights().ids('paper lantern')).toEqual(['lantern']);
    expect(lights().ids('lumen mug')).toEqual(['mug']);
  });

  it('completes the last word', () => {
    expect(lights().ids('retro')).toEqual(['lunchbox']);
    expect(lights().ids('red retrospot l')).toEqual(['lunchbox']);
    expect(lights().ids('retro lunch')).toEqual(lights().ids('lunch'));
  });

  it.each([
    ['lantren', 'lantern'],
    ['lantrn', 'lantern'],
    ['laantern', 'lantern'],
    ['lamtern', 'lantern'],
    ['papper lantern', 'paper lantern'],
    ['lunhc box', 'lunch box'],
    ['retropsot', 'retrospot'],
    ['red rettrospto', 'red retrospot'],
  ])('for %s is a search for %s, and says so', (typed, meant) => {
    const { find } = lights();
    expect(find(typed)).toMatchObject({ corrected: meant, hits: find(meant).hits });
    expect(find(meant).corrected).toBeUndefined();
  });

  it('takes one word for two and two for one', () => {
    expect(lights().find('cake stand')).toMatchObject({ corrected: 'cakestand', total: 1 });
    expect(lights().find('lunchbox')).toMatchObject({ corrected: 'lunch box', total: 1 });
  });

  it('takes other words for the same thing, below the word itself', () => {
    expect(lights().ids('cup')).toEqual(['mug']);
    const { ids } = shelf({ cup: { name: 'Enamel cup' }, mug: { name: 'Enamel mug' } });
    expect(ids('mug')).toEqual(['mug', 'cup']);
  });

  it('takes the word itself before a rarer synonym or ending, however short, sold or liked the other name is', () => {
    const { ids } = shelf({
      lamp: { name: 'Lamp', popularity: 900, isFeatured: true, ratingHundredths: 500, ratingCount: 9 },
      lanterns: { name: 'Lanterned', popularity: 900 },
      candle: { name: 'Candle', description: 'Burns in any lantern' },
      ...Object.fromEntries(
        Array.from({ length: 43 }, (_, nth) => [
          `paper${nth}`,
          { name: `Paper lantern with handle of wire no. ${nth}`, available: nth % 2 },
        ]),
      ),
      tagged: { name: 'Garden party light of glass', tags: ['lantern'] },
    });
    const behind = ids('lantern').slice(44);
    expect(behind.toSorted()).toEqual(['candle', 'lamp', 'lanterns']);
    expect(ids('lamp')[0]).toBe('lamp');
  });

  it('leaves out words that nothing has, rather than finding nothing', () => {
    expect(lights().find('paper lantern qqqqqqq')).toMatchObject({ corrected: 'paper lantern', total: 1 });
    expect(lights().find('qqqqqqq')).toMatchObject({ hits: [], total: 0 });
    for (const text of ['', '?', ' '.repeat(200), '"', 'z '.repeat(99)])
      expect(lights().find(text).total).toBe(0);
  });

  it('prefers what there is, what is sold, liked and shown in front, among products that fit alike', () => {
    const alike = { name: 'Enamel mug' };
    const { ids } = shelf({
      a: { ...alike, available: 0 },
      b: alike,
      c: { ...alike, popularity: 3 },
      d: { ...alike, popularity: 3, isFeatured: true },
      e: { ...alike, popularity: 3, isFeatured: true, ratingHundredths: 450, ratingCount: 2 },
      f: { name: 'Enamel mug rack', popularity: 9, isFeatured: true },
    });
    expect(ids('enamel mug')).toEqual(['e', 'd', 'c', 'b', 'f', 'a']);
  });

  it('prefers the whole name to a longer one that is sold more', () => {
    const { ids } = shelf({
      set: { name: 'Grey stencil craft no. 3', popularity: 100 },
      one: { name: 'Grey stencil craft' },
    });
    expect(ids('grey stencil craft')).toEqual(['one', 'set']);
  });
});

describe('facets', () => {
  it('count what would be found with each value, whatever the filter on the same facet', () => {
    const { find } = lights();
    const { facets, total } = find('lumen', { category: 'home' });
    expect(total).toBe(1);
    expect(facets.category).toEqual([
      { value: 'home', count: 1 },
      { value: 'home/lighting', count: 1 },
      { value: 'kitchen', count: 1 },
    ]);
    expect(facets.brand).toEqual([{ value: 'Lumen', count: 1 }]);
    expect(facets.price).toEqual([{ from: 1000, to: 2500, count: 1 }]);
    expect(find('cakestand').facets.availability).toEqual([{ value: 'out_of_stock', count: 1 }]);
  });

  it('agree with what is found with their values as filters', () => {
    const { find } = lights();
    for (const { value, count } of find('lumen').facets.category)
      expect(find('lumen', { category: value }).total).toBe(count);
    expect(find('lantern', { brand: 'Lumen' }).total).toBe(1);
    expect(find('lantern', { brand: 'No such brand' }).total).toBe(0);
    expect(find('lantern', { minPriceMinor: 1500, maxPriceMinor: 1999 }).total).toBe(1);
    expect(find('cakestand', { inStock: true }).total).toBe(0);
  });
});

describe('pages and orders', () => {
  const many = () =>
    shelf(
      Object.fromEntries(
        Array.from({ length: 25 }, (_, nth) => [
          `p${String(nth).padStart(2, '0')}`,
          { name: 'Enamel mug', priceMinor: 100 + (nth % 3), createdAtMs: nth, ratingHundredths: nth % 5 },
        ]),
      ),
    );

  it.each(['relevance', 'newest', 'price', '-price', 'rating', 'popularity'] as const)(
    'each product comes once, in the order of %s',
    (sort) => {
      const { find } = many();
      const seen: { productId: string; rank: number }[] = [];
      for (let page = 0; page < 6; page += 1) {
        const after = seen.at(-1);
        seen.push(...find('mug', { sort, hitsMax: 5, ...(after && { after }) }).hits);
      }
      expect(new Set(seen.map(({ productId }) => productId)).size).toBe(25);
      expect(seen).toHaveLength(25);
      expect(seen.map(({ rank }) => rank)).toEqual(seen.map(({ rank }) => rank).toSorted((a, b) => b - a));
    },
  );
});

describe('a document', () => {
  it('is found by its newest words alone, and not when it is gone', () => {
    const { index, ids } = lights();
    index.put(documentOf('mug', { name: 'Tin beaker', version: 2 }));
    expect([ids('enamel'), ids('beaker')]).toEqual([[], ['mug']]);
    index.remove('mug');
    index.remove('mug');
    expect([ids('beaker'), index.size]).toEqual([[], 4]);
    index.put(documentOf('mug', { name: 'Enamel mug' }));
    expect(ids('enamel')).toEqual(['mug']);
  });

  it('whose stock, price or rating changes keeps its words and its place in memory', () => {
    const { index, find } = lights();
    for (let n = 0; n < 5_000; n += 1)
      index.put(documentOf('mug', { name: 'Enamel mug', available: n, ratingHundredths: n, ratingCount: 1 }));
    expect(index.isWorn()).toBe(false);
    expect(find('mug', { inStock: true, minRating: 4 }).total).toBe(1);
    for (let version = 2; version < 1_100; version += 1) index.put(documentOf('mug', { version }));
    expect(index.isWorn()).toBe(true);
  });
});
