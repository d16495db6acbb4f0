import { randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

export type ShopAnswer<T> = { status: number; body: T; retryAfterMs: number | undefined };

export type Call = {
  token?: string | undefined;
  /** Sent as JSON; a text is sent as it is, with the content type of `headers`. */
  body?: unknown;
  headers?: Record<string, string>;
};

/** A client of the shop's public API. */
export type ShopClient = {
  /** Any status is an answer; throws only when the gateway cannot be reached in time. */
  call<T = unknown>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    options?: Call,
  ): Promise<ShopAnswer<T>>;
  /** Aborts the requests in flight. */
  close(): Promise<void>;
};

const timeoutMs = 15_000;

/** `traceRatio` is the share of requests whose trace is recorded: 1 in 100 at 0.01. */
export const shopClient = (
  gatewayUrl: string,
  options: { connectionsMax: number; traceRatio: number },
): ShopClient => {
  const agent = new Agent({
    connections: options.connectionsMax,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connectTimeout: 5_000,
  });
  const base = gatewayUrl.replace(/\/+$/, '');
  return {
    call: async <T>(
      method: 'GET' | 'POST' | 'PUT' | 'PATCH',
      path: string,
      { token, body, headers }: Call = {},
    ) => {
      const answer = await request(`${base}${path}`, {
        method,
        dispatcher: agent,
        headers: {
          traceparent: traceparent(options.traceRatio),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await answer.body.text();
      const retryAfterS = Number(answer.headers['retry-after']);
      return {
        status: answer.statusCode,
        body: (/json/.test(String(answer.headers['content-type'])) ? JSON.parse(text) : undefined) as T,
        retryAfterMs: retryAfterS > 0 ? retryAfterS * 1000 : undefined,
      };
    },
    close: () => agent.destroy(),
  };
};

const traceparent = (ratio: number): string =>
  `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${Math.random() < ratio ? '01' : '00'}`;

const rest = { minMs: 100, maxMs: 2_000, jitter: 0.2 };
/** Longer than any window of the shop's rate limits. */
const limitedWaitMsMax = 20 * 60_000;

/**
 * Repeats `attempt` while the shop cannot be reached or fails (5xx), with a backoff of up to 2 s, and gives up after
 * `giveUpMs` with the last answer or error. A rate limit (429) is no failure: it waits as long as the shop says, up to
 * 20 minutes in all.
 */
export const persistently = async <T>(
  attempt: () => Promise<ShopAnswer<T>>,
  giveUpMs: number,
): Promise<ShopAnswer<T>> => {
  const startedAtMs = performance.now();
  let limitedMs = 0;
  for (let failures = 0; ; ) {
    const isLast = performance.now() - startedAtMs - limitedMs >= giveUpMs || limitedMs >= limitedWaitMsMax;
    try {
      const answer = await attempt();
      if (isLast || (answer.status < 500 && answer.status !== 429)) return answer;
      failures += 1;
      const waitMs = answer.retryAfterMs ?? backoffMs(rest, failures);
      if (answer.status === 429) limitedMs += waitMs;
      await sleep(answer.status === 429 ? waitMs : Math.min(waitMs, rest.maxMs));
    } catch (error) {
      if (isLast) throw error;
      failures += 1;
      await sleep(backoffMs(rest, failures));
    }
  }
};

/** Tokens are valid for 15 minutes. */
export const tokenUsedMs = 10 * 60_000;

/** Logs in at the first call, and again when the token has been used for ten minutes. */
export const createTokens = (
  logIn: (shop: ShopClient) => Promise<string>,
  nowMs: () => number = () => performance.now(),
): ((shop: ShopClient) => Promise<string>) => {
  let known: { token: Promise<string>; untilMs: number } | undefined;
  return (shop) => {
    if (known !== undefined && nowMs() < known.untilMs) return known.token;
    const token = logIn(shop);
    known = { token, untilMs: nowMs() + tokenUsedMs };
    token.catch(() => {
      known = undefined;
    });
    return token;
  };
};

/** The shop did not answer with success. `isTrouble` if a later request may succeed: 429 and 5xx. */
export class Unserved extends Error {
  readonly status: number;
  readonly isTrouble: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(what: string, { status, retryAfterMs, body }: ShopAnswer<unknown>) {
    super(`${what}: ${status} ${JSON.stringify(body)?.slice(0, 200) ?? ''}`);
    this.name = 'Unserved';
    this.status = status;
    this.isTrouble = status >= 500 || status === 429;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The body of a 2xx; throws `Unserved` otherwise. */
export const unlessOk = <T>(answer: ShopAnswer<T>, what: string): T => {
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw new Unserved(what, answer);
};
