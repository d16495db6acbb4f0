import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackCursor } from './record-pack.js';

const require = createRequire(import.meta.url);
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => {
  buffer: Buffer;
};

const record = fc.record({
  key: fc.option(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))),
  value: fc.option(fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes))),
  headers: fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.string({ unit: 'grapheme' }), {
    maxKeys: 5,
  }),
  timestampDelta: fc.integer({ min: -1_000_000, max: 2 ** 40 }),
  gap: fc.integer({ min: 0, max: 3 }),
});

/** A pack as kafkajs' own encoder writes it. */
const packOf = (records: readonly (typeof record extends fc.Arbitrary<infer R> ? R : never)[]) => {
  let offset = -1;
  const offsets: number[] = [];
  const bytes = Buffer.concat(
    records.map(({ key, value, headers, timestampDelta, gap }) => {
      offset += 1 + gap;
      offsets.push(offset);
      return encodeRecord({ key, value, headers, timestampDelta, offsetDelta: offset }).buffer;
    }),
  );
  return {
    pack: { baseOffset: 1_000, baseTimestampMs: 1_790_000_000_000, count: records.length, bytes },
    offsets,
  };
};

describe('a cursor over a pack', () => {
  it('finds every part of every record that another implementation wrote', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), (records) => {
        const { pack, offsets } = packOf(records);
        const cursor = new PackCursor(pack);
        for (const [at, { key, value, headers, timestampDelta }] of records.entries()) {
          expect(cursor.next()).toBe(true);
          expect(cursor.record()).toEqual({
            key,
            value,
            headers,
            offset: BigInt(1_000 + (offsets[at] as number)),
            timestampMs: 1_790_000_000_000 + timestampDelta,
          });
        }
        expect(cursor.next()).toBe(false);
      }),
    );
  });

  it('finds one header without making objects of the others, and goes on from there', () => {
    const { pack } = packOf([
      {
        key: null,
        value: null,
        headers: { tracepare: 'a', traceparent: 'b', other: 'c' },
        timestampDelta: 0,
        gap: 0,
      },
      { key: null, value: Buffer.from('v'), headers: { other: 'c' }, timestampDelta: 0, gap: 0 },
    ]);
    const cursor = new PackCursor(pack);
    cursor.next();
    expect(cursor.findHeader('traceparent')).toBe(true);
    expect(pack.bytes.toString('utf8', cursor.foundStart, cursor.foundEnd)).toBe('b');
    expect(cursor.next()).toBe(true);
    expect(cursor.findHeader('traceparent')).toBe(false);
    expect(cursor.record().value?.toString()).toBe('v');
  });
});
