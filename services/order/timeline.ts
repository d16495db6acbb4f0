import type { ReceivedEvent } from '#platform/messaging/events';
import type { Batch } from '#platform/postgres/gathering';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { type EventMap, type OrderStepsAskedReturn, records } from '#schemas/events';

/** Where an event is on the log and what it belongs to, for staff. What is not known yet is null. */
export type EventOrigin = {
  correlationId: string;
  causationId: string | null;
  traceparent: string | null;
  topic: string;
  /** Of another service's event; of an own one the log alone has them. */
  partition: number | null;
  offset: number | null;
  /** How often it was tried to handle it, up to and including the time when it succeeded. */
  attempt: number;
};

export type TimelineEntry = {
  eventId: string;
  type: string;
  service: string;
  occurredAt: Date;
  data: Record<string, unknown>;
  /** Null in entries older than this column. */
  origin: EventOrigin | null;
};

/** Puts an event of this service on the order's timeline. */
export const noteOwn = async (
  tx: Tx,
  orderId: string,
  {
    occurredAtMs,
    data,
    ...entry
  }: Pick<TimelineEntry, 'eventId' | 'type' | 'origin'> & { occurredAtMs: number; data: object },
): Promise<void> => {
  const occurredAt = new Date(occurredAtMs);
  await tx.gather(insertAll, { orderId, ...entry, service: 'order', occurredAt, data: shownOf(data) });
};

/**
 * Puts another service's event on the order's timeline. False when it is there already: then its effects have happened
 * and must not happen again.
 */
export const noteOther = (
  tx: Tx,
  orderId: string,
  event: ReceivedEvent<string, object>,
): Promise<boolean> => {
  const { type, eventId, topic, partition, offset } = event;
  return tx.gather(insertAll, {
    orderId,
    eventId,
    type,
    service: serviceOf[topic] ?? topic,
    occurredAt: new Date(event.occurredAt),
    data: shownOf(event.value),
    origin: {
      correlationId: event.correlationId,
      causationId: event.causationId ?? null,
      traceparent: event.traceparent ?? null,
      topic,
      partition,
      offset: Number(offset),
      attempt: event.attempt ?? 1,
    },
  });
};

/** Sorted by the time of the event; events of the same millisecond by their arrival here. */
export const timelineOf = async (db: Queryable, orderId: string): Promise<TimelineEntry[]> => {
  const { rows } = await db.query<TimelineEntry>(
    `SELECT event_id AS "eventId", type, service, origin, occurred_at AS "occurredAt", data FROM order_events
     WHERE order_id = $1 ORDER BY occurred_at, seq`,
    [orderId],
  );
  return rows;
};

/** The returns of the order, as its own events have them. */
export const returnsOf = async (db: Queryable, orderId: string): Promise<OrderStepsAskedReturn[]> => {
  const { rows } = await db.query<{ data: OrderStepsAskedReturn }>(
    "SELECT data FROM order_events WHERE order_id = $1 AND type = 'OrderReturned' ORDER BY seq",
    [orderId],
  );
  return rows.map(({ data: { returnId, refundMinor, lines } }) => ({
    returnId,
    refundMinor,
    lines: lines.map(({ productId, quantity }) => ({ productId, quantity })),
  }));
};

const serviceOf: Record<string, string> = {
  [records.StockReserved.topic]: 'inventory',
  [records.PaymentAuthorized.topic]: 'payment',
};

/** Whether each entry is new. */
const insertAll: Batch<TimelineEntry & { orderId: string }, boolean> = async (tx, entries) => {
  const { rows } = await tx.query<{ event: string }>(
    `INSERT INTO order_events (order_id, event_id, type, service, occurred_at, data, origin)
     SELECT "orderId", "eventId", type, service, "occurredAt", data, origin
     FROM jsonb_to_recordset($1::jsonb)
       AS entry("orderId" uuid, "eventId" text, type text, service text, "occurredAt" timestamptz, data jsonb,
         origin jsonb)
     ON CONFLICT DO NOTHING RETURNING order_id || ' ' || event_id AS event`,
    [JSON.stringify(entries)],
  );
  const isNew = new Set(rows.map(({ event }) => event));
  return entries.map(({ orderId, eventId }) => isNew.delete(`${orderId} ${eventId}`));
};

type SagaEvents = EventMap['OrderPlaced'] &
  EventMap['OrderReturned'] &
  EventMap['OrderShipped'] &
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
  'carrier',
  'trackingNumber',
] as const satisfies readonly (keyof SagaEvents)[];

const shownOf = (value: object): Record<string, unknown> => {
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(fieldsShown.filter((name) => name in fields).map((name) => [name, fields[name]]));
};
