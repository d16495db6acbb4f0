import CircuitBreaker from 'opossum';
import { type Dispatcher, errors, Pool } from 'undici';
import { unavailable } from '#platform/http/problem-details';
import type { Component, Metrics } from '#platform/service-host';

export type UpstreamRequest = {
  method: string;
  path: string;
  headers: Record<string, string | string[]>;
  /** Bytes can be sent again to another instance; a stream can be sent only once. */
  body: Buffer | NodeJS.ReadableStream | null;
  signal: AbortSignal;
};

export type UpstreamResponse = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

export type Upstream = Component & {
  readonly instancesCount: number;
  /**
   * The answer of one instance, as a stream. Instances take turns; one that refuses connections is left out for 2 s.
   * Throws a 503 problem with `Retry-After` when none answers: then nothing was done, except that the outcome of a
   * write whose connection broke is unknown.
   */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** Any instance's answer to a GET, as JSON; throws when it takes longer than `timeoutMs`. */
  getJson(path: string, timeoutMs: number): Promise<{ status: number; body: unknown }>;
  /** Every instance's answer to a GET, as JSON; rejects when one is away, refuses, or takes longer than `timeoutMs`. */
  getJsonOfEach(path: string, timeoutMs: number): Promise<unknown[]>;
};

const connectionsPerInstanceMax = 64;
const connectTimeoutMs = 1000;
/** The longest time between two pieces of a body; server-sent events send keep-alives more often. */
const silenceMaxMs = 120_000;
const breakerResetMs = 2000;

type Instance = { pool: Pool; breaker: CircuitBreaker<[Dispatcher.RequestOptions], Dispatcher.ResponseData> };

export const createUpstream = (
  service: string,
  urls: readonly string[],
  metrics: Metrics,
  answerTimeoutMs: number,
): Upstream => {
  const state = metrics.gauge('circuit_breaker_state', '0 closed, 1 open, 2 half-open', ['circuit']);
  const instances = urls.map((url, index) =>
    createInstance(url, answerTimeoutMs, (value) =>
      state.set({ circuit: urls.length === 1 ? service : `${service}-${index + 1}` }, value),
    ),
  );
  let turn = 0;

  const inTurn = (): Instance[] => {
    turn = (turn + 1) % Math.max(1, instances.length);
    const rotated = [...instances.slice(turn), ...instances.slice(0, turn)];
    return rotated.filter(({ breaker }) => !breaker.opened);
  };

  const send = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const mayRepeat = !isStream(request.body);
    let lastError: unknown;
    for (const { breaker } of inTurn()) {
      // The service may close a kept-open connection just when a request is sent, so a read is tried once more.
      const attemptsMax = mayRepeat && isSafe(request.method) ? 2 : 1;
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1)
        try {
          return await breaker.fire(request as Dispatcher.RequestOptions);
        } catch (error) {
          if (request.signal.aborted) throw error;
          lastError = error;
          if (!wasDropped(error)) break;
        }
      if (!(mayRepeat && (isSafe(request.method) || neverArrived(lastError)))) break;
    }
    throw lastError instanceof errors.HeadersTimeoutError
      ? unavailable('service_timeout', `The ${service} service did not answer in time.`, 2)
      : unavailable('service_unavailable', `The ${service} service is not available at the moment.`, 2);
  };

  return {
    name: service,
    instancesCount: urls.length,
    start: async () => {},
    stop: async () => {
      await Promise.all(
        instances.map(({ pool, breaker }) => {
          breaker.shutdown();
          return pool.destroy();
        }),
      );
    },
    send,
    getJsonOfEach: (path, timeoutMs) =>
      Promise.all(
        instances.map(async ({ pool }) => {
          const signal = AbortSignal.timeout(timeoutMs);
          const { statusCode, body } = await pool.request({ method: 'GET', path, signal });
          const content = await body.json();
          if (statusCode !== 200)
            throw unavailable('service_unavailable', `${service} answered ${statusCode}.`, 2);
          return content;
        }),
      ),
    getJson: async (path, timeoutMs) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = { accept: 'application/json' };
      const { statusCode, body } = await send({ method: 'GET', path, headers, body: null, signal });
      return { status: statusCode, body: await body.json() };
    },
  };
};

const createInstance = (
  url: string,
  answerTimeoutMs: number,
  report: (state: 0 | 1 | 2) => void,
): Instance => {
  const pool = new Pool(url, {
    connections: connectionsPerInstanceMax,
    connect: { timeout: connectTimeoutMs },
    headersTimeout: answerTimeoutMs,
    bodyTimeout: silenceMaxMs,
  });
  const breaker = new CircuitBreaker((request: Dispatcher.RequestOptions) => pool.request(request), {
    timeout: false,
    volumeThreshold: 5,
    errorThresholdPercentage: 50,
    rollingCountTimeout: 5000,
    rollingCountBuckets: 5,
    resetTimeout: breakerResetMs,
    // The caller went away, which is no failure of the service.
    errorFilter: (error: Error) => error.name === 'AbortError' || error.name === 'TimeoutError',
  });
  report(0);
  breaker.on('close', () => report(0));
  breaker.on('open', () => report(1));
  breaker.on('halfOpen', () => report(2));
  return { pool, breaker };
};

const isStream = (body: UpstreamRequest['body']): body is NodeJS.ReadableStream =>
  body !== null && !Buffer.isBuffer(body);

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

const wasDropped = (error: unknown): boolean =>
  ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error));

const neverArrived = (error: unknown): boolean =>
  ['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EOPENBREAKER'].includes(
    codeOf(error),
  );
