import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpApp } from '#platform/http/http-app';
import { problem, unavailable } from '#platform/http/problem-details';
import type { Metrics } from '#platform/service-host';
import { decoded, pathOf } from './request-path.js';

export type Places = {
  /**
   * Takes a place until the response closes, unless it has one; false if there is none. A response that is not read is
   * closed. A request that waits for a change (`waitMs`) costs nothing meanwhile, so it needs a free place and does not
   * keep it.
   */
  tryEnter(response: ServerResponse, url: string): boolean;
  /** False while every place is taken. */
  isFree(): boolean;
  /** Releases the place early, for a long-lived stream. */
  leave(response: ServerResponse): void;
};

const statusPath = /^(?:https?:\/\/[^/]*)?\/api\/orders\/[\da-f-]{36}\/status$/i;
const longPollCharsMax = 400;

/** A buyer's wait for the next status of one order, however it is written; the order service bounds how many wait. */
const isLongPoll = (url: string): boolean => {
  const queryAt = url.indexOf('?');
  if (queryAt < 0 || url.length > longPollCharsMax || !statusPath.test(decoded(url.slice(0, queryAt))))
    return false;
  return new URLSearchParams(url.slice(queryAt)).has('waitMs');
};

/** Who takes no byte of an answer for so long has gone, or keeps the place from others. */
const unreadMsMax = 60_000;

/** An answer that has not begun is waited for: that its service takes long is no fault of the client. */
const cutOffUnread = (response: ServerResponse, bounds: { unreadMsMax: number }): void => {
  response.setTimeout(bounds.unreadMsMax, () => {
    if (response.headersSent) response.destroy();
  });
};

/** Places for `inFlightMax` requests at once. */
export const createPlaces = (
  metrics: Metrics,
  inFlightMax: number,
  bounds: { unreadMsMax: number } = { unreadMsMax },
): Places => {
  const gauge = metrics.gauge('gateway_requests_in_flight', 'Requests being answered');
  const taken = new Set<ServerResponse>();
  metrics.beforeRender(() => gauge.set(taken.size));
  const leave = (response: ServerResponse): void => void taken.delete(response);
  return {
    leave: (response) => {
      leave(response);
      response.setTimeout(0);
    },
    isFree: () => taken.size < inFlightMax,
    tryEnter: (response, url) => {
      // Who has gone already takes none: there is no end to come that would give it back.
      if (response.closed || taken.has(response)) return true;
      if (taken.size >= inFlightMax) return false;
      if (isLongPoll(url)) return true;
      taken.add(response);
      response.once('close', () => leave(response));
      cutOffUnread(response, bounds);
      return true;
    },
  };
};

/** How long a body may take to arrive; one that is streamed to its service may take as long as a whole request. */
const bodyMsMax = 30_000;
export const streamedMediaType = 'application/x-ndjson';

/** Whether the body is passed on line by line: by its media type, in whatever case and with whatever parameters. */
export const isStreamed = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === streamedMediaType;

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Refuses requests for which there is no place with an immediate 503, so that the others need not wait long. Health and
 * metrics are always answered. A request takes its place when its body is here: otherwise whoever sends the beginnings of a
 * few hundred bodies and no more would keep everybody out.
 */
export const shedLoad = (
  app: HttpApp,
  metrics: Metrics,
  places: Places,
  bounds: { bodyMsMax: number } = { bodyMsMax },
): void => {
  const shed = metrics.counter(
    'gateway_requests_shed_total',
    'Requests refused because too many were in progress',
  );
  const refusal = () => {
    shed.inc();
    return unavailable('overloaded', 'There are too many requests at the moment. Try again in a moment.', 1);
  };
  const isMeant = (request: FastifyRequest): boolean => pathOf(request).startsWith('/api/');

  app.addHook('onRequest', (request, reply, done) => {
    if (!isMeant(request)) return done();
    const isAdmitted = hasBody(request) ? places.isFree() : places.tryEnter(reply.raw, request.url);
    done(isAdmitted ? undefined : refusal());
  });
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (hasBody(request) && !isStreamed(request)) limitBody(request, reply, bounds);
    done();
  });
  app.addHook('preValidation', (request, reply, done) => {
    if (!isMeant(request) || places.tryEnter(reply.raw, request.url)) return done();
    done(refusal());
  });
};

/** Answers 408 and closes the connection when the body has not come in time. */
const limitBody = ({ raw }: FastifyRequest, reply: FastifyReply, bounds: { bodyMsMax: number }): void => {
  if (raw.complete) return;
  const timer = setTimeout(() => {
    // An answer that has begun cannot become another.
    if (reply.sent || reply.raw.headersSent) return;
    const late = problem(408, 'body_timeout', 'The body of the request did not arrive in time.');
    reply.header('connection', 'close').send(late);
  }, bounds.bodyMsMax);
  const stop = () => clearTimeout(timer);
  raw.once('end', stop);
  raw.once('close', stop);
};
