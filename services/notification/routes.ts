import { z } from 'zod';
import { hasRole } from '#platform/http/auth';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import type { HttpApp } from '#platform/http/server';
import type { Database } from '#platform/postgres/pool';
import { templates } from './notification.js';
import type { NotificationStore } from './notification-store.js';

const notificationSchema = z
  .object({
    id: z.uuid(),
    userId: z.uuid().nullable().describe('Null for a guest.'),
    template: z.enum(templates),
    orderId: z.uuid(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    occurredAt: z.iso.datetime(),
  })
  .meta({ id: 'Notification' });

export const notificationRoutes = (app: HttpApp, db: Database, notifications: NotificationStore): void => {
  app.get(
    '/api/notifications/history',
    {
      access: 'user',
      schema: {
        tags: ['notifications'],
        summary: 'Your notifications, newest first; staff see everybody’s.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(notificationSchema) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const { principal } = request;
      const beforeId = decodeCursor(cursor, z.uuid());
      const isStaff = hasRole(principal, 'support', 'admin');
      const userId = isStaff || principal.kind !== 'user' ? undefined : principal.userId;
      const rows = await notifications.history(db, { userId, beforeId, rowsMax: limit + 1 });
      const { items, next } = pageFrom(rows, limit, ({ id }) => id);
      return { items: items.map((row) => ({ ...row, occurredAt: row.occurredAt.toISOString() })), next };
    },
  );
};
