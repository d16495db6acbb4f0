import { useSyncExternalStore } from 'react';
import { createListeners } from '../kit/listeners.ts';
import { browserStore } from '../kit/storage.ts';
import { problemOf, Unreachable } from './problem.ts';
import type { components } from './schema.d.ts';
import { endVisit } from './visit.ts';

export type User = components['schemas']['User'];
type LoggedIn = components['schemas']['LoggedIn'];

/**
 * The access token lives in memory; the refresh token and the name of its owner in `localStorage`, for the next visit.
 * A refresh token is good once. So tabs refresh one after the other under a lock, and each reads the stored token again
 * when its turn has come: two tabs that spend one token look like a theft, which ends the session.
 */
const storageKey = 'cartstream.login';
const lockName = 'cartstream.login';
/** An access token is renewed so long before it expires. */
const marginMs = 30_000;
/** So long what needs no login waits for a token, and so long it does not wait again after that was in vain. */
const soonMs = 2_500;
const awayMs = 10_000;

type Stored = { refreshToken: string; user: User };
type Access = { token: string; expiresAtMs: number; userId: string };

let access: Access | undefined;
let refreshing: Promise<string | undefined> | undefined;
/** Until then nobody waits for a token who can do without. */
let awayUntilMs = 0;
const { subscribe, announce: announceUser } = createListeners();

const read = (): string | null => browserStore.getItem(storageKey);

const stored = (): Stored | undefined => {
  try {
    return (JSON.parse(read() ?? 'null') as Stored | null) ?? undefined;
  } catch {
    return undefined;
  }
};

let lastUserId = stored()?.user.id;
const leaving = new Set<() => void>();

/** Calls `forget` when the user whose login is stored is no longer the same, in whichever tab that came about. */
export const whenUserLeaves = (forget: () => void): void => {
  leaving.add(forget);
};

const announce = (): void => {
  const leftId = lastUserId;
  lastUserId = stored()?.user.id;
  if (leftId !== undefined && leftId !== lastUserId) for (const forget of leaving) forget();
  announceUser();
};

/** Milliseconds until a token expires, by its own claims, so that a wrong clock here does not matter. */
const lifetimeMs = (token: string): number => {
  try {
    const [, claims = ''] = token.split('.');
    const { exp, iat } = JSON.parse(atob(claims.replace(/-/g, '+').replace(/_/g, '/'))) as {
      exp: number;
      iat: number;
    };
    return (exp - iat) * 1000;
  } catch {
    return 60_000;
  }
};

/** Takes over what a login, a registration or a refresh has answered. */
export const acceptLogin = ({ accessToken, refreshToken, user }: LoggedIn): void => {
  const before = stored()?.user.id;
  if (before !== undefined && before !== user.id) endVisit();
  access = { token: accessToken, expiresAtMs: performance.now() + lifetimeMs(accessToken), userId: user.id };
  awayUntilMs = 0;
  browserStore.setItem(storageKey, JSON.stringify({ refreshToken, user } satisfies Stored));
  announce();
};

/** Forgets the login in all tabs, and ends the visit. The API is asked to end the session first, by `logOut`. */
export const forgetLogin = (): void => {
  access = undefined;
  browserStore.removeItem(storageKey);
  endVisit();
  announce();
};

const post = async (path: string, body: object): Promise<Response> => {
  try {
    return await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch (cause) {
    throw new Unreachable(cause);
  }
};

/** The token of memory, while it is the stored user's and lasts. */
const tokenInMemory = ({ user }: Stored): string | undefined =>
  access && access.userId === user.id && performance.now() < access.expiresAtMs - marginMs
    ? access.token
    : undefined;

const refresh = async (): Promise<string | undefined> => {
  const login = stored();
  if (login === undefined) return undefined;
  const token = tokenInMemory(login);
  if (token !== undefined) return token;
  const response = await post('/api/auth/refresh', { refreshToken: login.refreshToken });
  if (!response.ok && response.status !== 401 && response.status !== 400) throw await problemOf(response);
  const answer = response.ok ? ((await response.json()) as LoggedIn) : undefined;
  // Somebody has logged out meanwhile, or logged in anew, which takes no lock: this answer is of a login that is gone.
  if (stored()?.refreshToken !== login.refreshToken) return refresh();
  if (answer === undefined) forgetLogin();
  else acceptLogin(answer);
  return access?.token;
};

/** The token to send now: of memory, or a fresh one. Undefined for visitors who are not logged in. */
export const accessToken = async (): Promise<string | undefined> => {
  const login = stored();
  if (login === undefined) return undefined;
  const token = tokenInMemory(login);
  if (token !== undefined) return token;
  // A page that came over the network without TLS has no locks: there the server's patience with tabs has to do.
  refreshing ??= Promise.resolve(navigator.locks?.request(lockName, refresh) ?? refresh()).finally(() => {
    refreshing = undefined;
  });
  return refreshing;
};

/**
 * The same for what everybody may see: undefined where no token comes soon. Then none is asked for during a while, so that
 * pages do not wait for accounts that are away.
 */
export const accessTokenIfSoon = async (): Promise<string | undefined> => {
  if (performance.now() < awayUntilMs) return undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no token in time')), soonMs);
  });
  try {
    return await Promise.race([accessToken(), patience]);
  } catch {
    awayUntilMs = performance.now() + awayMs;
    return undefined;
  } finally {
    clearTimeout(timer);
  }
};

/** After a 401: the token is not accepted any more, whatever its time. One that memory holds since then stays. */
export const dropAccessToken = (refused: string): void => {
  if (access?.token === refused) access = undefined;
};

export const logOut = async (): Promise<void> => {
  const login = stored();
  forgetLogin();
  if (login !== undefined)
    await post('/api/auth/logout', { refreshToken: login.refreshToken }).catch(() => undefined);
};

if (typeof window !== 'undefined') {
  window.addEventListener('storage', ({ key }) => {
    if (key === storageKey || key === null) announce();
  });
  // A page that the browser has kept aside was not sent what other tabs stored meanwhile.
  window.addEventListener('pageshow', announce);
}

let seen: { text: string | null; user: User | undefined } = { text: null, user: undefined };
/** The same object until another login is stored, as React needs it. */
const currentUser = (): User | undefined => {
  const text = read();
  if (text !== seen.text) seen = { text, user: stored()?.user };
  return seen.user;
};

/** The logged-in user, in every tab at once; undefined for a guest. */
export const useUser = (): User | undefined => useSyncExternalStore(subscribe, currentUser);
export const userNow = currentUser;
