import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { Broker, OutgoingRecord } from '#platform/messaging/broker';
import { records, type ShopperActivity } from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { progressLine, thousands } from '../terminal.js';

export type Filled = { rows: number; valueBytes: number; occurredAtSum: bigint; seconds: number };

const recordsPerSend = 1_000;
const sendsAtOnce = 4;
const productCount = 1_000;
const visitEventsMean = 8;

/**
 * Writes shopper activity as the collector does: the same producer with its compression, the same key, the same
 * headers. Visits of about eight events over a thousand products, popular ones more often, within three hours.
 */
export const fillTopic = async (
  broker: Broker,
  topic: string,
  schemaId: number,
  rows: number,
): Promise<Filled> => {
  const producer = await broker.producer();
  const progress = progressLine('writing events');
  const startedAt = performance.now();
  const events = createEvents(topic, schemaId, rows);

  let sent = 0;
  const sending = new Set<Promise<void>>();
  while (sent < rows) {
    const slice: OutgoingRecord[] = [];
    while (slice.length < recordsPerSend && sent < rows) slice.push(events.next(sent++));
    const one: Promise<void> = producer.send(slice).then(() => {
      sending.delete(one);
    });
    sending.add(one);
    if (sending.size >= sendsAtOnce) await Promise.race(sending);
    progress.update(sent / rows, `${thousands(sent)} of ${thousands(rows)}`);
  }
  await Promise.all(sending);
  await producer.close();
  const seconds = (performance.now() - startedAt) / 1000;
  progress.done(
    `${thousands(rows)} events, ${(events.valueBytes() / rows).toFixed(0)} B each, in ${seconds.toFixed(0)} s`,
  );
  return { rows, valueBytes: events.valueBytes(), occurredAtSum: events.occurredAtSum(), seconds };
};

const createEvents = (topic: string, schemaId: number, rows: number) => {
  const random = seededRandom(7);
  const type = avroType(records.ShopperActivity.schema);
  const products = Array.from({ length: productCount }, () => v7());
  let valueBytes = 0;
  let occurredAtSum = 0n;
  let visitId: string = randomUUID();
  let userId: string | null = null;

  const next = (at: number): OutgoingRecord => {
    if (random() < 1 / visitEventsMean) {
      visitId = randomUUID();
      userId = random() < 0.2 ? v7() : null;
    }
    const kind = kindOf(random());
    const searched = kind === 'products_searched';
    const shown = kind.startsWith('recommendation');
    const occurredAt = 1_790_000_000_000 + Math.floor((at / rows) * 3 * 3_600_000);
    const eventId = v7();
    const event = activityOf({
      event_id: eventId,
      type: kind,
      visit_id: visitId,
      user_id: userId,
      product_id: searched ? null : (products[Math.floor(random() ** 3 * productCount)] as string),
      query: searched ? 'wicker heart lantern' : null,
      position: searched || shown ? Math.floor(random() * 20) : null,
      recommendation_id: shown ? v7() : null,
      occurred_at: occurredAt,
      results: searched ? 24 : null,
      device: 'mobile',
    });
    const value = encode(schemaId, type, event);
    valueBytes += value.length;
    occurredAtSum += BigInt(occurredAt);
    return {
      topic,
      key: visitId,
      value,
      headers: {
        'event-id': eventId,
        'correlation-id': randomUUID(),
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
        'occurred-at': String(occurredAt),
      },
    };
  };

  return { next, valueBytes: () => valueBytes, occurredAtSum: () => occurredAtSum };
};

const kindOf = (chance: number): ShopperActivity['type'] => {
  if (chance < 0.6) return 'product_viewed';
  if (chance < 0.75) return 'recommendation_shown';
  if (chance < 0.85) return 'products_searched';
  if (chance < 0.93) return 'product_added';
  if (chance < 0.96) return 'recommendation_clicked';
  if (chance < 0.98) return 'product_removed';
  return 'checkout_started';
};

/** mulberry32 */
const seededRandom = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};
