import { PlatformError } from '#platform/errors';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import { append, outboxValueBytesMax } from '#platform/outbox/outbox';
import type { Host } from '#platform/service-host';
import type { WritingSink } from '#platform/streams/topology';
import { type EventMap, records } from '#schemas/events';

/** The events that the jobs write. */
export const published = ['Visit', 'Search', 'ProductPerformance', 'StockOut', 'FraudSignal'] as const;

export type Published = (typeof published)[number];
export type Publisher = EventPublisher<Pick<EventMap, Published>>;

type RowOf<T extends Published> = Omit<EventMap[T], 'event_id'>;

/**
 * Appends each row to the outbox, as an event whose id is that of the row: a repeat of it is recognised. A row that is no
 * event, since a sum of odd records exceeds its field or the row exceeds a message, is left out with an error in the log
 * and counted: it would be the same at each attempt, and no row of any job would be written any more.
 */
export const topicSink = <T extends Published>(
  { publisher, logger, metrics }: Pick<Host, 'logger' | 'metrics'> & { publisher: Publisher },
  type: T,
  keyOf: (row: RowOf<T>) => string,
): WritingSink<RowOf<T>> => {
  const unwritable = metrics.counter(
    'stream_rows_unwritable_total',
    'Rows of windows that are no valid event and were left out.',
    ['type'],
  );
  const messageOf = ({ id, row }: { id: string; row: RowOf<T> }): EventMessage[] => {
    try {
      const message = publisher.event(type, keyOf(row), { event_id: id, ...row } as never, {
        eventId: id,
        correlationId: id,
        occurredAt: (row as unknown as { occurred_at: number }).occurred_at,
      });
      assertWritable(message);
      return [message];
    } catch (error) {
      if (!(error instanceof PlatformError) || error.retriable) throw error;
      logger.error({ err: error, type, eventId: id }, 'a row of a window cannot be written and is left out');
      unwritable.inc({ type });
      return [];
    }
  };
  return { into: records[type].topic, write: (tx, rows) => append(tx, rows.flatMap(messageOf)) };
};

const assertWritable = ({ key, value }: EventMessage): void => {
  if ((value?.length ?? 0) > outboxValueBytesMax)
    throw new PlatformError('datum_malformed', `the row has ${value?.length} bytes`, { retriable: false });
  // The outbox keeps keys as PostgreSQL's text, which has no NUL.
  if (key.includes('\0'))
    throw new PlatformError('datum_malformed', 'the key of the row has a NUL', { retriable: false });
};
