import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  acceptLogin,
  accessToken,
  accessTokenIfSoon,
  dropAccessToken,
  forgetLogin,
  logOut,
  userNow,
} from './login.ts';

/** Answers to `/api/auth/refresh`, each given when a test says so. */
let refreshes: { token: string; answer(status: number, body?: object): void }[] = [];
let loggedOut: string[] = [];

const loginOf = (id: string, refreshToken: string): Parameters<typeof acceptLogin>[0] => ({
  accessToken: `access of ${id} by ${refreshToken}`,
  refreshToken,
  user: {
    id,
    email: '',
    emailVerified: true,
    name: id,
    phone: null,
    roles: ['customer'],
    version: 1,
    createdAt: '',
  },
});

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  });
  vi.stubGlobal('navigator', { locks: { request: (_name: string, work: () => unknown) => work() } });
  vi.stubGlobal('fetch', (path: string, { body }: { body: string }) => {
    const { refreshToken: token } = JSON.parse(body) as { refreshToken: string };
    if (path === '/api/auth/logout') {
      loggedOut.push(token);
      return Promise.resolve(new Response(null, { status: 204 }));
    }
    const { promise, resolve } = Promise.withResolvers<Response>();
    const answer = (status: number, body?: object) => resolve(new Response(JSON.stringify(body), { status }));
    refreshes.push({ token, answer });
    return promise;
  });
  refreshes = [];
  loggedOut = [];
  acceptLogin(loginOf('ann', 't1'));
  dropAccessToken('access of ann by t1');
});
afterEach(() => {
  forgetLogin();
  vi.unstubAllGlobals();
});

it('a refresh gives the token to send, once for all that ask meanwhile', async () => {
  const asked = [accessToken(), accessToken()];
  refreshes[0]?.answer(200, loginOf('ann', 't2'));
  expect(await Promise.all(asked)).toEqual(['access of ann by t2', 'access of ann by t2']);
  expect(await accessToken()).toBe('access of ann by t2');
  expect(refreshes.map(({ token }) => token)).toEqual(['t1']);
});

it('a refresh that is refused ends the login', async () => {
  const asked = accessToken();
  refreshes[0]?.answer(401);
  expect([await asked, userNow()]).toEqual([undefined, undefined]);
});

it('who logs out while a refresh runs stays logged out', async () => {
  const asked = accessToken();
  await logOut();
  expect([loggedOut, userNow()]).toEqual([['t1'], undefined]);
  refreshes[0]?.answer(200, loginOf('ann', 't2'));
  expect([await asked, userNow(), await accessToken()]).toEqual([undefined, undefined, undefined]);
});

it.each([200, 401])(
  'another login stays, whatever the refresh of the former one answers: %d',
  async (status) => {
    const asked = accessToken();
    acceptLogin(loginOf('bo', 'b1'));
    refreshes[0]?.answer(status, loginOf('ann', 't2'));
    expect([await asked, userNow()?.id, await accessToken()]).toEqual([
      'access of bo by b1',
      'bo',
      'access of bo by b1',
    ]);
    expect(refreshes).toHaveLength(1);
  },
);

it('a refusal that comes late does not drop the token that was renewed meanwhile', async () => {
  acceptLogin(loginOf('ann', 't2'));
  dropAccessToken('access of ann by t1');
  expect(await accessToken()).toBe('access of ann by t2');
  expect(refreshes).toEqual([]);
});

it('what needs no login goes without a token while the accounts are away, and asks them no more for a while', async () => {
  const asked = accessTokenIfSoon();
  refreshes[0]?.answer(503);
  expect([await asked, await accessTokenIfSoon(), userNow()?.id]).toEqual([undefined, undefined, 'ann']);
  expect(refreshes).toHaveLength(1);
  acceptLogin(loginOf('ann', 't2'));
  expect(await accessTokenIfSoon()).toBe('access of ann by t2');
});

it('what needs no login does not wait for accounts that do not answer', async () => {
  vi.useFakeTimers();
  const asked = accessTokenIfSoon();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await asked).toBeUndefined();
  vi.useRealTimers();
  refreshes[0]?.answer(503);
  await expect(accessToken()).rejects.toThrow();
});

it('a page without locks, which only those of TLS have, renews its token all the same', async () => {
  vi.stubGlobal('navigator', {});
  const asked = accessToken();
  refreshes[0]?.answer(200, loginOf('ann', 't2'));
  expect(await asked).toBe('access of ann by t2');
});
