import type { IncomingHttpHeaders } from 'node:http';
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { z } from 'zod';
import { createBoundedMap } from '#platform/bounded-map';
import { type Clock, systemClock } from '#platform/clock';
import { type Settings, setting } from '#platform/config';
import { sleep } from '#platform/waiting/sleep';
import { type Problem, problem, unavailable } from './problem-details.js';

/** What a caller may do; the names belong to the application. */
export type Role = string;

export type Principal =
  | {
      readonly kind: 'user';
      readonly userId: string;
      readonly roles: readonly Role[];
      /** The session that the token belongs to. */
      readonly sessionId?: string;
      /** Wall time at which the token stops being accepted. */
      readonly expiresAtMs?: number;
    }
  /** A program with an API key. It is nobody's account: it owns nothing, and what it orders it orders for a guest. */
  | {
      readonly kind: 'key';
      readonly keyId: string;
      readonly roles: readonly Role[];
      /** It may call no route without a scope of these, whatever its roles are. */
      readonly scopes: readonly string[];
      /** Wall time at which the token that the key was exchanged for stops being accepted. */
      readonly expiresAtMs?: number;
    }
  | { readonly kind: 'anonymous' };

/**
 * Who may call a route: everybody (`anonymous`, `public`), every account (`user`), every account and every API key with
 * the route's scope (`authenticated`), or holders of at least one of these roles. On a `public` route a token is
 * optional, but one that is sent must be valid. While it cannot be verified the answer is 503, unless the route sets
 * `anonymousWithoutKeys`. On an `anonymous` route a token is ignored, as logging in and monitoring need it.
 */
export type Access = 'anonymous' | 'public' | 'user' | 'authenticated' | readonly Role[];

export type Authenticator = {
  /**
   * The sender of this `Authorization` header. Throws 401 for a token that is not valid, also on public routes, and 503
   * while there is no key to verify it with.
   */
  principalOf(authorization: string | undefined): Promise<Principal>;
};

export type RememberingAuthenticator = Authenticator & {
  /** Tries to fetch the keys until it has them, or `signal` aborts: later tokens then need no key server. */
  prefetch(signal: AbortSignal): Promise<void>;
  /** The sender of a header that was verified before and is still valid; undefined where it has to be verified. */
  remembered(authorization: string): Principal | undefined;
};

/** As nearly all clients write it. */
const scheme = 'Bearer ';
/** Every spelling that is accepted. */
const bearer = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i;

const bearerOfAny = /^Bearer +(\S+) *$/i;

export const tokenType = 'at+jwt';
export const tokenAlgorithm = 'EdDSA';

/** Every API key begins with it. */
export const apiKeyPrefix = 'csk_';

/**
 * The caller's credentials as an `Authorization` header: that header, or an API key as if it were a bearer token. Both
 * together are credentials that nobody accepts, since it is not clear who calls.
 */
export const credentialsOf = (headers: IncomingHttpHeaders): string | undefined => {
  const { authorization, 'x-api-key': key } = headers;
  if (key === undefined) return authorization;
  return authorization === undefined ? bearing(String(key)) : scheme.trim();
};

/** The `Authorization` header that bears a token. */
export const bearing = (token: string): string => `${scheme}${token}`;

/** The API key in credentials; undefined for others. */
export const apiKeyIn = (credentials: string | undefined): string | undefined => {
  const [, token] = bearerOfAny.exec(credentials ?? '') ?? [];
  return token?.startsWith(apiKeyPrefix) ? token : undefined;
};

const claims = z.object({
  sub: z.uuid(),
  roles: z.array(z.string()),
  sid: z.uuid().optional(),
  scopes: z.array(z.string()).optional(),
});

/** A caller without credentials, or on a route where they are ignored. */
export const anonymous: Principal = Object.freeze({ kind: 'anonymous' });

const verifiedKeptMax = 2000;
const keysFreshMs = 10 * 60_000;
const refetchPauseMs = 2000;
const fetchTimeoutMs = 2000;

/** The settings for verifying tokens; spread them into the service's settings. */
export const authSettings = {
  userUrls: ['USER_URL', setting.urls],
  tokenIssuer: ['TOKEN_ISSUER', setting.text.default('cartstream')],
  tokenAudience: ['TOKEN_AUDIENCE', setting.text.default('cartstream-api')],
} as const satisfies Settings;

const remoteAuthenticators = new WeakMap<Clock, Map<string, RememberingAuthenticator>>();

/**
 * The authenticator of a service that does not issue tokens: it fetches the keys from the user service's JWKS. Services
 * of one process share it, so that a token is verified once a process.
 */
export const remoteAuthenticator = (
  config: { userUrls: readonly string[]; tokenIssuer: string; tokenAudience: string },
  clock: Clock,
): RememberingAuthenticator => {
  const { userUrls, tokenIssuer: issuer, tokenAudience: audience } = config;
  const known = remoteAuthenticators.get(clock) ?? new Map<string, RememberingAuthenticator>();
  remoteAuthenticators.set(clock, known);
  const of = JSON.stringify([userUrls, issuer, audience]);
  const keys = keysFrom(userUrls.map((url) => `${url}/.well-known/jwks.json`));
  const authenticator = known.get(of) ?? createAuthenticator({ keys, issuer, audience, clock });
  known.set(of, authenticator);
  return authenticator;
};

type Verified = {
  principal: Principal;
  /** Wall time. */
  expiresAtMs: number;
  /** The same instant by the monotonic clock, so that a wall clock that is set back does not extend it. */
  keptUntilMs: number;
};

/** Fetches the JWKS from the first of several addresses that answers. */
export type KeySource = () => Promise<JSONWebKeySet>;

const keysFrom =
  (urls: readonly string[]): KeySource =>
  async () => {
    let lastError: unknown = new Error('no key server configured');
    for (const url of urls)
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(fetchTimeoutMs) });
        if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
        return (await answer.json()) as JSONWebKeySet;
      } catch (error) {
        lastError = error;
      }
    throw lastError;
  };

type KeySet = ReturnType<typeof createLocalJWKSet>;

const idsOf = ({ keys }: JSONWebKeySet): (string | undefined)[] => keys.map(({ kid }) => kid);

/**
 * Caches the keys of `source`: fetched at the first use, again every ten minutes, and every 2 s while there are none.
 * `onKeyGone` is called when a key that was served is served no more.
 */
const createKeyRing = (source: KeySource, clock: Clock, onKeyGone: () => void) => {
  let keySet: KeySet | undefined;
  let keyIds: (string | undefined)[] = [];
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;
  const mayTry = (): boolean => clock.monotonicMs() - triedAtMs >= refetchPauseMs;

  const fetchKeys = (): Promise<void> => {
    fetching ??= (async () => {
      triedAtMs = clock.monotonicMs();
      try {
        const served = await source();
        keySet = createLocalJWKSet(served);
        fetchedAtMs = clock.monotonicMs();
        const ids = idsOf(served);
        if (keyIds.some((id) => !ids.includes(id))) onKeyGone();
        keyIds = ids;
      } catch {
        // The cached keys stay in use. If there are none, `keys` resolves to undefined.
      } finally {
        fetching = undefined;
      }
    })();
    return fetching;
  };

  /** Nobody waits for it: the cached keys serve meanwhile. */
  const refreshOld = (monotonicMs: number): void => {
    if (keySet !== undefined && monotonicMs - fetchedAtMs > keysFreshMs && mayTry()) void fetchKeys();
  };

  return {
    refreshOld,
    /** Undefined while none could be fetched. */
    keys: async (): Promise<KeySet | undefined> => {
      if (keySet !== undefined) refreshOld(clock.monotonicMs());
      else if (mayTry() || fetching !== undefined) await fetchKeys();
      return keySet;
    },
    /** False for keys that others have replaced since. */
    isCurrent: (keys: KeySet): boolean => keys === keySet,
    /**
     * Fetches again because a key is missing. Resolves to false without a request when the last one was a moment ago.
     */
    refetch: async (): Promise<boolean> => {
      if (!mayTry()) return false;
      await fetchKeys();
      return true;
    },
  };
};

/**
 * Verifies access tokens against a JWKS. Keys are fetched at the first use, again every ten minutes and, at most every
 * 2 s, when a token names a key that is not cached. While the key server is away the cached keys stay in use. A token
 * that was valid once is not verified again until it expires, or a key is served no more.
 */
export const createAuthenticator = (options: {
  keys: KeySource;
  issuer: string;
  audience: string;
  clock?: Clock;
}): RememberingAuthenticator => {
  const clock = options.clock ?? systemClock;
  const verified = createBoundedMap<Verified>(verifiedKeptMax);
  const ring = createKeyRing(options.keys, clock, verified.clear);

  const rememberedOf = (token: string): Principal | undefined => {
    const known = verified.get(token);
    if (known === undefined) return undefined;
    const monotonicMs = clock.monotonicMs();
    // Whoever sends nothing but remembered tokens would otherwise never have the keys looked at again.
    ring.refreshOld(monotonicMs);
    return clock.nowMs() < known.expiresAtMs && monotonicMs < known.keptUntilMs ? known.principal : undefined;
  };

  const verify = async (token: string): Promise<Principal> => {
    const known = rememberedOf(token);
    if (known !== undefined) return known;
    const keys = await ring.keys();
    if (keys === undefined)
      throw unavailable('authentication_unavailable', 'Tokens cannot be verified at the moment.', 2);
    const { payload } = await jwtVerify(token, keys, {
      issuer: options.issuer,
      audience: options.audience,
      typ: tokenType,
      algorithms: [tokenAlgorithm],
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(clock.nowMs()),
    });
    const { sub, roles, sid, scopes } = claims.parse(payload);
    const expiresAtMs = (payload.exp ?? 0) * 1000;
    const principal: Principal =
      scopes === undefined
        ? { kind: 'user', userId: sub, roles, expiresAtMs, ...(sid === undefined ? {} : { sessionId: sid }) }
        : { kind: 'key', keyId: sub, roles, scopes, expiresAtMs };
    const keptUntilMs = clock.monotonicMs() + expiresAtMs - clock.nowMs();
    if (ring.isCurrent(keys)) verified.set(token, { principal, expiresAtMs, keptUntilMs });
    return principal;
  };

  return {
    prefetch: async (signal) => {
      while (!signal.aborted && (await ring.keys()) === undefined)
        await sleep(refetchPauseMs, { signal, keepsAlive: false });
    },
    remembered: (authorization) => {
      // The usual spelling needs no pattern.
      const token = authorization.startsWith(scheme) ? authorization.slice(scheme.length) : '';
      return rememberedOf(token) ?? rememberedOf(bearer.exec(authorization)?.[1] ?? '');
    },
    principalOf: async (authorization) => {
      if (authorization === undefined) return anonymous;
      const token = bearer.exec(authorization)?.[1];
      if (token === undefined)
        throw notAuthenticated('invalid_token', 'Authorization must be a bearer token.');
      try {
        return await verify(token);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey && (await ring.refetch()))
          return await verify(token).catch(asUnauthenticated);
        return asUnauthenticated(error);
      }
    },
  };
};

const asUnauthenticated = (error: unknown): never => {
  if (error instanceof errors.JWTExpired)
    throw notAuthenticated('token_expired', 'The access token has expired.');
  if (error instanceof errors.JOSEError || error instanceof z.ZodError)
    throw notAuthenticated('invalid_token', 'The access token is not valid.');
  throw error;
};

const notAuthenticated = (code: string, detail: string) =>
  problem(401, code, detail, { headers: { 'www-authenticate': `Bearer error="invalid_token"` } });

/**
 * Throws 401 for an anonymous caller, 403 for a user without the role, and 403 for an API key without the scope. A route
 * whose scope is null, or that is for accounts, is for nobody's API key.
 */
export const authorise = (principal: Principal, access: Access, scope: string | null): void => {
  if (access === 'anonymous') return;
  if (principal.kind === 'key' && (access === 'user' || scope === null || !principal.scopes.includes(scope)))
    throw problem(403, 'insufficient_scope', 'This API key may not do this.', {
      headers: {
        'www-authenticate': `Bearer error="insufficient_scope"${scope === null ? '' : `, scope="${scope}"`}`,
      },
    });
  if (access === 'public') return;
  if (principal.kind === 'anonymous')
    throw problem(401, 'authentication_required', 'Log in first.', {
      headers: { 'www-authenticate': 'Bearer' },
    });
  if (typeof access !== 'string' && !access.some((role) => principal.roles.includes(role))) throw forbidden();
};

export const forbidden = (): Problem => problem(403, 'forbidden', 'Your account may not do this.');

/** The account that calls; undefined for an API key and for a stranger. */
export const userIdOf = (principal: Principal): string | undefined =>
  principal.kind === 'user' ? principal.userId : undefined;

/** The account or the API key that calls; undefined for a stranger. */
export const callerIdOf = (principal: Principal): string | undefined =>
  principal.kind === 'key' ? principal.keyId : userIdOf(principal);

const known = (id: string | undefined): string => {
  if (id === undefined) throw problem(401, 'authentication_required', 'Log in first.');
  return id;
};

/** The account that calls, for routes that only accounts may call; throws 401 for anybody else. */
export const accountOf = (principal: Principal): string => known(userIdOf(principal));

/** Whom a history names for a change: the account or the API key that calls; throws 401 for a stranger. */
export const actorOf = (principal: Principal): string => known(callerIdOf(principal));

/** True for a caller who holds at least one of the roles. */
export const hasRole = (principal: Principal, ...roles: readonly Role[]): boolean =>
  principal.kind !== 'anonymous' && roles.some((role) => principal.roles.includes(role));
