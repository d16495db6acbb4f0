import type { ServerResponse } from 'node:http';
import { unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import type { Metrics } from '#platform/service-host';
import { pathOf } from './request-path.js';

export type Places = {
  /**
   * Takes a place until the response closes, unless it has one; false if there is none. A request that waits for a change
   * (`waitMs`) costs nothing meanwhile, so it needs a free place and does not keep it.
   */
  tryEnter(response: ServerResponse, url: string): boolean;
  /** Releases the place early, for a long-lived stream. */
  leave(response: ServerResponse): void;
};

/** A buyer's wait for the next status of one order; the order service bounds how many wait. */
const longPoll = /^\/api\/orders\/[\da-f-]{36}\/status\?waitMs=\d{1,5}$/;
const isLongPoll = (url: string): boolean => url.length < 100 && longPoll.test(url);

/** Places for `inFlightMax` requests at once. */
export const createPlaces = (metrics: Metrics, inFlightMax: number): Places => {
  const gauge = metrics.gauge('gateway_requests_in_flight', 'Requests being answered');
  const taken = new Set<ServerResponse>();
  metrics.beforeRender(() => gauge.set(taken.size));
  const leave = (response: ServerResponse): void => void taken.delete(response);
  return {
    leave,
    tryEnter: (response, url) => {
      if (taken.has(response)) return true;
      if (taken.size >= inFlightMax) return false;
      if (isLongPoll(url)) return true;
      taken.add(response);
      response.once('close', () => leave(response));
      return true;
    },
  };
};

/**
 * Refuses requests for which there is no place with an immediate 503, so that the others need not wait long. Health and
 * metrics are always answered.
 */
export const shedLoad = (app: HttpApp, metrics: Metrics, places: Places): void => {
  const shed = metrics.counter(
    'gateway_requests_shed_total',
    'Requests refused because too many were in progress',
  );
  app.addHook('onRequest', (request, reply, done) => {
    if (!pathOf(request).startsWith('/api/') || places.tryEnter(reply.raw, request.url)) return done();
    shed.inc();
    done(unavailable('overloaded', 'There are too many requests at the moment. Try again in a moment.', 1));
  });
};
