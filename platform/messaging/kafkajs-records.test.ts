import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeRecord, type KafkajsRecord, missingValue } from '#platform/messaging/kafkajs-records';

const ofKafkajs = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/record/v0') as (
  record: KafkajsRecord,
) => { buffer: Buffer };

const content = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);
const nullable = fc.option(content, { nil: null });
const record = fc.record({
  offsetDelta: fc.nat(100_000),
  timestampDelta: fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 45), max: 2 ** 45 })),
  key: nullable,
  value: nullable,
  headers: fc.dictionary(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.oneof(content, fc.array(content, { maxLength: 4 })),
    { maxKeys: 8, noNullPrototype: true },
  ),
});

it('makes the bytes that kafkajs makes', () => {
  fc.assert(
    fc.property(record, (given) => {
      expect(encodeRecord(given).buffer.toString('hex')).toBe(ofKafkajs(given).buffer.toString('hex'));
    }),
    { numRuns: 500 },
  );
});

it('makes them of long records too, and of short ones after them', () => {
  for (const bytes of [1, 70_000, 3, 1_000_000, 63, 64, 8_191, 8_192]) {
    const given = { key: 'k', value: Buffer.alloc(bytes, bytes), headers: { ü: 'é'.repeat(bytes % 997) } };
    expect(encodeRecord(given).buffer.equals(ofKafkajs(given).buffer)).toBe(true);
  }
});

it('writes a header without a value with the length -1', () => {
  const { buffer } = encodeRecord({ value: 'v', headers: { h: [missingValue, 'x'] } });
  // Length, attributes, timestamp, offset, no key, value, two headers: h without a value, h with x.
  expect([...buffer]).toEqual([28, 0, 0, 0, 1, 2, 118, 4, 2, 104, 1, 2, 104, 2, 120]);
});
