import { describe, expect, it } from 'vitest';
import { normaliseCategory } from '#schemas/category';
import { nameFromPath } from './category.js';
import { type CreateProduct, createProduct } from './product.js';

const lantern: CreateProduct = {
  name: 'Paper lantern',
  description: '',
  category: 'Home / Lighting/',
  priceMinor: 1999,
  currency: 'GBP',
  brand: null,
  tags: ['paper'],
  attributes: { colour: 'white' },
  images: [],
  groupId: null,
  ageRestricted: false,
  active: true,
  featured: false,
  initialStock: 12,
};

describe('creating a product', () => {
  it('tells of the first version with the stock it opens with', () => {
    const { product, event } = createProduct(lantern, 'p', { by: null, nowMs: 1000 });
    expect(event).toMatchObject({
      productId: 'p',
      version: 1,
      initialStock: 12,
      priceMinor: 1999,
      createdAt: 1000,
    });
    expect(product).not.toHaveProperty('initialStock');
  });

  it('keeps the category as one normal path, in the row and in the event', () => {
    const { product, event } = createProduct(lantern, 'p', { by: null, nowMs: 1000 });
    expect([product.category, event.category]).toEqual(['home/lighting', 'home/lighting']);
  });
});

it('a category path of nothing but separators is empty', () => {
  expect(normaliseCategory(' / / ')).toBe('');
});

it.each([
  ['home/fairy-lights', 'Fairy lights'],
  ['home', 'Home'],
  ['home/--', '--'],
])('a category of the path %s is called %s', (path, name) => {
  expect(nameFromPath(path)).toBe(name);
});
