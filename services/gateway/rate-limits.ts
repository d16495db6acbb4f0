import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator } from '#platform/http/auth';
import type { ClientNetworks } from '#platform/http/client-address';
import { problem } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { accountIn } from './login-account.js';
import type { CountOptions, RequestCounter } from './request-counter.js';
import { pathOf } from './request-path.js';
import { type LimitName, limitOf, limits, limitsOfAccounts, limitsOfAddresses } from './routing-table.js';

/** The limits, `factor` times as generous. */
export const relaxedBy = (factor: number): Readonly<Record<LimitName, CountOptions>> =>
  Object.fromEntries(
    Object.entries(limits).map(([name, limit]) => [
      name,
      { ...limit, requestsMax: limit.requestsMax * factor },
    ]),
  ) as Record<LimitName, CountOptions>;

/**
 * Counts every request against its route's limit in the routing table, and logins and registrations also against their
 * account's limit. Each answer states the client's remaining requests; past the limit it is 429 with `Retry-After`.
 */
export const limitRequests = (
  app: HttpApp,
  counter: RequestCounter,
  auth: Authenticator,
  networks: ClientNetworks,
  factor: number,
): void => {
  const countOptions = relaxedBy(factor);
  const count = async (name: LimitName, client: string, reply: FastifyReply): Promise<void> => {
    const options = countOptions[name];
    const counting = counter.count(`${name}:${client}`, options);
    const { current, ttlMs } = counting instanceof Promise ? await counting : counting;
    const { requestsMax: max } = options;
    const resetS = Math.ceil(ttlMs / 1000);
    reply.header('ratelimit-limit', max);
    reply.header('ratelimit-remaining', Math.max(0, max - current));
    reply.header('ratelimit-reset', resetS);
    if (current > max)
      throw problem(429, 'rate_limited', `Too many requests; try again in ${resetS} s.`, {
        headers: { 'retry-after': String(Math.max(1, resetS)) },
      });
  };

  /** The client under which a request is counted. An invalid token counts as none: the service will refuse it. */
  const clientOf = async (request: FastifyRequest): Promise<string> => {
    if (request.headers.authorization === undefined) return networks.of(request);
    try {
      const principal = await auth.principalOf(request.headers.authorization);
      return principal.kind === 'user' ? principal.userId : networks.of(request);
    } catch {
      return networks.of(request);
    }
  };

  app.addHook('onRequest', async (request, reply) => {
    const name = limitOf(request.method, pathOf(request));
    if (name === undefined) return;
    await count(name, limitsOfAddresses.has(name) ? networks.of(request) : await clientOf(request), reply);
  });
  app.addHook('preHandler', async (request, reply) => {
    const limit = request.method === 'POST' ? limitsOfAccounts[pathOf(request)] : undefined;
    const account = limit === undefined ? undefined : accountIn(request.body);
    if (limit !== undefined && account !== undefined) await count(limit, account, reply);
  });
};
