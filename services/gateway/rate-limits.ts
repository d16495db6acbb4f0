import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Authenticator, apiKeyIn, bearing, callerIdOf, credentialsOf } from '#platform/http/auth';
import type { ClientNetworks } from '#platform/http/client-address';
import type { HttpApp } from '#platform/http/http-app';
import { problem } from '#platform/http/problem-details';
import type { LiveSettings } from '#platform/settings/live-settings';
import { type ApiKeys, noToken } from './api-keys.js';
import type { ErasedAccounts } from './erased-accounts-store.js';
import { limitSettings } from './limit-settings.js';
import { accountIn } from './login-account.js';
import type { Count, CountOptions, RequestCounter } from './request-counter.js';
import { pathOf } from './request-path.js';
import {
  guestOrderPath,
  type LimitName,
  limitOf,
  limits,
  limitsOfAddresses,
  limitsOfEmails,
} from './routing-table.js';

/**
 * The limits in effect: each has the requests that administrators have set, or else its own, `factor` times as
 * generous. A change counts from the next request.
 */
export const currentLimits = (
  settings: Pick<LiveSettings, 'of'>,
  factor: number,
): Readonly<Record<LimitName, CountOptions>> =>
  Object.fromEntries(
    (Object.keys(limits) as LimitName[]).map((name) => {
      const { windowMs, isExact, requestsMax } = limits[name];
      const current = settings.of(limitSettings[name], requestsMax * factor);
      return [
        name,
        {
          windowMs,
          isExact,
          get requestsMax() {
            return current();
          },
        },
      ];
    }),
  ) as Record<LimitName, CountOptions>;

export type RateLimitParts = {
  counter: RequestCounter;
  auth: Authenticator;
  apiKeys: ApiKeys;
  erased: Pick<ErasedAccounts, 'has'>;
  networks: ClientNetworks;
  limits: Readonly<Record<LimitName, CountOptions>>;
};

/**
 * Counts every request against its route's limit in the routing table, and those that name an e-mail address without a
 * login (logins, registrations, orders of guests) also against the limit of that address. Each answer states the client's remaining requests; past the limit it is 429 with `Retry-After`. An
 * API key is replaced by its token here, so that no service sees it: to ask about a key that may be invented costs
 * the user service work, so it is counted first, for the address.
 */
export const limitRequests = (
  app: HttpApp,
  { counter, auth, apiKeys, erased, networks, limits: countOptions }: RateLimitParts,
): void => {
  /** Throws 429 past the limit. A promise only where Redis has to be asked. */
  const count = (name: LimitName, client: string, reply: FastifyReply): void | Promise<void> => {
    const options = countOptions[name];
    const counting = counter.count(`${name}:${client}`, options);
    return counting instanceof Promise
      ? counting.then((counted) => answerCount(options.requestsMax, counted, reply))
      : answerCount(options.requestsMax, counting, reply);
  };

  /**
   * The client under which a request is counted. An invalid token counts as none: the service will refuse it, as it does
   * one of an account that is gone, which is replaced by none here.
   */
  const clientOf = async (request: FastifyRequest): Promise<string> => {
    try {
      const clientId = callerIdOf(await auth.principalOf(request.headers.authorization));
      if (clientId === undefined || !erased.has(clientId)) return clientId ?? networks.of(request);
      request.headers.authorization = noToken;
      return networks.of(request);
    } catch {
      return networks.of(request);
    }
  };

  const limit = async (name: LimitName, request: FastifyRequest, reply: FastifyReply): Promise<void> =>
    count(name, limitsOfAddresses.has(name) ? networks.of(request) : await clientOf(request), reply);

  const exchange = async (
    name: LimitName | undefined,
    key: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> => {
    const { headers } = request;
    delete headers.authorization;
    // What has no limit is for everybody, and looks at no key.
    if (name === undefined) return;
    const isCounted = !apiKeys.wasGood(key);
    if (isCounted) await count(name, networks.of(request), reply);
    headers.authorization = await apiKeys.authorizationOf(bearing(key));
    if (!isCounted || apiKeys.wasGood(key)) await limit(name, request, reply);
  };

  app.addHook('onRequest', (request, reply, done) => {
    const name = limitOf(request.method, pathOf(request));
    const { headers } = request;
    const credentials = credentialsOf(headers);
    const key = apiKeyIn(credentials);
    delete headers['x-api-key'];
    if (key !== undefined) return settle(() => exchange(name, key, request, reply), done);
    if (credentials !== undefined) headers.authorization = credentials;
    if (name === undefined) return done();
    const isKnown = request.headers.authorization !== undefined;
    settle(() => (isKnown ? limit(name, request, reply) : count(name, networks.of(request), reply)), done);
  });
  app.addHook('preHandler', (request, reply, done) => {
    const name = request.method === 'POST' ? limitOfEmail(request) : undefined;
    const account = name === undefined ? undefined : accountIn(request.body);
    if (name === undefined || account === undefined) return done();
    settle(() => count(name, account, reply), done);
  });
};

const limitOfEmail = (request: FastifyRequest): LimitName | undefined => {
  const path = pathOf(request);
  if (path === guestOrderPath && request.headers.authorization !== undefined) return undefined;
  return limitsOfEmails[path];
};

/** Ends a hook as `work` ends, at once if it is no promise. */
const settle = (work: () => void | Promise<void>, done: (error?: Error) => void): void => {
  let working: void | Promise<void>;
  try {
    working = work();
  } catch (error) {
    done(error as Error);
    return;
  }
  if (working instanceof Promise) working.then(() => done(), done);
  else done();
};

const answerCount = (max: number, { current, ttlMs }: Count, reply: FastifyReply): void => {
  const resetS = Math.ceil(ttlMs / 1000);
  reply.header('ratelimit-limit', max);
  reply.header('ratelimit-remaining', Math.max(0, max - current));
  reply.header('ratelimit-reset', resetS);
  if (current > max)
    throw problem(429, 'rate_limited', `Too many requests; try again in ${resetS} s.`, {
      headers: { 'retry-after': String(Math.max(1, resetS)) },
    });
};
