import { expect, it } from 'vitest';
import { safePath } from './safe-path.ts';

const shop = 'https://shop.example/login';

it.each(['/', '/checkout?step=payment', '/products/1#reviews', '/a//b'])('a login goes on to %s', (path) => {
  expect(safePath(path)).toBe(path);
});

it.each([
  undefined,
  '',
  'https://elsewhere.example/',
  '//elsewhere.example/',
  '/\\elsewhere.example/',
  '\\elsewhere.example',
  '/\t/elsewhere.example/',
  '/\n/elsewhere.example/',
  ' //elsewhere.example/',
  'javascript:alert(1)',
])('a login does not leave the shop by %j', (path) => {
  const next = safePath(path);
  expect(next.startsWith('/')).toBe(true);
  expect(new URL(next, shop).origin).toBe(new URL(shop).origin);
});
