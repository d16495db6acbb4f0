import { expect, test } from 'vitest';
import { create, normalCategory } from './product.js';

test('a new product tells inventory what to open its ledger with, and is version 1', () => {
  const { data } = create({
    productId: 'p',
    name: 'Lantern',
    description: '',
    category: 'home/lighting',
    priceMinor: 1999,
    currency: 'EUR',
    brand: null,
    tags: [],
    attributes: {},
    images: [],
    groupId: null,
    ageRestricted: false,
    active: true,
    featured: false,
    createdAtMs: 5,
    initialStock: 12,
  });
  expect(data).toMatchObject({ version: 1, initialStock: 12, createdAt: 5, occurredAt: 5, priceMinor: 1999 });
});

test.each([
  ['home/lighting', 'home/lighting'],
  ['/home//lighting/', 'home/lighting'],
  [' home / lighting ', 'home/lighting'],
  [' / ', null],
])('category %j is kept as %j', (path, kept) => {
  expect(normalCategory(path)).toBe(kept);
});
