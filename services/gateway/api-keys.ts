import { createHash } from 'node:crypto';
import { z } from 'zod';
import { createBoundedMap } from '#platform/bounded-map';
import { apiKeyIn, type RememberingAuthenticator } from '#platform/http/auth';
import { Problem, unavailable } from '#platform/http/problem-details';
import { type Upstream, wholeBodyOf } from './upstream.js';

/** A revoked key is refused no later than this. */
const freshMs = 2_000;
const askMsMax = 2_000;
const keysKeptMax = 10_000;
const refusedKeptMax = 1_000;
/** A token is not used in the last seconds of its life, because a service checks it a little later. */
const expiryMarginMs = 5_000;

const answerSchema = z.object({ token: z.string(), ttlS: z.number() });

const digestOf = (key: string): string => createHash('sha256').update(key).digest('base64');

/** What a service gets instead of a key that is not valid. It answers 401 where the route needs a caller. */
export const noToken = 'Bearer';

type Entry = { authorization: string; checkedAtMs: number; usableUntilMs: number };

export type ApiKeys = {
  /** The `Authorization` header for these credentials: the same, unless they are an API key. */
  authorizationOf(credentials: string | undefined): Promise<string | undefined>;
  /** True for a key that was good when the user service was asked last; false also for one that nobody has sent yet. */
  wasGood(key: string): boolean;
};

/**
 * Exchanges API keys for the short-lived tokens that every service verifies. A key is asked about again after 2 s; while
 * the user service is away, its last token is used until it expires, after a minute at most.
 */
export const createApiKeys = (user: Pick<Upstream, 'send'>, monotonicMs: () => number): ApiKeys => {
  const entries = createBoundedMap<Entry>(keysKeptMax);
  /** Apart, so that invented keys do not push out good ones. */
  const refused = createBoundedMap<Entry>(refusedKeptMax);
  const asking = new Map<string, Promise<Entry>>();

  const ask = async (key: string): Promise<Entry> => {
    const checkedAtMs = monotonicMs();
    const answer = await user.send({
      method: 'POST',
      path: '/internal/api-key-tokens',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ key })),
      signal: AbortSignal.timeout(askMsMax),
    });
    const body = String(await wholeBodyOf(answer));
    if (answer.statusCode === 401 || answer.statusCode === 400)
      return { authorization: noToken, checkedAtMs, usableUntilMs: 0 };
    if (answer.statusCode !== 200)
      throw unavailable('authentication_unavailable', 'API keys cannot be verified at the moment.', 2);
    const { token, ttlS } = answerSchema.parse(JSON.parse(body));
    const usableUntilMs = checkedAtMs + ttlS * 1000 - expiryMarginMs;
    return { authorization: `Bearer ${token}`, checkedAtMs, usableUntilMs };
  };

  const askOnce = (id: string, key: string): Promise<Entry> => {
    const running = asking.get(id);
    if (running !== undefined) return running;
    const started = ask(key).finally(() => asking.delete(id));
    asking.set(id, started);
    return started;
  };

  const find = async (key: string): Promise<string> => {
    const id = digestOf(key);
    const known = entries.get(id) ?? refused.get(id);
    if (known !== undefined && monotonicMs() - known.checkedAtMs < freshMs) return known.authorization;
    try {
      const entry = await askOnce(id, key);
      if (entry.authorization === noToken) {
        entries.delete(id);
        refused.set(id, entry);
      } else entries.set(id, entry);
      return entry.authorization;
    } catch (error) {
      if (known !== undefined && monotonicMs() < known.usableUntilMs) return known.authorization;
      if (error instanceof Problem) throw error;
      throw unavailable('authentication_unavailable', 'API keys cannot be verified at the moment.', 2);
    }
  };

  return {
    authorizationOf: async (credentials) => {
      const key = apiKeyIn(credentials);
      return key === undefined ? credentials : find(key);
    },
    wasGood: (key) => entries.get(digestOf(key)) !== undefined,
  };
};

/** The gateway's own routes accept API keys by this. */
export const acceptingApiKeys = (
  inner: RememberingAuthenticator,
  apiKeys: ApiKeys,
): RememberingAuthenticator => ({
  prefetch: inner.prefetch,
  remembered: inner.remembered,
  principalOf: async (authorization) => inner.principalOf(await apiKeys.authorizationOf(authorization)),
});
