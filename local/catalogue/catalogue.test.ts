import { describe, expect, it } from 'vitest';
import { catalogueOf, readCatalogueFile } from './catalogue.js';
import { categoryOf, tagsOf, tidyName } from './categories.js';
import { type Description, descriptionOf, piecesIn } from './descriptions.js';

describe('the seeded catalogue', () => {
  it('gives the most popular products first, each with a name, a shelf and a price', () => {
    const { products } = catalogueOf(1000);
    expect(products).toHaveLength(1000);
    expect(products[0]?.popularity).toBeGreaterThan(products[999]?.popularity ?? 0);
    expect(new Set(products.map(({ name }) => name)).size).toBe(1000);
    for (const product of products) {
      expect(product.name).not.toBe('');
      expect(product.category).toMatch(/^[a-z-]+\/[a-z-]+$/);
      expect(product.priceMinor).toBeGreaterThan(0);
      expect(product.season).toMatch(/^\d{12}$/);
    }
  });

  it('names as neighbours only products that are in it', () => {
    for (const { neighbours } of catalogueOf(50).products)
      for (const place of neighbours) expect(place).toBeLessThan(50);
  });

  it('continues beyond the data with made-up products, the same ones each time', () => {
    const real = readCatalogueFile().products.length;
    const first = catalogueOf(real + 2000).products;
    expect(first).toHaveLength(real + 2000);
    expect(new Set(first.map(({ name }) => name)).size).toBe(first.length);
    expect(catalogueOf(real + 2000).products).toEqual(first);
    const mean = (prices: number[]) => prices.reduce((sum, price) => sum + price, 0) / prices.length;
    const realMean = mean(first.slice(0, real).map(({ priceMinor }) => priceMinor));
    const madeMean = mean(first.slice(real).map(({ priceMinor }) => priceMinor));
    expect(madeMean / realMean).toBeGreaterThan(0.8);
    expect(madeMean / realMean).toBeLessThan(1.25);
  });
});

describe('what is said about a product', () => {
  it('is a text and facts for each, nearly no two alike, and the same each time', () => {
    const all = catalogueOf(1000).products.map(descriptionOf);
    for (const { description, attributes } of all) {
      expect(description).toMatch(/^[A-Z].{40,600}\.$/);
      expect(attributes).toMatchObject({ material: expect.any(String), size: expect.stringMatching(/^\d/) });
    }
    const whole = (said: Description) => JSON.stringify(said);
    expect(new Set(all.map(whole)).size).toBeGreaterThan(900);
    expect(new Set(all.map(({ description }) => description)).size).toBeGreaterThan(450);
    expect(catalogueOf(1000).products.map(descriptionOf)).toEqual(all);
  });

  it.each([
    ['Pack of 72 retrospot cake cases', 72],
    ['Set/6 red spotty paper cups', 6],
    ['12 pencils small tube skull', 12],
    ['3 hook photo shelf antique white', undefined],
    ['Vintage 2 meter folding ruler', undefined],
  ])('%s has %s pieces', (name, pieces) => expect(piecesIn(name)).toBe(pieces));

  it('takes material and colours from the name', () => {
    const product = {
      name: 'Blue spot ceramic drawer knob',
      category: 'living/hooks-and-knobs',
      priceMinor: 125,
    };
    expect(descriptionOf({ ...product, tags: tagsOf(product.name) }).attributes).toMatchObject({
      material: 'Ceramic',
      colour: 'Blue',
    });
  });
});

describe('shelves and tags from words', () => {
  it.each([
    ['CHRISTMAS TREE LIGHTS', 'seasonal/christmas'],
    ['WHITE HANGING HEART T-LIGHT HOLDER', 'living/candles'],
    ['REGENCY CAKESTAND 3 TIER', 'kitchen/baking'],
    ['ZZZ', 'living/decoration'],
  ])('%s stands in %s', (name, category) => expect(categoryOf(name)).toBe(category));

  it('tidies a shouted name', () =>
    expect(tidyName(' SET OF 6  T-LIGHTS , SANTA. ')).toBe('Set of 6 t-lights, santa'));

  it('keeps each theme once', () => expect(tagsOf('red heart red star')).toEqual(['red', 'heart', 'star']));
});
