import { describe, expect, it } from 'vitest';
import { createBody } from './product-schemas.js';

const lamp = { name: 'Lamp', category: 'home/lighting', price: { amountMinor: 1999, currency: 'EUR' } };
const placesOf = (changes: object) =>
  createBody.safeParse({ ...lamp, ...changes }).error?.issues.map(({ path }) => path.join('/'));

describe('a product', () => {
  it.each(['a/\u200b', '\u200b/a', 'a/ \u2060 /b', '\u{e0041}/a', '/', ' / '])(
    'is refused in the category %o',
    (category) => {
      expect(placesOf({ category })).toContain('category');
    },
  );

  it.each(['home', 'Home / Lighting/', '/a//b/', 'a/می‌خواهم'])('is taken in the category %o', (category) => {
    expect(createBody.parse({ ...lamp, category }).category).toBe(category);
  });

  it.each([
    ' https://example.com/a.jpg',
    'https://example.com/a.jpg\n',
    'https://example.com/a\n.jpg',
    'https://example.com/a\t.jpg',
    'https://example.com/a b.jpg',
    '\u0001https://example.com/a.jpg',
    'https://example.com/a\u0085.jpg',
    '\ufeffhttps://example.com/a.jpg',
    'ftp://example.com/a.jpg',
    'a.jpg',
  ])('is refused with the image %o', (url) => {
    expect(placesOf({ images: [url] })).toContain('images/0');
  });

  it.each(['https://example.com/a.jpg', 'http://example.com/%C3%A9?x=1#y', 'https://example.com/é.jpg'])(
    'keeps the image %o as it was sent',
    (url) => {
      expect(createBody.parse({ ...lamp, images: [url] }).images).toEqual([url]);
    },
  );
});
