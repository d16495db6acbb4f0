import { growingBytes } from './growing-bytes.js';
import { createPlaceColumns, type NativeRows } from './native-rows.js';
import type { RecordInPlace } from './record-in-place.js';

/** A decoded event: the name of its record type without its namespace, and its fields. */
export type DecodedEvent = { readonly type: string; readonly value: unknown };

export type EventRows = NativeRows & { append(record: RecordInPlace, event: DecodedEvent): void };

/**
 * A longer payload is not kept: its row has an empty object instead, and its true size. An order of a hundred lines whose names
 * and categories have two hundred characters of three bytes takes 140 KB, and what compares the books reads it. Migration 0010
 * was written when it was 64 KiB.
 */
export const payloadBytesMax = 192 * 1024;

/** Rows of whole events, of any type, as `domain_events` has them. The envelope comes from the record's headers. */
export const createEventRows = (topic: string, partition: number): EventRows => {
  const place = createPlaceColumns(partition);
  const texts = { topic: growingBytes(), eventId: growingBytes(), key: growingBytes(), type: growingBytes() };
  const causes = { correlationId: growingBytes(), causationId: growingBytes() };
  const occurredAt = growingBytes();
  const payload = growingBytes();
  const payloadBytes = growingBytes();
  const text = (name: string, data: ReturnType<typeof growingBytes>) => ({
    name,
    type: 'String',
    nulls: null,
    data,
  });
  let rows = 0;

  return {
    columns: [
      text('topic', texts.topic),
      ...place.columns,
      text('event_id', texts.eventId),
      text('key', texts.key),
      text('type', texts.type),
      { name: 'occurred_at', type: "DateTime64(3, 'UTC')", nulls: null, data: occurredAt },
      text('correlation_id', causes.correlationId),
      text('causation_id', causes.causationId),
      text('payload', payload),
      { name: 'payload_bytes', type: 'UInt32', nulls: null, data: payloadBytes },
    ],
    get rows() {
      return rows;
    },
    append: (inPlace, { type, value }) => {
      const record = inPlace.record();
      const { headers } = record;
      const json = Buffer.from(JSON.stringify(value), 'utf8');
      texts.topic.addString(topic);
      place.append(inPlace.offset);
      texts.eventId.addString(headers['event-id'] ?? '');
      texts.key.addString(record.key?.toString('utf8') ?? '');
      texts.type.addString(type);
      const atMs = millisecondsOf(headers['occurred-at']) ?? inPlace.timestampMs;
      occurredAt.addInt64(atMs | 0, Math.floor(atMs / 0x1_0000_0000));
      causes.correlationId.addString(headers['correlation-id'] ?? '');
      causes.causationId.addString(headers['causation-id'] ?? '');
      if (json.length <= payloadBytesMax) payload.addText(json, 0, json.length);
      else payload.addString('{}');
      payloadBytes.addInt32(json.length);
      rows += 1;
    },
  };
};

/** ClickHouse's `DateTime64(3)` ends with the year 2299. */
const lastMs = Date.UTC(2299, 11, 31);

const millisecondsOf = (text: string | undefined): number | undefined => {
  const ms = text === undefined || !/^\d{1,14}$/.test(text) ? Number.NaN : Number(text);
  return ms <= lastMs ? ms : undefined;
};
