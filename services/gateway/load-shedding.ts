import type { FastifyRequest } from 'fastify';
import { unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import type { Metrics } from '#platform/service-host';
import { pathOf } from './request-path.js';

/**
 * Refuses requests beyond `inFlightMax` with an immediate 503, so that the others need not wait long. Health and
 * metrics are always answered. Returns a function by which a long-lived stream releases its place early.
 */
export const shedLoad = (
  app: HttpApp,
  metrics: Metrics,
  inFlightMax: number,
): ((request: FastifyRequest) => void) => {
  const gauge = metrics.gauge('gateway_requests_in_flight', 'Requests being answered');
  const shed = metrics.counter(
    'gateway_requests_shed_total',
    'Requests refused because too many were in progress',
  );
  const counted = new Set<FastifyRequest>();
  metrics.beforeRender(() => gauge.set(counted.size));
  const leave = (request: FastifyRequest): void => void counted.delete(request);
  app.addHook('onRequest', (request, reply, done) => {
    if (!pathOf(request).startsWith('/api/')) return done();
    if (counted.size >= inFlightMax) {
      shed.inc();
      return done(
        unavailable('overloaded', 'There are too many requests at the moment. Try again in a moment.', 1),
      );
    }
    counted.add(request);
    reply.raw.once('close', () => leave(request));
    done();
  });
  return leave;
};
