import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator } from '#platform/http/auth';
import { clientNetwork } from '#platform/http/client-address';
import { problem } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { accountIn } from './login-account.js';
import type { RequestCounter } from './request-counter.js';
import { pathOf } from './request-path.js';
import { type LimitName, limitOf, limits, limitsOfAccounts, limitsOfAddresses } from './routing-table.js';

/**
 * Counts every request against its route's limit in the routing table, and logins and registrations also against their
 * account's limit. Each answer states the client's remaining requests; past the limit it is 429 with `Retry-After`.
 */
export const limitRequests = (
  app: HttpApp,
  counter: RequestCounter,
  auth: Authenticator,
  factor: number,
): void => {
  const count = async (name: LimitName, client: string, reply: FastifyReply): Promise<void> => {
    const { requestsMax, windowMs, isExact } = limits[name];
    const max = requestsMax * factor;
    const counting = counter.count(`${name}:${client}`, { windowMs, requestsMax: max, isExact });
    const { current, ttlMs } = counting instanceof Promise ? await counting : counting;
    const resetS = Math.ceil(ttlMs / 1000);
    reply.header('ratelimit-limit', max);
    reply.header('ratelimit-remaining', Math.max(0, max - current));
    reply.header('ratelimit-reset', resetS);
    if (current > max)
      throw problem(429, 'rate_limited', `Too many requests; try again in ${resetS} s.`, {
        headers: { 'retry-after': String(Math.max(1, resetS)) },
      });
  };

  app.addHook('onRequest', async (request, reply) => {
    const name = limitOf(request.method, pathOf(request));
    if (name === undefined) return;
    await count(
      name,
      limitsOfAddresses.has(name) ? addressOf(request) : await clientOf(request, auth),
      reply,
    );
  });
  app.addHook('preHandler', async (request, reply) => {
    const limit = request.method === 'POST' ? limitsOfAccounts[pathOf(request)] : undefined;
    const account = limit === undefined ? undefined : accountIn(request.body);
    if (limit !== undefined && account !== undefined) await count(limit, account, reply);
  });
};

/** The client's address in a normal form: see `clientNetwork`. */
const addressOf = (request: FastifyRequest): string =>
  clientNetwork(request.ip, request.socket.remoteAddress ?? '');

/** The client under which a request is counted. An invalid token counts as none: the service will refuse it. */
const clientOf = async (request: FastifyRequest, auth: Authenticator): Promise<string> => {
  if (request.headers.authorization === undefined) return addressOf(request);
  try {
    const principal = await auth.principalOf(request.headers.authorization);
    return principal.kind === 'user' ? principal.userId : addressOf(request);
  } catch {
    return addressOf(request);
  }
};
