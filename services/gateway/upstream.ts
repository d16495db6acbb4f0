import { errors, Pool } from 'undici';
import { PlatformError } from '#platform/errors';
import {
  type LocalAnswer,
  type LocalRequest,
  type LocalServer,
  localServerAt,
} from '#platform/http/local-server';
import { type Problem, unavailable } from '#platform/http/problem-details';
import type { Component, Metrics } from '#platform/service-host';
import { createCircuitGauge } from '#platform/telemetry/circuit-gauge';
import {
  currentTraceparent,
  injectTrace,
  runInContext,
  SpanKind,
  startSpan,
} from '#platform/telemetry/tracing';
import { type Circuit, createCircuit } from '#platform/waiting/circuit';
import { createRemotePasses, type RemotePasses, type RemoteServer } from './remote-pass.js';
import { decoded } from './request-path.js';

/** Bytes of a body can be sent again to another instance; a stream can be sent only once. */
export type UpstreamRequest = LocalRequest;

/** Its body is a stream also where it came over a socket. */
export type UpstreamResponse = LocalAnswer;

export type Upstream = Component & {
  readonly instancesCount: number;
  /**
   * The answer of one instance. An instance in this process is asked without a socket. Instances take turns; one that
   * has failed five times in a row is left out for 2 s.
   * Throws a 503 problem with `Retry-After` when none answers: then nothing was done, except that the outcome of a
   * write whose connection broke is unknown. The wait for a free connection is part of the time an answer may take.
   */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** The only instance, if it is in this process and its circuit is closed. */
  local(): LocalServer | undefined;
  /** The only instance, if it is in another process, its circuit is closed and it has a connection free. */
  remote(): RemoteServer | undefined;
  /** Any instance's answer to a GET, as JSON; throws when it takes longer than `timeoutMs`. */
  getJson(path: string, timeoutMs: number): Promise<JsonAnswer>;
  /** Every instance's answer to a GET, as JSON; rejects when one is away, refuses, or takes longer than `timeoutMs`. */
  getJsonOfEach(path: string, timeoutMs: number): Promise<unknown[]>;
  /**
   * The same whatever the status; undefined for an instance that is away or takes longer. One that answers is asked by
   * others too from then on.
   */
  askEach(path: string, timeoutMs: number): Promise<(JsonAnswer | undefined)[]>;
};

export type JsonAnswer = { status: number; body: unknown };

/**
 * To one instance, over sockets. What stays open (streams, polls that wait) has connections of its own, so that it never
 * keeps an ordinary request waiting; when they are all in use the next is refused with `too_many_watchers`.
 */
export type ConnectionBounds = { ordinaryMax: number; stayingOpenMax: number };

const connectionBounds: ConnectionBounds = { ordinaryMax: 64, stayingOpenMax: 2_000 };
const connectTimeoutMs = 1000;
/** The longest time between two pieces of a body; server-sent events send keep-alives more often. */
const silenceMsMax = 120_000;
const failuresMax = 5;
const openMs = 2000;

/** Both ways to an instance, over a socket and within the process, have this interface and the same failures. */
type Ask = (request: UpstreamRequest) => Promise<UpstreamResponse>;

type Instance = {
  origin: string;
  ask: Ask;
  circuit: Circuit;
  connections: Connections;
  passes: RemotePasses;
};

type Connections = {
  ask: Ask;
  /** For reads whose answers are passed on as they come; `circuit` counts them. */
  passes(circuit: Circuit): RemotePasses;
  close(): Promise<void>;
};

// Over seventy lines: one service's instances, whose choice, circuits and answers share one state.
export const createUpstream = (
  service: string,
  urls: readonly string[],
  metrics: Metrics,
  answerTimeoutMs: number,
  connections = connectionBounds,
): Upstream => {
  const show = createCircuitGauge(metrics);
  const instances = urls.map((url, index) => {
    const instance = createInstance(service, url, answerTimeoutMs, connections);
    show(urls.length === 1 ? service : `${service}-${index + 1}`, instance.circuit);
    return instance;
  });
  let turn = 0;

  const inTurn = (): Instance[] => {
    turn = (turn + 1) % Math.max(1, instances.length);
    const rotated = [...instances.slice(turn), ...instances.slice(0, turn)];
    return rotated.filter(({ circuit }) => circuit.state() !== 'open');
  };

  const theOnly = (): Instance | undefined => {
    const [only] = instances;
    return instances.length === 1 && only?.circuit.state() === 'closed' ? only : undefined;
  };

  const send = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const mayRepeat = !isStream(request.body);
    let lastError: unknown;
    for (const instance of inTurn()) {
      // The service may close a kept-open connection just when a request is sent, so a read is tried once more.
      const attemptsMax = mayRepeat && isSafe(request.method) ? 2 : 1;
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1)
        try {
          return await throughCircuit(instance, request);
        } catch (error) {
          if (request.signal.aborted) throw error;
          lastError = error;
          if (!wasDropped(error)) break;
        }
      if (!(mayRepeat && (isSafe(request.method) || neverArrived(lastError)))) break;
    }
    if (isFull(lastError))
      throw unavailable(tooManyWatchers, 'Too many callers watch at the moment. Try again.', 10);
    throw isTooLate(lastError) ? late(service) : away(service);
  };

  return {
    name: service,
    instancesCount: urls.length,
    start: async () => {},
    stop: async () => {
      await Promise.all(instances.map(({ connections: { close } }) => close()));
    },
    send,
    local: () => {
      const only = theOnly();
      return only && localServerAt(only.origin);
    },
    remote: () => {
      const only = theOnly();
      return only && localServerAt(only.origin) === undefined ? only.passes.server() : undefined;
    },
    getJsonOfEach: (path, timeoutMs) =>
      Promise.all(
        instances.map(async ({ ask }) => {
          const { status, body } = await jsonIn(await ask(readOf(path, timeoutMs)));
          if (status !== 200) throw unavailable('service_unavailable', `${service} answered ${status}.`, 2);
          return body;
        }),
      ),
    askEach: (path, timeoutMs) =>
      Promise.all(
        instances.map(async ({ ask, circuit }) => {
          try {
            const answer = await ask(readOf(path, timeoutMs));
            circuit.succeed();
            return await jsonIn(answer);
          } catch {
            return undefined;
          }
        }),
      ),
    getJson: async (path, timeoutMs) => jsonIn(await send(readOf(path, timeoutMs))),
  };
};

export const late = (service: string): Problem =>
  unavailable('service_timeout', `The ${service} service did not answer in time.`, 2);

export const away = (service: string): Problem =>
  unavailable('service_unavailable', `The ${service} service is not available at the moment.`, 2);

const readOf = (path: string, timeoutMs: number): UpstreamRequest => ({
  method: 'GET',
  path,
  headers: { accept: 'application/json' },
  body: null,
  signal: AbortSignal.timeout(timeoutMs),
});

/** The whole body. Check `Content-Length` before, since it is not bounded. */
export const wholeBodyOf = async ({ body }: Pick<UpstreamResponse, 'body'>): Promise<string | Buffer> => {
  if (body === null || typeof body === 'string' || Buffer.isBuffer(body)) return body ?? '';
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
};

const jsonIn = async (answer: UpstreamResponse): Promise<JsonAnswer> => ({
  status: answer.statusCode,
  body: JSON.parse(String(await wholeBodyOf(answer))),
});

const createInstance = (
  service: string,
  url: string,
  answerTimeoutMs: number,
  connectionsMax: ConnectionBounds,
): Instance => {
  const connections = createConnections(service, url, answerTimeoutMs, connectionsMax);
  const { origin } = new URL(url);
  const bounds = { answerTimeoutMs, silenceMsMax };
  // Looked up each time: an instance that stops is no longer there, and then its socket refuses connections.
  const ask: Ask = async (request) => {
    const local = localServerAt(origin);
    return local === undefined ? await connections.ask(request) : await local.ask(request, bounds);
  };
  const circuit = createCircuit({ failuresMax, openMs, monotonicMs: () => performance.now() });
  return { origin, ask, circuit, connections, passes: connections.passes(circuit) };
};

const createConnections = (
  service: string,
  url: string,
  answerTimeoutMs: number,
  { ordinaryMax, stayingOpenMax }: ConnectionBounds,
): Connections => {
  const poolOf = (connections: number): Pool =>
    new Pool(url, {
      connections,
      connect: { timeout: connectTimeoutMs },
      headersTimeout: answerTimeoutMs,
      bodyTimeout: silenceMsMax,
    });
  const ordinary = poolOf(ordinaryMax);
  const passing = poolOf(ordinaryMax);
  const stayingOpen = poolOf(stayingOpenMax);
  return {
    ask: async (request) => {
      if (!staysOpen(request)) return askOverSocket(service, ordinary, request, answerTimeoutMs);
      if (stayingOpen.stats.size >= stayingOpenMax) throw new ConnectionsFull('all connections are in use');
      return askOverSocket(service, stayingOpen, request, answerTimeoutMs);
    },
    passes: (circuit) =>
      createRemotePasses(passing, ordinaryMax, {
        wasDropped,
        settled: (isAnswered) => (isAnswered ? circuit.succeed() : circuit.fail()),
      }),
    close: async () => {
      await Promise.all([ordinary.destroy(), passing.destroy(), stayingOpen.destroy()]);
    },
  };
};

const streamPath = /\/(?:stream|live)\/?(?:[?#]|$)/i;
const waitingQuery = /[?&]waitMs=/;

/** True for a request whose answer may be long in coming, or never end. It is read as its service reads it: decoded. */
export const staysOpen = ({
  method,
  path,
  headers,
}: Pick<UpstreamRequest, 'method' | 'path'> & { headers: { accept?: unknown } }): boolean => {
  if (!isSafe(method)) return false;
  if (String(headers.accept).includes('text/event-stream')) return true;
  const read = decoded(path);
  return streamPath.test(read) || waitingQuery.test(read);
};

const tooManyWatchers = 'too_many_watchers';

/** Nothing was sent, and the instance is as well as before. */
class ConnectionsFull extends Error {
  readonly code = tooManyWatchers;
}

class CircuitOpen extends Error {
  readonly code = 'circuit_open';
}

const throughCircuit = async (
  { ask, circuit }: Instance,
  request: UpstreamRequest,
): Promise<UpstreamResponse> => {
  if (circuit.restMs() > 0) throw new CircuitOpen('the circuit is open');
  try {
    const answer = await ask(request);
    circuit.succeed();
    return answer;
  } catch (error) {
    const { name } = error as Error;
    // The caller went away, which is no failure of the service.
    if (name !== 'AbortError' && name !== 'TimeoutError' && !isFull(error)) circuit.fail();
    throw error;
  }
};

/** Inside a trace the way over the network is a span of its own. */
const askOverSocket = async (
  service: string,
  pool: Pool,
  request: UpstreamRequest,
  answerTimeoutMs: number,
): Promise<UpstreamResponse> => {
  const ask = (headers: UpstreamRequest['headers']): Promise<UpstreamResponse> =>
    inTime(pool, { ...request, headers }, answerTimeoutMs);
  if (currentTraceparent() === undefined) return await ask(request.headers);
  const { span, within } = startSpan(`${request.method} ${service}`, {
    kind: SpanKind.CLIENT,
    attributes: { 'http.request.method': request.method, 'peer.service': service },
  });
  try {
    const headers = { ...request.headers };
    injectTrace(headers as Record<string, string>, within);
    const answer = await runInContext(within, () => ask(headers));
    span.setAttribute('http.response.status_code', answer.statusCode);
    return answer;
  } catch (error) {
    span.setStatus({ code: 2, message: (error as Error).message });
    throw error;
  } finally {
    span.end();
  }
};

/**
 * Undici's own timeout begins when a connection is free; this one counts the wait for it too. A request that is aborted
 * while it waits is never sent, but undici settles it only at its turn.
 */
const inTime = async (
  pool: Pool,
  request: UpstreamRequest,
  answerTimeoutMs: number,
): Promise<UpstreamResponse> => {
  const late = new AbortController();
  const signal = AbortSignal.any([request.signal, late.signal]);
  const asked = pool.request({ ...request, signal } as Parameters<Pool['request']>[0]);
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = `no answer in ${answerTimeoutMs} ms`;
      const fault = new PlatformError('dependency_timeout', reason, { retriable: true });
      late.abort(fault);
      reject(fault);
    }, answerTimeoutMs);
  });
  // A body that is sent piece by piece takes as long as its sender does.
  if (isStream(request.body)) request.body.once('resume', () => clearTimeout(timer));
  asked.catch(() => {});
  try {
    return await Promise.race([asked, tooLate]);
  } finally {
    clearTimeout(timer);
  }
};

const isStream = (body: UpstreamRequest['body']): body is NodeJS.ReadableStream =>
  body !== null && !Buffer.isBuffer(body);

export const isSafe = (method: string): boolean =>
  method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

const isTooLate = (error: unknown): boolean =>
  error instanceof errors.HeadersTimeoutError || codeOf(error) === 'dependency_timeout';

const isFull = (error: unknown): boolean => error instanceof ConnectionsFull;

const wasDropped = (error: unknown): boolean =>
  ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'dependency_unavailable'].includes(codeOf(error));

const neverArrived = (error: unknown): boolean =>
  [
    'ECONNREFUSED',
    'UND_ERR_CONNECT_TIMEOUT',
    'EHOSTUNREACH',
    'ENOTFOUND',
    'circuit_open',
    tooManyWatchers,
  ].includes(codeOf(error));
