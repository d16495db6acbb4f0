import type { Clock } from '#platform/clock';
import type { Reactions } from '#platform/messaging/reactor';
import type { Logger, Metrics } from '#platform/service-host';
import type { EventMap } from '#schemas/events';
import { type Notification, notificationOf } from './notification.js';
import type { NotificationStore } from './notification-store.js';

/** Notification's reactions: each records a notification to the buyer. */
export const reactions = (deps: {
  notifications: NotificationStore;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}): Reactions<EventMap> => {
  const recorded = deps.metrics.counter('notifications_sent_total', 'Notifications by type and outcome.', [
    'type',
    'status',
  ]);
  const duration = deps.metrics.histogram(
    'notification_processing_duration_seconds',
    'From the event to the recorded notification.',
    ['type'],
    [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  );
  const record = async (
    tx: Parameters<NotificationStore['record']>[0],
    eventId: string,
    notification: Notification,
    occurredAtMs: number,
  ): Promise<void> => {
    if (!(await deps.notifications.record(tx, eventId, notification, occurredAtMs))) return;
    tx.afterCommit(() => {
      recorded.inc({ type: notification.template, status: 'success' });
      duration.observe({ type: notification.template }, (deps.clock.nowMs() - occurredAtMs) / 1000);
      deps.logger.info({ orderId: notification.orderId }, `recorded ${notification.template}`);
    });
  };

  return {
    OrderConfirmed: (tx, { eventId, value }) =>
      record(tx, eventId, notificationOf.OrderConfirmed(value), value.occurredAt),
    OrderCancelled: (tx, { eventId, value }) =>
      record(tx, eventId, notificationOf.OrderCancelled(value), value.occurredAt),
    OrderShipped: (tx, { eventId, value }) =>
      record(tx, eventId, notificationOf.OrderShipped(value), value.occurredAt),
    OrderDelivered: (tx, { eventId, value }) =>
      record(tx, eventId, notificationOf.OrderDelivered(value), value.occurredAt),
    OrderReturned: (tx, { eventId, value }) =>
      record(tx, eventId, notificationOf.OrderReturned(value), value.occurredAt),
  };
};
