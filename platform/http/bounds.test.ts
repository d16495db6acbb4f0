import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { boundsOf } from './bounds.js';
import type { InputError } from './problem-details.js';
import { text, wholeNumber } from './text.js';

const errorsOf = (schema: z.ZodType, value: unknown): InputError[] => {
  const found: InputError[] = [];
  boundsOf(schema, 'body')(value, '', found);
  return found;
};

const order = z.strictObject({
  name: text(5),
  tags: z.array(text(3)).max(2).optional(),
  notes: z
    .record(text(3), z.union([text(4), z.number(), text(6)]))
    .meta({ maxProperties: 2 })
    .nullable(),
});

describe('the bounds of a request', () => {
  it('are told by place, and nothing is said of what is merely of another type', () => {
    expect(
      errorsOf(order, { name: 'abcdef', tags: ['a', 'abcd'], notes: { a: 'abcdefg', abcd: 1 } }),
    ).toEqual([
      { path: '/name', message: 'must have at most 5 characters' },
      { path: '/tags/1', message: 'must have at most 3 characters' },
      { path: '/notes/a', message: 'must have at most 6 characters' },
      { path: '/notes/abcd', message: 'must have at most 3 characters' },
    ]);
    expect(errorsOf(order, { name: 1, tags: {}, notes: [] })).toEqual([]);
    expect(errorsOf(order, { name: 'abcde', tags: ['abc'], notes: { a: 'abcdef', b: 2 } })).toEqual([]);
    expect(errorsOf(order, null)).toEqual([]);
  });

  it('end the search in a list or record that is too long, and after twenty findings', () => {
    const tags = new Array(300_000).fill('abcdefgh');
    expect(errorsOf(order, { name: '', tags })).toEqual([
      { path: '/tags', message: 'must have at most 2 items' },
    ]);
    const notes = Object.fromEntries(tags.map((tag, index) => [`${tag}${index}`, tag]));
    expect(errorsOf(order, { notes })).toEqual([{ path: '/notes', message: 'must have at most 2 entries' }]);
    expect(errorsOf(order, notes)).toHaveLength(20);
  });

  it('name what is unknown, and no more of it than fits', () => {
    expect(errorsOf(order, { 'a/b~c': 1, ['x'.repeat(1000)]: 1 })).toEqual([
      { path: '/a~1b~0c', message: 'is not a field of this request' },
      { path: `/${'x'.repeat(100)}`, message: 'is not a field of this request' },
    ]);
  });

  it.each([
    ['a text', z.strictObject({ a: z.string() }), 'body.a: say how large'],
    ['a text with a pattern', z.strictObject({ a: z.string().regex(/^a+$/) }), 'body.a: say how large'],
    ['a list', z.strictObject({ a: z.array(z.int()) }), 'body.a: say how large'],
    ['a record', z.strictObject({ a: z.record(text(1), z.int()) }), 'body.a: say how large'],
    [
      'the key of a record',
      z.record(z.string(), z.int()).meta({ maxProperties: 1 }),
      'body key: say how large',
    ],
    ['what is optional', z.strictObject({ a: z.string().optional() }), 'body.a: say how large'],
    ['what is read on', text(3).or(z.string().transform(Number)), 'body: say how large'],
    ['an object that drops what it does not know', z.object({}), 'use z.strictObject'],
  ])('are missed, when the route is declared, of %s', (_what, schema, message) => {
    expect(() => boundsOf(schema, 'body')).toThrow(message);
  });

  it('are known of what is prepared first', () => {
    expect(errorsOf(z.strictObject({ limit: wholeNumber(1, 9) }), { limit: '9'.repeat(9999) })).toEqual([]);
  });
});
