import type { Clock } from '#platform/clock';
import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { Notification } from './notification.js';

export type NotificationRow = Notification & { id: string; occurredAt: Date };

export type NotificationStore = {
  /** The event's id is also the notification's id. False, with nothing changed, when it is recorded already. */
  record(tx: Tx, eventId: string, notification: Notification, occurredAtMs: number): Promise<boolean>;
  /** Newest first; those of all users when `userId` is undefined. */
  history(
    db: Database,
    page: { userId: string | undefined; beforeId: string | undefined; rowsMax: number },
  ): Promise<NotificationRow[]>;
};

export const createNotificationStore = (clock: Clock): NotificationStore => ({
  record: async (tx, eventId, { userId, template, orderId, data }, occurredAtMs) => {
    const { rowCount } = await tx.query(
      `INSERT INTO notifications (id, user_id, template, order_id, data, occurred_at, recorded_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
      [eventId, userId, template, orderId, data, new Date(occurredAtMs), new Date(clock.nowMs())],
    );
    return rowCount === 1;
  },
  history: async (db, { userId, beforeId, rowsMax }) => {
    const { rows } = await db.query<NotificationRow>(
      `SELECT id, user_id AS "userId", template, order_id AS "orderId", data, occurred_at AS "occurredAt"
       FROM notifications
       WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::uuid IS NULL OR id < $2)
       ORDER BY id DESC LIMIT $3`,
      [userId ?? null, beforeId ?? null, rowsMax],
    );
    return rows;
  },
});
