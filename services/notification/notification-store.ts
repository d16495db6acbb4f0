import type { Clock } from '#platform/clock';
import type { Batch } from '#platform/postgres/gathering';
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

/** Whether each is new. */
const recordAll: Batch<NotificationRow & { recordedAt: Date }, boolean> = async (tx, notifications) => {
  const { rows } = await tx.query<{ id: string }>(
    `INSERT INTO notifications (id, user_id, template, order_id, data, occurred_at, recorded_at)
     SELECT id, "userId", template, "orderId", data, "occurredAt", "recordedAt"
     FROM jsonb_to_recordset($1::jsonb) AS notification(id uuid, "userId" uuid, template text, "orderId" uuid,
       data jsonb, "occurredAt" timestamptz, "recordedAt" timestamptz)
     ON CONFLICT (id) DO NOTHING RETURNING id`,
    [JSON.stringify(notifications)],
  );
  const recorded = new Set(rows.map(({ id }) => id));
  return notifications.map(({ id }) => recorded.has(id));
};

export const createNotificationStore = (clock: Clock): NotificationStore => ({
  record: (tx, eventId, notification, occurredAtMs) =>
    tx.gather(recordAll, {
      id: eventId,
      ...notification,
      occurredAt: new Date(occurredAtMs),
      recordedAt: new Date(clock.nowMs()),
    }),
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
