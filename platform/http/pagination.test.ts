import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeCursor, decodeSortedCursor, listQuery, pageFrom } from './pagination.js';

const query = z.strictObject(listQuery);

/** The cursor of a page of one row whose position is this. */
const cursorAt = (url: string, position: unknown): string =>
  pageFrom({ url, query: { limit: 1 } }, [1, 2], () => position).next as string;

const asking = (url: string, cursor?: string) => ({ url, query: { limit: 1, cursor } });

const refusal = expect.objectContaining({
  status: 400,
  code: 'invalid_cursor',
  errors: [expect.objectContaining({ path: '/cursor' })],
});

describe('a cursor', () => {
  const id = z.int();

  it('is good for its own list alone, whatever is asked of it', () => {
    const cursor = cursorAt('/api/orders?limit=1', 5);
    expect(decodeCursor(asking(`/api/orders?limit=3&cursor=${cursor}`, cursor), id)).toBe(5);
    expect(decodeCursor(asking('/api/orders'), id)).toBeUndefined();
    for (const other of ['/api/payments', '/api/orders/5', '/api'])
      expect(() => decodeCursor(asking(other, cursor), id)).toThrow(refusal);
  });

  it('is of the list of one thing, however its id is written', () => {
    const cursor = cursorAt('/api/inventory/ab/movements', 5);
    expect(decodeCursor(asking('/api/inventory/AB/movements', cursor), id)).toBe(5);
    expect(() => decodeCursor(asking('/api/inventory/cd/movements', cursor), id)).toThrow(refusal);
  });

  it.each([
    '',
    'x',
    'null',
    '%00',
    Buffer.from('5').toString('base64url'),
    Buffer.from('["",5]').toString('base64url'),
  ])('is not %j', (invented) => {
    expect(() => decodeCursor(asking('/api/orders', invented), id)).toThrow(refusal);
  });

  it('has a position that fits', () => {
    expect(() => decodeCursor(asking('/api/orders', cursorAt('/api/orders', 'x')), id)).toThrow(refusal);
  });
});

describe('a cursor of a list with several orders', () => {
  const position = z.object({ sort: z.enum(['price', 'newest']), id: z.int() });
  const url = '/api/products';

  it('is good for its own order alone', () => {
    const cursor = cursorAt(url, { sort: 'price', id: 1 });
    expect(decodeSortedCursor(asking(url, cursor), position, 'price')).toEqual({ sort: 'price', id: 1 });
    expect(decodeSortedCursor(asking(url), position, 'price')).toBeUndefined();
    for (const [made, sort] of [
      [cursor, 'newest'],
      [cursorAt(url, { sort: 'price' }), 'price'],
      ['x', 'price'],
    ] as const)
      expect(() => decodeSortedCursor(asking(url, made), position, sort)).toThrow(refusal);
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
