import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listQuery } from './pagination.js';

const query = z.strictObject(listQuery);

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
