import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import type { HttpApp } from '#platform/http/server';
import type { Queryable } from '#platform/postgres/pool';
import { paymentStatuses } from '#schemas/payment-status';
import { staff } from '#schemas/roles';
import { orderStatuses } from './order.js';
import { listUnsettled, type UnsettledOrder, waits } from './unsettled.js';

const sagaSchema = z
  .object({
    orderId: z.uuid(),
    status: z.enum(orderStatuses),
    reason: z.string().optional(),
    paymentStatus: z.enum(paymentStatuses),
    waitsFor: z.array(z.enum(waits)).describe('The steps that have not been answered yet.'),
    refundsFailed: z
      .array(z.object({ refundId: z.uuid(), amountMinor: z.int(), reason: z.string() }))
      .describe('Refunds that the provider has refused for good. Staff have to refund them by other means.'),
    placedAt: z.iso.datetime(),
    since: z.iso.datetime().describe('When the order had its last event.'),
    ageMs: z.int().describe('Milliseconds since the order was placed.'),
    quietMs: z.int().describe('Milliseconds since its last event.'),
  })
  .meta({ id: 'Saga' });

/** For operators: orders whose saga is not finished. */
export const sagaRoutes = (
  app: HttpApp,
  { db, clock, stuckAfterMs }: { db: Queryable; clock: Clock; stuckAfterMs: number },
): void => {
  app.get(
    '/api/ops/sagas',
    {
      access: [...staff],
      schema: {
        tags: ['operations'],
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
    async ({ query: { limit, cursor, stuck } }) => {
      const nowMs = clock.nowMs();
      const rows = await listUnsettled(
        db,
        { quietSinceMs: stuck === 'true' ? nowMs - stuckAfterMs : undefined },
        { afterOrderId: decodeCursor(cursor, z.uuid()), rowsMax: limit + 1 },
      );
      const { items, next } = pageFrom(rows, limit, ({ orderId }) => orderId);
      return { items: items.map((row) => shown(row, nowMs)), next };
    },
  );
};

const shown = (
  { reason, waitsFor, refundsFailed, placedAt, since, ...row }: UnsettledOrder,
  nowMs: number,
): z.output<typeof sagaSchema> => ({
  ...row,
  ...(reason === null ? {} : { reason }),
  waitsFor: [...waitsFor],
  refundsFailed: [...refundsFailed],
  placedAt: placedAt.toISOString(),
  since: since.toISOString(),
  ageMs: Math.max(0, nowMs - placedAt.getTime()),
  quietMs: Math.max(0, nowMs - since.getTime()),
});
