import { z } from 'zod';
import { callerIdOf } from '#platform/http/auth';
import {
  lastEventIdOf,
  nothingFollows,
  type ServerEvent,
  sendEvents,
  streamOf,
  streamQuery,
} from '#platform/http/event-stream';
import type { HttpApp } from '#platform/http/http-app';
import { problems } from '#platform/http/problem-details';
import { text, uuid, wholeNumber } from '#platform/http/text';
import { visible } from './access.js';
import { isFinalStatus, isOpenStatus, orderStatuses } from './order.js';
import { orderTokenHeader, shownStatus, statusSchema } from './order-schemas.js';
import type { OrderView } from './order-view.js';
import type { OrderViews } from './order-view-store.js';

export type StatusRouteDeps = {
  views: OrderViews;
  /** Aborts when the process stops. */
  stopping: AbortSignal;
};

const tags = ['orders'];
const params = z.strictObject({ id: uuid });

/** The ways in which a buyer learns of an order's status: asked, waited for, and pushed. */
export const statusRoutes = (app: HttpApp, deps: StatusRouteDeps): void => {
  statusRoute(app, deps);
  streamRoute(app, deps);
};

const statusRoute = (app: HttpApp, { views, stopping }: StatusRouteDeps): void => {
  app.get(
    '/api/orders/:id/status',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'The status of one order. With `waitMs` it is answered when it changes.',
        description:
          'Without `known` an order that is confirmed, or is what follows on that, is answered at once: its caller may not ' +
          'have seen that it is. With `known` it is waited for as long as it may change.',
        params,
        querystring: z.strictObject({
          waitMs: wholeNumber(0, 10_000).prefault(0),
          known: z
            .enum(orderStatuses)
            .optional()
            .describe('The status that the caller has seen last: any other is answered at once.'),
        }),
        headers: orderTokenHeader,
        response: { 200: statusSchema, ...problems(404) },
      },
    },
    async (request, reply) => {
      const asked = visible(await views.standing(request.params.id), request);
      const { waitMs, known } = request.query;
      const isAwaited = known === undefined ? isOpen(asked) : known === asked.status && !isFinalStatus(known);
      if (waitMs === 0 || !isAwaited) return shownStatus(asked);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const signal = AbortSignal.any([stopping, gone.signal]);
      const callerId = callerIdOf(request.principal);
      return shownStatus(await changedStatus(views, asked, { waitMs, signal, callerId }));
    },
  );
};

const streamRoute = (app: HttpApp, { views, stopping }: StatusRouteDeps): void => {
  app.get(
    '/api/orders/:id/stream',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'The status of one order now, and each change until it is confirmed or cancelled.',
        params,
        querystring: z.strictObject(streamQuery),
        headers: orderTokenHeader.extend({
          'last-event-id': text(64)
            .optional()
            .describe('The id of the last event received: the status is sent only if it is another by now.'),
        }),
        response: {
          200: streamOf(
            'Each is named `status` and has what `/status` answers; its id is the status.',
            statusSchema,
          ),
          204: nothingFollows,
          ...problems(404),
        },
      },
    },
    async (request, reply) => {
      const asked = visible(await views.find(request.params.id), request);
      const known = lastEventIdOf(request);
      if (!isOpen(asked) && known === asked.status) return reply.code(204).send();
      const { seconds } = request.query;
      const callerId = callerIdOf(request.principal);
      const events = (gone: AbortSignal) => statusEvents(views, asked, known, { signal: gone, callerId });
      return sendEvents(reply, events, { stopping, seconds });
    },
  );
};

/** Longer than any stream lasts. */
const streamWaitMsMax = 600_000;

/** Who waits, and what ends it. */
type Watcher = { signal: AbortSignal; callerId: string | undefined };

async function* statusEvents(
  views: OrderViews,
  asked: StatusView,
  known: string | undefined,
  watcher: Watcher,
): AsyncGenerator<ServerEvent> {
  if (asked.status !== known) yield statusEvent(asked);
  for (let order: StatusView = asked; isOpen(order); ) {
    const next = await changedStatus(views, order, { waitMs: streamWaitMsMax, ...watcher });
    // The stream's time is over, or too many wait already: the client connects again.
    if (next.status === order.status) return;
    order = next;
    yield statusEvent(order);
  }
}

const statusEvent = (order: StatusView): ServerEvent => ({
  event: 'status',
  id: order.status,
  data: shownStatus(order),
});

type StatusView = Pick<OrderView, 'orderId' | 'status' | 'reason'>;

const isOpen = ({ status }: Pick<OrderView, 'status'>): boolean => isOpenStatus(status);

/** The order as soon as its status is another, after `waitMs`, when `signal` aborts, or when very many wait already. */
const changedStatus = async (
  views: OrderViews,
  asked: StatusView,
  { waitMs, signal, callerId }: Watcher & { waitMs: number },
): Promise<StatusView> => {
  const { orderId, status } = asked;
  const deadlineMs = performance.now() + waitMs;
  for (let order: StatusView = asked; ; ) {
    const leftMs = deadlineMs - performance.now();
    if (order.status !== status || leftMs <= 0 || signal.aborted) return order;
    const waiting = new AbortController();
    try {
      // Read again after the wait has begun, because it may have changed in between.
      const change = views.changed(orderId, leftMs, AbortSignal.any([signal, waiting.signal]), callerId);
      order = (await views.find(orderId)) ?? order;
      if (order.status === status && !(await change)) return order;
    } finally {
      waiting.abort();
    }
    order = (await views.find(orderId)) ?? order;
  }
};
