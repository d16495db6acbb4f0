import { describe, expect, it } from 'vitest';
import { loopHeldMaxMs } from '#platform/http/loop-watch';
import { accountIn, accountKey } from './login-account.js';

describe('the account that a login is counted for', () => {
  it.each([
    ['case', 'ANN@Example.org', 'ann@example.ORG'],
    ['space around', ' \tann@example.org\u00a0', 'ann@example.org'],
    ['space within', 'ann @example.org', 'ann@example.org'],
    ['what is not to be seen', 'a\u200bnn@example.org\ufeff', 'ann@example.org'],
    ['full width', 'ａnn＠example.org', 'ann@example.org'],
    ['composition', 'anne\u0301@example.org', 'ann\u00e9@example.org'],
    ['a long s', 'jo\u017f@example.org', 'jos@example.org'],
    ['a sharp s', 'STRASSE@example.org', 'straße@example.org'],
    ['a capital sharp s', 'straẞe@example.org', 'straße@example.org'],
    ['a final sigma', 'ΟΔΟΣ@example.org', 'οδος@example.org'],
  ])('is the same in spite of %s', (_what, one, other) => {
    expect(accountKey(one)).toBe(accountKey(other));
  });

  it.each(['ann+1@example.org', 'a.nn@example.org', 'anne@example.org', 'ann@example.com'])(
    'is another for %s',
    (other) => {
      expect(accountKey(other)).not.toBe(accountKey('ann@example.org'));
    },
  );

  it('is bounded', () => {
    expect(accountKey('\ufdfa'.repeat(5000)).length).toBeLessThanOrEqual(254);
  });
});

describe('the body of a login', () => {
  it('names its account, unless the user service would not parse it', () => {
    const named = accountIn(Buffer.from('{"email":"ANN@example.org","password":"x"}'));
    expect(named).toBe(accountIn(Buffer.from('{"email":"ann@example.org"}')));
    expect(named).not.toBe(accountIn(Buffer.from('{"email":"anne@example.org"}')));
    expect(named).toMatch(/^[\w-]{22}$/);
    for (const body of ['', '{', '{"email":1}', 'null', '[]'])
      expect(accountIn(Buffer.from(body))).toBeUndefined();
    expect(accountIn(Buffer.from([0x7b, 0xff, 0x7d]))).toBeUndefined();
    expect(accountIn(undefined)).toBeUndefined();
  });

  it('does not hold up everybody, however many names it has', () => {
    const names = Array.from({ length: 80_000 }, (_, n) => `"k${n}":0`);
    const body = Buffer.from(`{"email":"ann@example.org",${names.join()}}`);
    const spentMs = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      expect(accountIn(body)).toBeUndefined();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    expect(Math.min(...spentMs)).toBeLessThan(loopHeldMaxMs / 2);
  });
});
