import { z } from 'zod';
import type { Clock } from '#platform/clock';
import type { HttpApp } from '#platform/http/http-app';
import { idempotentIfKeyed } from '#platform/http/idempotency';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Logger } from '#platform/service-host';
import { paymentStatuses } from '#schemas/payment-status';
import { staff } from '#schemas/roles';
import { unknownOrder } from './access.js';
import { type OrderCommand, orderStatuses } from './order.js';
import type { OrderMetrics } from './order-metrics.js';
import type { OrderStore } from './order-store.js';
import type { OrderViews } from './order-view-store.js';
import { sagaSentence } from './saga-sentence.js';
import { findSaga, listUnsettled, type UnsettledOrder, waits } from './unsettled.js';

const sagaSchema = z
  .object({
    orderId: z.uuid(),
    status: z.enum(orderStatuses),
    reason: z.string().optional(),
    paymentStatus: z.enum(paymentStatuses),
    sentence: z.string().describe('What it waits for, in one sentence for people.'),
    waitsFor: z.array(z.enum(waits)).describe('The steps that have not been answered yet.'),
    refundsFailed: z
      .array(z.object({ refundId: z.uuid(), amountMinor: z.int(), reason: z.string() }))
      .describe(
        'Refunds that the provider has refused, or that the bank has sent back. `retry` asks for them once more.',
      ),
    placedAt: z.iso.datetime(),
    since: z.iso.datetime().describe('When the order had its last event.'),
    ageMs: z.int().describe('Milliseconds since the order was placed.'),
    quietMs: z.int().describe('Milliseconds since its last event.'),
  })
  .meta({ id: 'Saga' });

const tags = ['operations'];
const params = z.strictObject({ orderId: uuid });

export type SagaRouteDeps = {
  db: Database;
  orders: OrderStore;
  views: OrderViews;
  metrics: OrderMetrics;
  clock: Clock;
  logger: Logger;
  stuckAfterMs: number;
};

/** For operators: orders whose saga is not finished, and what they can do about one. */
export const sagaRoutes = (app: HttpApp, deps: SagaRouteDeps): void => {
  listRoute(app, deps);
  retryRoute(app, deps);
  compensateRoute(app, deps);
};

const listRoute = (app: HttpApp, { db, clock, stuckAfterMs }: SagaRouteDeps): void => {
  app.get(
    '/api/ops/sagas',
    {
      access: [...staff],
      schema: {
        tags,
        summary: 'Orders whose saga is not finished, oldest first; with `stuck=true` only the stuck ones.',
        querystring: z.strictObject({
          ...listQuery,
          stuck: z
            .enum(['true', 'false'])
            .optional()
            .describe(`\`true\`: only orders that have had no event for ${stuckAfterMs / 1000} s.`),
        }),
        response: { 200: pageOf(sagaSchema) },
      },
    },
    async (request) => {
      const { limit, stuck } = request.query;
      const nowMs = clock.nowMs();
      const rows = await listUnsettled(
        db,
        { quietSinceMs: stuck === 'true' ? nowMs - stuckAfterMs : undefined },
        { afterOrderId: decodeCursor(request, z.uuid()), rowsMax: limit + 1 },
      );
      const { items, next } = pageFrom(request, rows, ({ orderId }) => orderId);
      return { items: items.map((row) => shown(row, nowMs)), next };
    },
  );
};

const retryRoute = (app: HttpApp, deps: SagaRouteDeps): void => {
  app.post(
    '/api/ops/sagas/:orderId/retry',
    {
      access: [...staff],
      schema: {
        tags,
        summary: 'Ask every service again for what an order waits for. What was done is not done again.',
        params,
        response: { 202: sagaSchema, ...problems(404, 409) },
      },
    },
    async ({ params: { orderId } }, reply) => {
      const before = await findSaga(deps.db, orderId);
      if (before === undefined) throw unknownOrder();
      if (before.waitsFor.length === 0)
        throw problem(409, 'saga_finished', 'The saga of this order waits for nothing.');
      const saga = await inTransaction(deps.db, (tx) =>
        act(tx, deps, orderId, { type: 'GiveUpOverdue', nowMs: deps.clock.nowMs() }),
      );
      return reply.code(202).send(saga);
    },
  );
};

const compensateRoute = (app: HttpApp, deps: SagaRouteDeps): void => {
  app.post(
    '/api/ops/sagas/:orderId/compensate',
    {
      access: [...staff],
      accepts: ['idempotency-key'],
      schema: {
        tags,
        summary:
          'Cancel an order that does not come to an end: its stock is released, its money voided or refunded.',
        description:
          'Possible until the goods leave. An order that is cancelled already is asked for again to be undone, except where a ' +
          'repeat with the same `Idempotency-Key` receives the first answer.',
        params,
        response: { 202: sagaSchema, ...problems(404, 409) },
      },
    },
    async (request, reply) =>
      idempotentIfKeyed(deps.db, request, reply, async (tx) => {
        const { orderId } = request.params;
        const saga = await findSaga(tx, orderId);
        if (saga === undefined) throw unknownOrder();
        const reason = saga.waitsFor.some((wait) => wait.startsWith('stock'))
          ? 'timed_out'
          : 'payment_unavailable';
        const nowMs = deps.clock.nowMs();
        return {
          status: 202,
          body: await act(tx, deps, orderId, { type: 'CancelAtRequest', reason, nowMs }),
        };
      }),
  );
};

/** The saga after the command, and after the other services were asked for what is missing then. */
const act = async (
  tx: Tx,
  { orders, views, metrics, clock, logger }: SagaRouteDeps,
  orderId: string,
  command: OrderCommand,
): Promise<z.output<typeof sagaSchema>> => {
  const outcome = await orders.update(tx, orderId, command);
  if (outcome === null) throw unknownOrder();
  if ('refused' in outcome)
    throw problem(
      409,
      outcome.refused,
      'The goods of this order have left or are back, so it is not cancelled.',
    );
  await orders.askForSteps(tx, orderId, outcome.after);
  tx.afterCommit(() => {
    views.forget(orderId);
    metrics.observe(outcome, clock.nowMs());
    logger.warn({ orderId, command: command.type }, 'saga continued by staff');
  });
  const saga = await findSaga(tx, orderId);
  if (saga === undefined) throw unknownOrder();
  return shown(saga, clock.nowMs());
};

const shown = (saga: UnsettledOrder, nowMs: number): z.output<typeof sagaSchema> => {
  const { reason, waitsFor, refundsFailed, placedAt, since, ...row } = saga;
  return {
    ...row,
    sentence: sagaSentence(saga, nowMs),
    ...(reason === null ? {} : { reason }),
    waitsFor: [...waitsFor],
    refundsFailed: [...refundsFailed],
    placedAt: placedAt.toISOString(),
    since: since.toISOString(),
    ageMs: Math.max(0, nowMs - placedAt.getTime()),
    quietMs: Math.max(0, nowMs - since.getTime()),
  };
};
