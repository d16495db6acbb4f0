import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeSortedCursor, encodeCursor, listQuery } from './pagination.js';

const query = z.strictObject(listQuery);

describe('a cursor of a list with several orders', () => {
  const position = z.object({ sort: z.enum(['price', 'newest']), id: z.int() });

  it('is good for its own order alone', () => {
    const cursor = encodeCursor({ sort: 'price', id: 1 });
    expect(decodeSortedCursor(cursor, position, 'price')).toEqual({ sort: 'price', id: 1 });
    expect(decodeSortedCursor(undefined, position, 'price')).toBeUndefined();
    for (const [made, sort] of [
      [cursor, 'newest'],
      [encodeCursor({ sort: 'price' }), 'price'],
      ['x', 'price'],
    ] as const)
      expect(() => decodeSortedCursor(made, position, sort)).toThrow(
        expect.objectContaining({
          status: 400,
          code: 'invalid_cursor',
          errors: [expect.objectContaining({ path: '/cursor' })],
        }),
      );
  });
});

describe('the limit of a page', () => {
  it('is written in decimal digits', () => {
    expect(query.parse({}).limit).toBe(20);
    expect(query.parse({ limit: '100' }).limit).toBe(100);
  });

  it.each(['0x10', '1e1', '0b11', ' 5', '+5', '5.0', '-1', '', '0', '101', 'x', '٣', ['5', '6'], ['5']])(
    'is not %j',
    (limit) => {
      expect(query.safeParse({ limit }).success).toBe(false);
    },
  );

  it('is documented as an integer with a default', () => {
    expect(z.toJSONSchema(query, { io: 'input' }).properties?.limit).toEqual({
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 20,
    });
  });
});
