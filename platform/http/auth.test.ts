import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { handClock } from '#platform/testing/hand-clock';
import {
  accountOf,
  actorOf,
  apiKeyIn,
  authorise,
  callerIdOf,
  createAuthenticator,
  hasRole,
  remoteAuthenticator,
  tokenType,
  userIdOf,
} from './auth.js';
import { Problem } from './problem-details.js';

const userId = '018f3f6e-5c3a-7b57-9c1e-0a4a5c9d0001';
const startMs = Date.parse('2026-05-01T12:00:00Z');
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let old: Pair;
let current: Pair;

beforeAll(async () => {
  [old, current] = await Promise.all([
    generateKeyPair('EdDSA', { extractable: true }),
    generateKeyPair('EdDSA', { extractable: true }),
  ]);
});

const published = async (pair: Pair, kid: string): Promise<JSONWebKeySet> => ({
  keys: [{ ...(await exportJWK(pair.publicKey)), kid, alg: 'EdDSA' }],
});

const token = (
  pair: Pair,
  kid: string,
  change: { aud?: string; typ?: string; expiresMs?: number; roles?: unknown; scopes?: string[] } = {},
) =>
  new SignJWT({ roles: change.roles ?? ['customer'], ...(change.scopes && { scopes: change.scopes }) })
    .setProtectedHeader({ alg: 'EdDSA', kid, typ: change.typ ?? tokenType })
    .setSubject(userId)
    .setIssuer('us')
    .setAudience(change.aud ?? 'api')
    .setExpirationTime(Math.floor((change.expiresMs ?? startMs + 900_000) / 1000))
    .sign(pair.privateKey);

const authenticatorWith = (keys: () => Promise<JSONWebKeySet>) => {
  const clock = handClock(startMs);
  const authenticator = createAuthenticator({ keys, issuer: 'us', audience: 'api', clock });
  const ask = (jwt: string) => authenticator.principalOf(`Bearer ${jwt}`);
  return { clock, ask, authenticator };
};

const refused = (status: number, code: string) => expect.objectContaining({ status, code });

describe('an access token', () => {
  it('says who calls and what roles they have', async () => {
    const { ask, authenticator } = authenticatorWith(() => published(current, 'k'));
    const expiresAtMs = startMs + 900_000;
    expect(await ask(await token(current, 'k'))).toEqual({
      kind: 'user',
      userId,
      roles: ['customer'],
      expiresAtMs,
    });
    expect(await authenticator.principalOf(undefined)).toEqual({ kind: 'anonymous' });
    const ofKey = await token(current, 'k', { roles: ['admin'], scopes: ['things:read'] });
    expect(await ask(ofKey)).toEqual({
      kind: 'key',
      keyId: userId,
      roles: ['admin'],
      scopes: ['things:read'],
      expiresAtMs,
    });
  });

  it('is remembered however the header is spelt', async () => {
    const { ask, authenticator } = authenticatorWith(() => published(current, 'k'));
    const jwt = await token(current, 'k');
    expect(authenticator.remembered(`Bearer ${jwt}`)).toBeUndefined();
    await ask(jwt);
    for (const spelt of [`Bearer ${jwt}`, `bearer ${jwt}`, `BEARER   ${jwt} `])
      expect(authenticator.remembered(spelt)).toMatchObject({ userId });
    for (const other of ['', 'Bearer', `Basic ${jwt}`, jwt, `Bearer ${jwt}x`])
      expect(authenticator.remembered(other)).toBeUndefined();
  });

  it('is verified by keys that were fetched before, while the key server is away', async () => {
    let asked = 0;
    const { ask, authenticator } = authenticatorWith(() => {
      asked += 1;
      return asked === 1 ? published(current, 'k') : Promise.reject(new Error('away'));
    });
    await authenticator.prefetch(new AbortController().signal);
    expect(await ask(await token(current, 'k'))).toMatchObject({ userId });
    expect(asked).toBe(1);
    const lost = authenticatorWith(() => Promise.reject(new Error('away')));
    const stopping = new AbortController();
    const prefetched = lost.authenticator.prefetch(stopping.signal);
    stopping.abort();
    await prefetched;
  });

  it.each([
    ['of another audience', { aud: 'other' }],
    ['of another type', { typ: 'JWT' }],
    ['whose roles are no list', { roles: 'admin' }],
  ])('%s is 401', async (_what, change) => {
    const { ask } = authenticatorWith(() => published(current, 'k'));
    await expect(ask(await token(current, 'k', change))).rejects.toEqual(refused(401, 'invalid_token'));
  });

  it('signed by a stranger, unsigned, cut short or of another scheme is 401', async () => {
    const { ask, authenticator } = authenticatorWith(() => published(current, 'k'));
    const good = await token(current, 'k');
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${good.split('.')[1]}.`;
    for (const bad of [await token(old, 'k'), unsigned, good.slice(0, -3), 'x.y.z', ''])
      await expect(ask(bad)).rejects.toEqual(refused(401, 'invalid_token'));
    await expect(authenticator.principalOf('Basic YTpi')).rejects.toEqual(refused(401, 'invalid_token'));
  });

  it('ends when it says, also when it was good a moment ago', async () => {
    const { ask, clock } = authenticatorWith(() => published(current, 'k'));
    const jwt = await token(current, 'k');
    await ask(jwt);
    clock.advanceMs(900_000);
    await expect(ask(jwt)).rejects.toEqual(refused(401, 'token_expired'));
  });
});

describe('the keys', () => {
  it('are fetched again when a token names one that is not known', async () => {
    let served = await published(old, 'old');
    const { ask, clock } = authenticatorWith(async () => served);
    await ask(await token(old, 'old'));
    served = await published(current, 'new');
    clock.advanceMs(3000);
    expect(await ask(await token(current, 'new'))).toMatchObject({ kind: 'user' });
  });

  it('go on being used while nobody serves them', async () => {
    let isThere = true;
    const { ask, clock } = authenticatorWith(async () => {
      if (!isThere) throw new Error('away');
      return published(current, 'k');
    });
    await ask(await token(current, 'k'));
    isThere = false;
    clock.advanceMs(11 * 60_000);
    expect(await ask(await token(current, 'k', { roles: ['admin'] }))).toMatchObject({ roles: ['admin'] });
  });

  it('end the tokens of one that is served no more, also those that were verified before', async () => {
    let served = await published(old, 'old');
    const { ask, clock, authenticator } = authenticatorWith(async () => served);
    const jwt = await token(old, 'old');
    await ask(jwt);
    served = await published(current, 'new');
    clock.advanceMs(10 * 60_000 + 1);
    // Nothing but this token is sent, so it has the keys fetched itself.
    await expect.poll(() => authenticator.remembered(`Bearer ${jwt}`)).toBeUndefined();
    await expect(ask(jwt)).rejects.toEqual(refused(401, 'invalid_token'));
  });

  it('leave the tokens remembered whose keys are all still served', async () => {
    let fetches = 0;
    const { ask, clock, authenticator } = authenticatorWith(async () => {
      fetches += 1;
      const [before, after] = await Promise.all([published(old, 'old'), published(current, 'new')]);
      return fetches === 1 ? before : { keys: [...after.keys, ...before.keys] };
    });
    const jwt = await token(old, 'old');
    await ask(jwt);
    clock.advanceMs(3000);
    await ask(await token(current, 'new'));
    expect(fetches).toBe(2);
    expect(authenticator.remembered(`Bearer ${jwt}`)).toMatchObject({ userId });
  });

  it('make it 503, not 401, when there never were any', async () => {
    const { ask } = authenticatorWith(() => Promise.reject(new Error('away')));
    const answer = await ask(await token(current, 'k')).catch((error: unknown) => error);
    expect(answer).toBeInstanceOf(Problem);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  });

  it('are not asked for by every stranger with an unknown key', async () => {
    let fetches = 0;
    const { ask } = authenticatorWith(() => {
      fetches += 1;
      return published(current, 'k');
    });
    for (let n = 0; n < 5; n += 1) await ask(await token(old, `made-up-${n}`)).catch(() => {});
    expect(fetches).toBe(1);
  });
});

describe('a wall clock that is set back by an hour', () => {
  it('lets keys be fetched as soon as before', async () => {
    let served = await published(old, 'old');
    const { ask, clock } = authenticatorWith(async () => served);
    await ask(await token(old, 'old'));
    served = await published(current, 'new');
    clock.setMs(startMs - 3_600_000);
    clock.advanceMs(3000);
    expect(await ask(await token(current, 'new'))).toMatchObject({ kind: 'user' });
  });

  it('does not make a verified token be kept for longer than it had left', async () => {
    let served = await published(current, 'k');
    let fetches = 0;
    const { ask, clock } = authenticatorWith(async () => {
      fetches += 1;
      return served;
    });
    const jwt = await token(current, 'k');
    await ask(jwt);
    served = await published(old, 'k');
    clock.setMs(startMs - 3_600_000);
    clock.advanceMs(900_000);
    // The keys are older than ten minutes, so any token that is not remembered has them fetched.
    await expect.poll(() => ask('x.y.z').catch(() => fetches)).toBe(2);
    await expect(ask(jwt)).rejects.toEqual(refused(401, 'invalid_token'));
  });
});

describe('the authenticator of a process', () => {
  it('is the same for services with the same keys, and another for others', () => {
    const clock = handClock(startMs);
    const config = { userUrls: ['http://users'], tokenIssuer: 'us', tokenAudience: 'api' };
    const first = remoteAuthenticator(config, clock);
    expect(remoteAuthenticator({ ...config, userUrls: ['http://users'] }, clock)).toBe(first);
    expect(remoteAuthenticator({ ...config, tokenAudience: 'other' }, clock)).not.toBe(first);
    expect(remoteAuthenticator({ ...config, userUrls: ['http://other'] }, clock)).not.toBe(first);
    expect(remoteAuthenticator(config, handClock(startMs))).not.toBe(first);
  });
});

describe('access', () => {
  const customer = { kind: 'user', userId, roles: ['customer'] } as const;

  it('is 401 to a stranger and 403 to somebody without the role', () => {
    expect(() => authorise({ kind: 'anonymous' }, 'user', 'things:read')).toThrow(
      refused(401, 'authentication_required'),
    );
    expect(() => authorise(customer, ['support', 'admin'], 'things:read')).toThrow(refused(403, 'forbidden'));
    expect(() => authorise(customer, 'user', 'things:read')).not.toThrow();
    expect(() =>
      authorise({ ...customer, roles: ['admin'] }, ['support', 'admin'], 'things:read'),
    ).not.toThrow();
    expect(() => authorise({ kind: 'anonymous' }, 'public', 'things:read')).not.toThrow();
  });

  const key = { kind: 'key', keyId: userId, roles: ['admin'], scopes: ['things:read'] } as const;

  it('counts nobody’s API key as an account, whatever its scopes are', () => {
    expect(() => authorise(key, 'user', 'things:read')).toThrow(refused(403, 'insufficient_scope'));
    expect([userIdOf(key), callerIdOf(key), actorOf(key)]).toEqual([undefined, userId, userId]);
    expect(() => accountOf(key)).toThrow(refused(401, 'authentication_required'));
    expect([callerIdOf(customer), actorOf(customer)]).toEqual([userId, userId]);
    expect(hasRole(key, 'admin')).toBe(true);
  });

  it.each(['public', 'authenticated', ['admin']] as const)(
    'lets an API key by its scopes alone where access is %s',
    (access) => {
      expect(() => authorise(key, access, 'things:read')).not.toThrow();
      expect(() => authorise(key, access, 'things:write')).toThrow(refused(403, 'insufficient_scope'));
      expect(() => authorise(key, access, null)).toThrow(refused(403, 'insufficient_scope'));
    },
  );
});

it.each([
  ['Bearer csk_1', 'csk_1'],
  ['bearer  csk_1 ', 'csk_1'],
  ['Bearer a.b.c', undefined],
  ['Basic csk_1', undefined],
  ['Bearer csk_1 csk_2', undefined],
  [undefined, undefined],
])('the API key in %j is %j', (credentials, key) => {
  expect(apiKeyIn(credentials)).toBe(key);
});
