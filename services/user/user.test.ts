import { describe, expect, it } from 'vitest';
import { changeProfile, changeRoles, judgeRefresh, normaliseEmail, register } from './user.js';

const nowMs = 1_700_000_000_000;
const { user: customer } = register({ id: 'u1', email: 'Ann@Example.org', name: ' Ann ' }, nowMs);
const { user: admin } = register({ id: 'u2', email: 'b@example.org', name: 'Bo', roles: ['admin'] }, nowMs);
const context = { changedBy: 'u2', otherAdmins: 0, nowMs };

describe('an account', () => {
  it('knows one mailbox by one address', () => {
    expect(normaliseEmail(' ANN@Example.ORG ')).toBe('ann@example.org');
    expect(customer.email).toBe('ann@example.org');
  });

  it('begins as a customer, and its event holds neither name nor address', () => {
    const { event } = register({ id: 'u1', email: 'ann@example.org', name: 'Ann' }, nowMs);
    expect(event).toEqual({ userId: 'u1', roles: ['customer'], occurredAt: nowMs });
  });

  it('gets each role once, whatever the order they are given in', () => {
    expect(changeRoles(customer, ['admin', 'customer', 'admin'], context)).toMatchObject({
      user: { roles: ['customer', 'admin'], version: 2 },
      event: { userId: 'u1', roles: ['customer', 'admin'], changedBy: 'u2' },
    });
  });

  it('does not change, and tells nobody, when it has the roles already', () => {
    expect(changeRoles(customer, ['customer'], context)).toEqual({ user: customer, event: null });
  });

  it('stays admin when it is the last one', () => {
    expect(changeRoles(admin, ['customer'], context)).toEqual({ refused: 'last_admin' });
    expect(changeRoles(admin, ['customer'], { ...context, otherAdmins: 1 })).toHaveProperty('event');
  });
});

describe('a refresh token', () => {
  const token = {
    isUsed: false,
    isSuccessorUsed: false,
    loginExpiresAtMs: nowMs + 86_400_000,
    isLoginRevoked: false,
  };

  it('is traded once', () => {
    expect(judgeRefresh(token, nowMs)).toBe('rotate');
  });

  it('gives its successor again while that was not used', () => {
    expect(judgeRefresh({ ...token, isUsed: true }, nowMs)).toBe('rotate');
  });

  it('ends the login when it comes back after its successor was used', () => {
    expect(judgeRefresh({ ...token, isUsed: true, isSuccessorUsed: true }, nowMs)).toBe('revoke_login');
  });

  it('is worth nothing when unknown, expired or logged out', () => {
    expect(judgeRefresh(undefined, nowMs)).toBe('refuse');
    expect(judgeRefresh(token, token.loginExpiresAtMs)).toBe('refuse');
    const old = { ...token, isUsed: true, isSuccessorUsed: true };
    expect(judgeRefresh({ ...old, isLoginRevoked: true }, nowMs)).toBe('refuse');
  });
});

describe('a profile', () => {
  it('names the fields that differ, and counts a version only then', () => {
    const { user, fields } = changeProfile(customer, { name: ' Bo ', phone: '+4915112345678' });
    expect(fields).toEqual(['name', 'phone']);
    expect(user).toMatchObject({ name: 'Bo', phone: '+4915112345678', version: 2 });
    expect(changeProfile(user, { name: 'Bo', phone: undefined })).toEqual({ user, fields: [] });
    expect(changeProfile(user, { phone: null }).user.phone).toBeNull();
  });
});
