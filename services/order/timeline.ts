import type { ReceivedEvent } from '#platform/messaging/events';
import type { Batch } from '#platform/postgres/gathering';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { type EventMap, records } from '#schemas/events';

export type TimelineEntry = {
  type: string;
  service: string;
  occurredAt: Date;
  data: Record<string, unknown>;
};

/** Puts an event of this service on the order's timeline. */
export const noteOwn = async (
  tx: Tx,
  orderId: string,
  {
    eventId,
    type,
    occurredAtMs,
    data,
  }: { eventId: string; type: string; occurredAtMs: number; data: object },
): Promise<void> => {
  const entry = { type, service: 'order', occurredAt: new Date(occurredAtMs), data: shownOf(data) };
  await insert(tx, orderId, eventId, entry);
};

/**
 * Puts another service's event on the order's timeline. False when it is there already: then its effects have happened
 * and must not happen again.
 */
export const noteOther = (
  tx: Tx,
  orderId: string,
  {
    type,
    eventId,
    occurredAt,
    topic,
    value,
  }: Pick<ReceivedEvent, 'type' | 'eventId' | 'occurredAt' | 'topic'> & {
    value: object;
  },
): Promise<boolean> => {
  const service = serviceOf[topic] ?? topic;
  return insert(tx, orderId, eventId, {
    type,
    service,
    occurredAt: new Date(occurredAt),
    data: shownOf(value),
  });
};

/** Sorted by the time of the event; events of the same millisecond by their arrival here. */
export const timelineOf = async (db: Queryable, orderId: string): Promise<TimelineEntry[]> => {
  const { rows } = await db.query<TimelineEntry>(
    `SELECT type, service, occurred_at AS "occurredAt", data FROM order_events
     WHERE order_id = $1 ORDER BY occurred_at, seq`,
    [orderId],
  );
  return rows;
};

const serviceOf: Record<string, string> = {
  [records.StockReserved.topic]: 'inventory',
  [records.PaymentAuthorized.topic]: 'payment',
};

const insert = (tx: Tx, orderId: string, eventId: string, entry: TimelineEntry): Promise<boolean> =>
  tx.gather(insertAll, { orderId, eventId, ...entry });

/** Whether each entry is new. */
const insertAll: Batch<TimelineEntry & { orderId: string; eventId: string }, boolean> = async (
  tx,
  entries,
) => {
  const { rows } = await tx.query<{ event: string }>(
    `INSERT INTO order_events (order_id, event_id, type, service, occurred_at, data)
     SELECT "orderId", "eventId", type, service, "occurredAt", data FROM jsonb_to_recordset($1::jsonb)
       AS entry("orderId" uuid, "eventId" text, type text, service text, "occurredAt" timestamptz, data jsonb)
     ON CONFLICT DO NOTHING RETURNING order_id || ' ' || event_id AS event`,
    [JSON.stringify(entries)],
  );
  const isNew = new Set(rows.map(({ event }) => event));
  return entries.map(({ orderId, eventId }) => isNew.delete(`${orderId} ${eventId}`));
};

type SagaEvents = EventMap['OrderPlaced'] &
  EventMap['OrderReturned'] &
  EventMap['StockReserved'] &
  EventMap['PaymentRefunded'];

/** What the timeline shows of an event. A field is not shown to buyers until it is named here. */
const fieldsShown = [
  'version',
  'userId',
  'visitId',
  'lines',
  'totalMinor',
  'currency',
  'paymentMethod',
  'shippingCountry',
  'paymentId',
  'returnId',
  'refundMinor',
  'isFull',
  'reason',
  'expiresAt',
  'refundId',
  'amountMinor',
  'method',
] as const satisfies readonly (keyof SagaEvents)[];

const shownOf = (value: object): Record<string, unknown> => {
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(fieldsShown.filter((name) => name in fields).map((name) => [name, fields[name]]));
};
