import type { ClickHouse } from '#platform/clickhouse/client';
import { endsWithin } from '#platform/waiting/deadline';

/** Where an event is on the log. */
export type EventPlace = { topic: string; partition: number; offset: number };

/** The places of the order's events that ClickHouse has, by event id. Empty while it does not answer in time. */
export type EventPlaces = (orderId: string, sinceMs: number) => Promise<ReadonlyMap<string, EventPlace>>;

/**
 * A service that writes an event cannot say at which offset it will be, so the place of an order's own events is looked
 * up when staff ask: writing it down with every order would cost each of them a statement.
 */
export const createEventPlaces =
  (clickhouse: Pick<ClickHouse, 'query'>, waitMs: number): EventPlaces =>
  async (orderId, sinceMs) => {
    const places = new Map<string, EventPlace>();
    const lookUp = async (): Promise<void> => {
      const rows = await clickhouse.query<EventPlace & { eventId: string }>(placesOfOrder, {
        orderId,
        sinceMs,
      });
      for (const { eventId, ...place } of rows) places.set(eventId, place);
    };
    await endsWithin(
      waitMs,
      lookUp().catch(() => {}),
    );
    return places;
  };

const placesOfOrder = `
  SELECT event_id AS eventId, topic, kafka_partition AS partition, toInt64(kafka_offset) AS offset FROM domain_events
  WHERE topic = 'orders' AND key = {orderId:String}
    AND occurred_at >= fromUnixTimestamp64Milli({sinceMs:Int64})
  LIMIT 1000`;
