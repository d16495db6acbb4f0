import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { WritingSink } from '#platform/streams/topology';
import { type EventMap, records } from '#schemas/events';

/** The events that the jobs write. */
export const published = ['Visit', 'Search', 'ProductPerformance', 'StockOut', 'FraudSignal'] as const;

export type Published = (typeof published)[number];
export type Publisher = EventPublisher<Pick<EventMap, Published>>;

/** Appends each row to the outbox, as an event whose id is that of the row: a repeat of it is recognised. */
export const topicSink = <T extends Published>(
  publisher: Publisher,
  type: T,
  keyOf: (row: Omit<EventMap[T], 'event_id'>) => string,
): WritingSink<Omit<EventMap[T], 'event_id'>> => ({
  into: records[type].topic,
  write: (tx, rows) =>
    append(
      tx,
      rows.map(({ id, row }) =>
        publisher.event(type, keyOf(row), { event_id: id, ...row } as never, {
          eventId: id,
          correlationId: id,
          occurredAt: (row as unknown as { occurred_at: number }).occurred_at,
        }),
      ),
    ),
});
