import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerNames } from './record-headers.js';
import { PackCursor } from './record-pack.js';

const require = createRequire(import.meta.url);
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => {
  buffer: Buffer;
};

const record = fc.record({
  key: fc.option(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))),
  value: fc.option(fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes))),
  headers: fc.dictionary(
    fc.oneof(fc.stringMatching(/^[a-z-]{1,20}$/), fc.constantFrom(...Object.values(headerNames))),
    fc.string({ unit: 'grapheme' }),
    {
      maxKeys: 5,
    },
  ),
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
          const read = cursor.record();
          expect({ ...read, rawHeaders: read.rawHeaders }).toEqual({
            key,
            value,
            headers,
            rawHeaders: Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]),
            offset: BigInt(1_000 + (offsets[at] as number)),
            timestampMs: 1_790_000_000_000 + timestampDelta,
          });
        }
        expect(cursor.next()).toBe(false);
      }),
    );
  });

  it('reads headers that repeat, have no value, or any bytes, and finds the last of a name', () => {
    const bytes = Buffer.from([0xff, 0xfe, 0]);
    // Written by hand: kafkajs' encoder writes no such headers.
    const part = (value: Buffer | null) =>
      value === null ? Buffer.from([1]) : Buffer.concat([Buffer.from([value.length * 2]), value]);
    const headers: [string, Buffer | null][] = [
      ['a', Buffer.from('1')],
      ['__proto__', Buffer.from('p')],
      ['b', null],
      ['a', bytes],
      ['a', null],
      ['b', Buffer.from('2')],
    ];
    const body = Buffer.concat([
      Buffer.from([0, 0, 0, 1, 1, headers.length * 2]),
      ...headers.flatMap(([name, value]) => [part(Buffer.from(name)), part(value)]),
    ]);
    const pack = {
      baseOffset: 0,
      baseTimestampMs: 0,
      count: 1,
      bytes: Buffer.concat([Buffer.from([((body.length * 2) & 127) | 128, (body.length * 2) >> 7]), body]),
    };
    const cursor = new PackCursor(pack);
    cursor.next();
    const { headers: text, rawHeaders } = cursor.record();
    expect(rawHeaders).toEqual(headers);
    expect(Object.entries(text)).toEqual([
      ['__proto__', 'p'],
      ['b', '2'],
    ]);
    expect(cursor.findHeader('a')).toBe(false);
    expect(cursor.findHeader('b')).toBe(true);
    expect(pack.bytes.toString('utf8', cursor.foundStart, cursor.foundEnd)).toBe('2');
  });

  it('ends with an error, and soon, whatever bytes it is given', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (bytes, count) => {
          const cursor = new PackCursor({
            baseOffset: 0,
            baseTimestampMs: 0,
            count,
            bytes: Buffer.from(bytes),
          });
          try {
            while (cursor.next()) {
              cursor.findHeader('traceparent');
              cursor.record();
            }
          } catch (error) {
            expect(String(error)).toContain('reaches beyond its end');
          }
        },
      ),
      { numRuns: 2_000 },
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
