import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Principal } from '#platform/http/auth';
import { hashOf, visible } from './access.js';

const buyer = randomUUID();
const user = (userId: string, ...roles: string[]): Principal => ({ kind: 'user', userId, roles });
const nobody: Principal = { kind: 'anonymous' };
const token = 'the token of this order alone';
const bought = { userId: buyer, guestTokenHash: null };
const ofGuest = { userId: null, guestTokenHash: hashOf(token) };

const maySee = (order: Parameters<typeof visible>[0], principal: Principal, orderToken?: string): boolean => {
  try {
    visible(order, { principal, headers: orderToken === undefined ? {} : { 'x-order-token': orderToken } });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ status: 404, code: 'order_not_found' });
    return false;
  }
};

it('an order is for its buyer and staff', () => {
  expect(maySee(bought, user(buyer))).toBe(true);
  for (const role of ['support', 'admin']) expect(maySee(bought, user(randomUUID(), role))).toBe(true);
  for (const caller of [user(randomUUID()), user(randomUUID(), 'analyst'), nobody]) {
    expect(maySee(bought, caller)).toBe(false);
    expect(maySee(bought, caller, token)).toBe(false);
  }
});

it.each([
  ['in the database', ofGuest],
  ['in the cache', { userId: null, guestTokenHashHex: hashOf(token).toString('hex') }],
])('a guest’s order is for who has its own token, as it is %s', (_where, order) => {
  expect(maySee(order, nobody, token)).toBe(true);
  expect(maySee(order, user(randomUUID()), token)).toBe(true);
  for (const other of [undefined, '', `${token}x`, 'the token of another order'])
    expect(maySee(order, nobody, other)).toBe(false);
  expect(maySee(order, user(randomUUID()))).toBe(false);
});

it('an order without any owner, as an erased guest’s, is for staff', () => {
  const left = { userId: null, guestTokenHash: null };
  expect(maySee(left, nobody, token)).toBe(false);
  expect(maySee(left, user(randomUUID(), 'support'))).toBe(true);
  expect(maySee(undefined, user(randomUUID(), 'admin'))).toBe(false);
});
