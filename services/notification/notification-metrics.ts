import type { Metrics } from '#platform/service-host';
import type { Result } from './delivery.js';
import type { Template } from './notification.js';

export type NotificationMetrics = {
  /** `sinceEventMs` is the time from the event to now. */
  settled(template: Template, result: Result, sinceEventMs: number): void;
};

export const createNotificationMetrics = (metrics: Metrics): NotificationMetrics => {
  const sent = metrics.counter(
    'notifications_sent_total',
    'Messages that a channel’s provider took (success), or that were given up (failure).',
    ['type', 'status'],
  );
  const duration = metrics.histogram(
    'notification_processing_duration_seconds',
    'From the event to the message that a provider took.',
    ['type'],
    [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  );
  return {
    settled: (type, { status }, sinceEventMs) => {
      if (status === 'skipped') return;
      sent.inc({ type, status: status === 'sent' ? 'success' : 'failure' });
      if (status === 'sent') duration.observe({ type }, sinceEventMs / 1000);
    },
  };
};
