import { describe, expect, it } from 'vitest';
import { catalogueOf } from '../../local/catalogue/catalogue.js';
import { type Cover, coverOf, setSizeOf } from './cover.ts';
import { signs, things } from './motifs.ts';
import { contrastOf, type Inks, prints, printsByWord } from './palette.ts';

/** The seeded catalogue, with ids in the form of the shop's. */
const products = catalogueOf(1000).products.map(({ name, category }, place) => ({
  id: `0190f5a1-0000-7000-8000-${String(place).padStart(12, '0')}`,
  name,
  category,
}));

const drawn = ({ strokes, label }: Cover): string => JSON.stringify([strokes, label]);

describe('the covers of a thousand seeded products', () => {
  it('are all different within a category', () => {
    const byCategory = Map.groupBy(products, ({ category }) => category);
    for (const [category, members] of byCategory)
      expect(new Set(members.map((product) => drawn(coverOf(product)))).size, category).toBe(members.length);
    expect(byCategory.size).toBeGreaterThan(30);
  });

  it('are different by more than their colours and their angles: the things drawn are many', () => {
    const paths = new Set(
      products.flatMap((product) =>
        coverOf(product)
          .strokes.slice(2)
          .map(({ path }) => path),
      ),
    );
    expect(paths.size).toBeGreaterThan(100);
    expect(Object.keys(things).length + Object.keys(signs).length).toBeGreaterThanOrEqual(60);
  });

  it('are the same each time', () => {
    for (const product of products.slice(0, 50))
      expect(drawn(coverOf(product))).toBe(drawn(coverOf({ ...product })));
  });

  it('draw something on every ground, and nothing that is no number', () => {
    for (const product of products) {
      const { strokes } = coverOf(product);
      expect(strokes.length, product.name).toBeGreaterThan(2);
      expect(drawn({ strokes, label: undefined, inks: prints[0] as Inks }), product.name).not.toMatch(
        /NaN|undefined|Infinity/,
      );
    }
  });
});

describe('the inks', () => {
  const all = [...prints, ...Object.values(printsByWord)];
  it('are readable: 4.5 of text on its label, and of the drawing on its ground', () => {
    for (const { ink, paper, ground, tone } of all) {
      expect(contrastOf(ink, paper)).toBeGreaterThanOrEqual(4.5);
      expect(contrastOf(ink, ground)).toBeGreaterThanOrEqual(4.5);
      expect(contrastOf(ink, tone)).toBeGreaterThanOrEqual(4.5);
    }
  });
});

describe('the size of a set', () => {
  it.each([
    ['Set of 6 t-lights, santa', 6],
    ['Pack of 72 retrospot cake cases', 72],
    ['Set/20 red retrospot paper napkins', 20],
    ['Set 7 babushka nesting boxes', 7],
    ['Regency cakestand 3 tier', 1],
    ['Party bunting', 1],
  ])('of %s is %i', (name, size) => {
    expect(setSizeOf(name)).toBe(size);
  });
});
