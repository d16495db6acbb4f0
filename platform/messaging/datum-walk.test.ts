import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avroType } from '#platform/messaging/avro-codec';
import { compileFieldWalks, type Walk } from '#platform/messaging/datum-walk';
import type { AvroSchema } from '#platform/messaging/schema-registry';

const everyKind = {
  type: 'record',
  name: 'test.Everything',
  fields: [
    { name: 'flag', type: 'boolean' },
    { name: 'small', type: 'int' },
    { name: 'large', type: 'long' },
    { name: 'half', type: 'float' },
    { name: 'whole', type: 'double' },
    { name: 'text', type: 'string' },
    { name: 'maybe', type: ['null', 'string', 'long'], default: null },
    { name: 'colour', type: { type: 'enum', name: 'Colour', symbols: ['RED', 'GREEN'] } },
    { name: 'digest', type: { type: 'fixed', name: 'Digest', size: 4 } },
    { name: 'list', type: { type: 'array', items: 'long' } },
    { name: 'map', type: { type: 'map', values: { type: 'array', items: 'string' } } },
    { name: 'inner', type: { type: 'record', name: 'Inner', fields: [{ name: 'again', type: 'Colour' }] } },
  ],
};

/** What avsc writes without a type of its own for 64 bits. */
const aLong = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });

const everything = fc.record({
  flag: fc.boolean(),
  small: fc.integer(),
  large: aLong,
  half: fc.float({ noNaN: true }),
  whole: fc.double({ noNaN: true }),
  text: fc.string({ unit: 'binary', maxLength: 300 }),
  maybe: fc.oneof(
    fc.constant(null),
    fc.string().map((string) => ({ string })),
    fc.integer().map((long) => ({ long })),
  ),
  colour: fc.constantFrom('RED', 'GREEN'),
  digest: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  list: fc.array(aLong, { maxLength: 5 }),
  map: fc.dictionary(fc.string(), fc.array(fc.string(), { maxLength: 3 }), { maxKeys: 3 }),
  inner: fc.record({ again: fc.constantFrom('RED', 'GREEN') }),
});

/** As most records are: texts, and some of them and of the numbers may be missing. */
const activity = {
  type: 'record',
  name: 'test.Activity',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'type', type: 'string' },
    { name: 'user', type: ['null', 'string'] },
    { name: 'query', type: ['null', 'string'] },
    { name: 'position', type: ['null', 'int'] },
    { name: 'at', type: 'long' },
    { name: 'results', type: ['null', 'int'] },
  ],
};
const activityType = avroType(activity);
const anActivity = fc.record({
  id: fc.uuid(),
  type: fc.string(),
  user: fc.option(fc.uuid()),
  query: fc.option(fc.string({ unit: 'grapheme' })),
  position: fc.option(fc.integer()),
  at: aLong,
  results: fc.option(fc.integer()),
});

/** What avsc, which reads the values too, makes of the same bytes. */
const avscEnd = (type: avro.Type, bytes: Buffer): number => {
  try {
    return type.decode(bytes, 0).offset;
  } catch {
    return -1;
  }
};

/** As the only field of a record. */
const walkOf = (schema: AvroSchema): Walk => {
  const whole = { type: 'record', name: 'test.Whole', fields: [{ name: 'all', type: schema }] };
  return compileFieldWalks(whole)[0] as Walk;
};

describe('a walk', () => {
  it('ends where the datum ends, for every kind of field', () => {
    const type = avro.Type.forSchema(everyKind as avro.Schema, { wrapUnions: true });
    const walk = walkOf(everyKind);
    fc.assert(
      fc.property(everything, fc.uint8Array({ maxLength: 3 }), (value, behind) => {
        const datum = type.toBuffer(value);
        expect(walk(Buffer.concat([datum, behind]), 0, datum.length + behind.length)).toBe(datum.length);
      }),
    );
  });

  it('never ends a datum that was cut short at its new end', () => {
    const walk = walkOf(activity);
    fc.assert(
      fc.property(anActivity, fc.nat(), (value, cut) => {
        const whole = activityType.toBuffer(value);
        const datum = whole.subarray(0, cut % whole.length);
        expect(walk(datum, 0, datum.length)).not.toBe(datum.length);
      }),
    );
  });

  it('ends changed bytes where avsc ends them, wherever both can read them', () => {
    const walk = walkOf(activity);
    let compared = 0;
    fc.assert(
      fc.property(anActivity, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, at, byte) => {
        const datum = activityType.toBuffer(value);
        datum[at % datum.length] = byte;
        const end = walk(datum, 0, datum.length);
        // avsc refuses numbers that JavaScript cannot hold; the walk refuses what ClickHouse would.
        const read = avscEnd(activityType, datum);
        if (end < 0 || read < 0) return;
        compared += 1;
        expect(end).toBe(read);
      }),
      { numRuns: 500 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it.each(['null', 'long', { type: 'record', name: 'test.Nothing', fields: [] }])(
    'refuses more items of %j than there are bytes',
    (items) => {
      const walk = walkOf({ type: 'array', items });
      for (const count of [3, 1_000_000_000]) {
        const many = avro.Type.forSchema('long').toBuffer(count);
        expect(walk(many, 0, many.length)).toBe(-1);
      }
    },
  );
});
