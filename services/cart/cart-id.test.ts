import { randomBytes, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { cartIdIn } from '#schemas/cart-id';
import { idKeptMs, signCartId, verifyCartId } from './cart-id.js';

const secret = randomBytes(32);
const cartId = randomUUID();
const nowMs = Date.UTC(2030, 0, 1);
const signed = signCartId(cartId, secret, nowMs);

test('an id that was signed here is known until it expires, and renewable from half of its life', () => {
  expect(verifyCartId(signed, secret, nowMs)).toEqual({ cartId, isRenewable: false });
  expect(verifyCartId(signed, secret, nowMs + idKeptMs / 2 + 1000)).toEqual({ cartId, isRenewable: true });
  expect(verifyCartId(signed, secret, nowMs + idKeptMs)).toBeUndefined();
});

test('an id with any character changed is unknown', () => {
  for (let at = 0; at < signed.length; at += 1)
    for (const other of ['0', 'a', 'Z', '.', '-']) {
      const forged = signed.slice(0, at) + other + signed.slice(at + 1);
      // The last character of a signature has two bits that mean nothing.
      if (forged === signed || at === signed.length - 1) continue;
      expect(verifyCartId(forged, secret, nowMs), forged).toBeUndefined();
    }
});

test.each([
  undefined,
  '',
  'x',
  cartId,
  `${cartId}.`,
  `${cartId}.zzzz.`,
  `${signed}.x`,
  `${signed}${'A'.repeat(300)}`,
  signCartId(cartId, randomBytes(32), nowMs),
])('%s is unknown', (text) => {
  expect(verifyCartId(text, secret, nowMs)).toBeUndefined();
});

test('others read the id without verifying it', () => {
  expect(cartIdIn(signed)).toBe(cartId);
  expect(cartIdIn(cartId)).toBeNull();
  expect(cartIdIn(`x${signed}`)).toBeNull();
});
