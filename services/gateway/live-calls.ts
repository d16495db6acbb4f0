import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { authorise } from '#platform/http/auth';
import type { ServerEvent } from '#platform/http/event-stream';
import { eventsIn } from '#platform/http/event-stream-reader';
import { Problem } from '#platform/http/problem-details';
import { sleep } from '#platform/waiting/sleep';
import { staff } from '#schemas/roles';
import type { ServiceName } from '../table.js';
import { requestHeaders } from './forwarding.js';
import type { TopicName } from './live-topics.js';
import type { OpsSignalSource } from './ops-signal-reads.js';
import { type Upstream, wholeBodyOf } from './upstream.js';

/** What a topic's source answered: its events from there on, or why there are none. */
export type Opened =
  | { kind: 'events'; events: AsyncIterable<ServerEvent> }
  /** Nothing follows, now or later. */
  | { kind: 'over' }
  /** The source does not answer at the moment. */
  | { kind: 'away'; code: string; retryAfterS: number }
  | { kind: 'refused'; problem: Problem };

/** Opens a topic for the caller of `request` after the event `lastId`; its events end when `gone` aborts. */
export type OpenTopic = (
  topic: TopicName,
  request: FastifyRequest,
  lastId: string | undefined,
  gone: AbortSignal,
) => Promise<Opened>;

const opsEveryMs = 2_500;

/** Each topic is asked of the service that has it, with the caller's own credentials: the service decides who may. */
export const createOpenTopic =
  (upstreams: Readonly<Record<ServiceName, Pick<Upstream, 'send'>>>, signals: OpsSignalSource): OpenTopic =>
  async (topic, request, lastId, gone) => {
    if (topic === 'ops') return openOps(signals, request, lastId, gone);
    const { service, path } = sourceOf(topic);
    return openUpstream(upstreams[service], path, request, lastId, gone);
  };

/** The service that has a topic, and where it streams it. */
const sourceOf = (topic: TopicName): { service: ServiceName; path: string } => {
  if (topic === 'analytics') return { service: 'analytics', path: '/api/analytics/live' };
  const orderId = topic.slice('orders.'.length);
  return { service: 'order', path: `/api/orders/${orderId}/stream` };
};

const openUpstream = async (
  upstream: Pick<Upstream, 'send'>,
  path: string,
  request: FastifyRequest,
  lastId: string | undefined,
  signal: AbortSignal,
): Promise<Opened> => {
  const headers = requestHeaders(request);
  delete headers['last-event-id'];
  if (lastId !== undefined) headers['last-event-id'] = lastId;
  headers.accept = 'text/event-stream';
  try {
    const answer = await upstream.send({ method: 'GET', path, headers, body: null, signal });
    const { statusCode, body } = answer;
    if (statusCode === 204) return { kind: 'over' };
    if (statusCode === 200) {
      const pieces =
        body === null || typeof body === 'string' || Buffer.isBuffer(body)
          ? Readable.from([body ?? ''])
          : body;
      return { kind: 'events', events: eventsIn(pieces as AsyncIterable<Buffer | string>) };
    }
    const { code, detail } = JSON.parse(String(await wholeBodyOf(answer))) as {
      code: string;
      detail: string;
    };
    const retryAfterS = Number(answer.headers['retry-after'] ?? 1);
    return statusCode >= 500 || statusCode === 429
      ? { kind: 'away', code, retryAfterS }
      : { kind: 'refused', problem: new Problem(statusCode, code, detail) };
  } catch (error) {
    if (error instanceof Problem) return { kind: 'away', code: error.code, retryAfterS: 2 };
    return { kind: 'away', code: 'service_unavailable', retryAfterS: 2 };
  }
};

const openOps = (
  signals: OpsSignalSource,
  request: FastifyRequest,
  lastId: string | undefined,
  gone: AbortSignal,
): Opened => {
  try {
    authorise(request.principal, [...staff], 'ops:read');
  } catch (error) {
    if (error instanceof Problem) return { kind: 'refused', problem: error };
    throw error;
  }
  return { kind: 'events', events: opsEvents(signals, request, lastId, gone) };
};

/** The signals now, and again whenever they are others. */
async function* opsEvents(
  signals: OpsSignalSource,
  { principal, headers }: FastifyRequest,
  lastId: string | undefined,
  gone: AbortSignal,
): AsyncGenerator<ServerEvent> {
  let known = lastId;
  while (!gone.aborted) {
    const data = await signals.read(principal, headers.authorization);
    const { asOf: _, ...said } = data;
    const id = createHash('sha256').update(JSON.stringify(said)).digest('base64url').slice(0, 12);
    if (id !== known) yield { id, data };
    known = id;
    await sleep(opsEveryMs, { signal: gone });
  }
}
