import { describe, expect, it } from 'vitest';
import { arrange, type Place, pinnedAt, type ShelvedCandidate } from './arrangement.js';
import type { Shelf } from './catalogue-store.js';
import { rulesSchema } from './rules.js';

const shelf = (productId: string, more: Partial<Shelf> = {}): Shelf => ({
  productId,
  category: 'home',
  brand: null,
  priceMinor: 1000,
  currency: 'EUR',
  groupId: null,
  ageRestricted: false,
  sellable: true,
  ...more,
});

/** The shelves as candidates, the first with the highest score. */
const ranked = (...shelves: Shelf[]): ShelvedCandidate[] =>
  shelves.map((one, nth) => ({
    productId: one.productId,
    score: 1 / (nth + 1),
    reason: { kind: 'popular', because: [] },
    shelf: one,
  }));

const home: Place = { scenario: 'home', inView: null, beside: [], limit: 10 };
const besideOne = (inView: Shelf): Place => ({ scenario: 'product', inView, beside: [inView], limit: 10 });

const arranged = (candidates: ShelvedCandidate[], rules: unknown, place: Place = home) => {
  const { items, judgements } = arrange(candidates, rulesSchema.parse(rules), place);
  return {
    ids: items.map(({ productId }) => productId).join(' '),
    scores: items.map(({ score }) => score),
    of: (productId: string) => judgements.get(productId),
  };
};
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => shelf(id)) as [Shelf, Shelf, Shelf, Shelf];
const four = ranked(a, b, c, d);

describe('rules', () => {
  it('that say nothing leave the order as it is, up to the limit', () => {
    expect(arranged(four, {}).ids).toBe('a b c d');
    expect(arranged(four, {}, { ...home, limit: 2 }).ids).toBe('a b');
  });

  it('boost by a factor, also several at once, and only in their scenarios', () => {
    const boost = [
      { productId: 'd', factor: 2 },
      { category: 'home', brand: 'Acme', factor: 2 },
      { productId: 'c', factor: 100, scenarios: ['cart'] },
    ];
    const acme = ranked(a, b, c, shelf('d', { brand: 'ACME' }));
    const { ids, of } = arranged(acme, { boost });
    expect(ids).toBe('a d b c');
    expect(of('d')).toEqual({ score: 1, movedBy: ['boost[0]', 'boost[1]'], removedBy: null });
    expect(of('c')?.movedBy).toEqual([]);
  });

  it('boost no further than numbers reach, since no answer can hold infinity', () => {
    const boost = Array.from({ length: 200 }, () => ({ productId: 'd', factor: 1000 }));
    const { ids, scores, of } = arranged(four, { boost });
    expect(ids).toBe('d a b c');
    expect([...scores, of('d')?.score].every(Number.isFinite)).toBe(true);
  });

  it('bury behind all others, whatever the score', () => {
    const { ids, of } = arranged(four, {
      bury: [{ productId: 'a' }],
      boost: [{ productId: 'a', factor: 9 }],
    });
    expect(ids).toBe('b c d a');
    expect(of('a')?.movedBy).toEqual(['boost[0]', 'bury[0]']);
  });

  it('pin to a place, ties in the order of the rules, and behind the end to the end', () => {
    const pin = [
      { productId: 'd', position: 1 },
      { productId: 'c', position: 1 },
      { productId: 'a', position: 9 },
    ];
    const { ids, of, scores } = arranged(four, { pin });
    expect(ids).toBe('d c b a');
    expect(of('d')?.movedBy).toEqual(['pin[0]']);
    expect(scores).toEqual(scores.toSorted((x, y) => y - x));
    expect(arranged(four, { pin }, { ...home, limit: 2 }).ids).toBe('d c');
    const besideLamps = [{ productId: 'd', position: 1, beside: { category: 'lamps' } }];
    expect(arranged(four, { pin: besideLamps }).ids).toBe('a b c d');
    const lamp = shelf('lamp', { category: 'lamps/desk' });
    expect(arranged(four, { pin: besideLamps }, besideOne(lamp)).ids).toBe('d a b c');
  });

  it('give a pin that has no place on the list no room on it, and leave its product to its rank', () => {
    const candidates = ranked(
      shelf('a', { brand: 'x', groupId: 'g' }),
      shelf('b', { brand: 'y' }),
      shelf('c', { brand: 'x' }),
      shelf('d', { groupId: 'g' }),
    );
    const short = { ...home, limit: 2 };
    const behind = (productId: string) => ({ maxPerBrand: 1, pin: [{ productId, position: 3 }] });
    expect(arranged(candidates, behind('c'), short).ids).toBe('a b');
    expect(arranged(candidates, behind('d'), short).ids).toBe('a b');
    const own = arranged(candidates, behind('a'), short);
    expect(own.ids).toBe('a b');
    expect(own.of('a')).toMatchObject({ movedBy: [], removedBy: null });
    // The second of two at the last place would come to be behind the list.
    const tied = [
      { productId: 'b', position: 2 },
      { productId: 'c', position: 2 },
    ];
    expect(arranged(candidates, { maxPerBrand: 1, pin: tied }, short).ids).toBe('a b');
    expect(pinnedAt(rulesSchema.parse(behind('c')), short)).toEqual([]);
    expect(pinnedAt(rulesSchema.parse(behind('c')), home)).toEqual(['c']);
  });

  it('exclude, also what is pinned, by product, brand, and category with those below it', () => {
    const exclude = [{ category: 'Home / Toys' }, { brand: 'acme' }, { productId: 'd' }];
    const candidates = ranked(
      a,
      shelf('b', { category: 'home/toys/cars' }),
      shelf('c', { brand: 'Acme' }),
      d,
    );
    const { ids, of } = arranged(candidates, { exclude, pin: [{ productId: 'd', position: 1 }] });
    expect(ids).toBe('a');
    expect(['b', 'c', 'd'].map((id) => of(id)?.removedBy)).toEqual([
      'exclude[0]',
      'exclude[1]',
      'exclude[2]',
    ]);
  });

  it('cap categories and brands from the top down; products of no brand have no cap', () => {
    const candidates = ranked(
      shelf('a', { brand: 'x', category: 'p' }),
      shelf('b', { brand: 'X', category: 'q' }),
      shelf('c', { category: 'p' }),
      shelf('d', { category: 'p/q' }),
    );
    expect(arranged(candidates, { maxPerBrand: 1 }).ids).toBe('a c d');
    const capped = arranged(candidates, { maxPerCategory: 1 });
    expect(capped.ids).toBe('a b d');
    expect(capped.of('c')?.removedBy).toBe('maxPerCategory');
    const pinned = arranged(candidates, { maxPerCategory: 1, pin: [{ productId: 'c', position: 3 }] });
    expect(pinned.ids).toBe('b d c');
  });

  it('hold prices to a band, absolute and as shares of the price in view, in the same currency', () => {
    const candidates = ranked(
      shelf('cheap', { priceMinor: 100 }),
      shelf('near', { priceMinor: 1500 }),
      shelf('dear', { priceMinor: 9000 }),
      shelf('yen', { priceMinor: 9000, currency: 'JPY' }),
    );
    expect(
      arranged(candidates, { priceBand: [{ minMinor: 200, maxMinor: 2000, currency: 'EUR' }] }).ids,
    ).toBe('near yen');
    const shares = { priceBand: [{ minRatio: 0.5, maxRatio: 2 }] };
    expect(arranged(candidates, shares, besideOne(a)).ids).toBe('near yen');
    expect(arranged(candidates, shares).ids).toBe('cheap near dear yen');
  });

  it('show age-restricted products only beside their like, unless it is allowed', () => {
    const wine = shelf('wine', { ageRestricted: true });
    const candidates = ranked(wine, b);
    expect(arranged(candidates, {}).ids).toBe('b');
    expect(arranged(candidates, {}).of('wine')?.removedBy).toBe('neverWith.ageRestricted');
    expect(arranged(candidates, {}, besideOne(shelf('beer', { ageRestricted: true }))).ids).toBe('wine b');
    expect(arranged(candidates, { neverWith: { ageRestricted: false } }).ids).toBe('wine b');
  });

  it('show one variant of a group, none beside its group, and all where one reorders', () => {
    const variants = ranked(shelf('red', { groupId: 'g' }), shelf('blue', { groupId: 'g' }), c);
    expect(arranged(variants, {}).ids).toBe('red c');
    expect(arranged(variants, {}, besideOne(shelf('green', { groupId: 'g' }))).ids).toBe('c');
    expect(arranged(variants, {}, { ...home, scenario: 'reorder' }).ids).toBe('red blue c');
    expect(arranged(variants, { neverWith: { sameGroup: false } }).ids).toBe('red blue c');
    expect(arranged(variants, { pin: [{ productId: 'blue', position: 1 }] }).ids).toBe('blue c');
  });

  it('keep pairs of products apart', () => {
    const rules = { neverWith: { pairs: [{ products: { brand: 'acme' }, beside: { category: 'rival' } }] } };
    const candidates = ranked(shelf('a', { brand: 'Acme' }), b);
    expect(arranged(candidates, rules).ids).toBe('a b');
    expect(arranged(candidates, rules, besideOne(shelf('r', { category: 'rival/x' }))).ids).toBe('b');
  });

  it.each([
    { pin: [{ productId: 'a', position: 0 }] },
    { boost: [{ factor: 2 }] },
    { boost: [{ productId: 'a', factor: 1 }] },
    { exclude: [{}] },
    { exclude: [{ category: ' / ' }] },
    { exclude: Array.from({ length: 501 }, () => ({ productId: 'a' })) },
    { priceBand: [{ currency: 'EUR' }] },
    { priceBand: [{ minMinor: 5, maxMinor: 1 }] },
    { priceBand: [{ minMinor: 5, minRatio: 2, maxRatio: 1 }] },
    { maxPerBrand: 0 },
    { bury: [{ productId: 'a', scenarios: [] }] },
    { surprise: true },
  ])('are refused: %j', (rules) => {
    expect(rulesSchema.safeParse(rules).success).toBe(false);
  });
});
