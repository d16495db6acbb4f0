import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { line, prose, uuid } from './text.js';

describe('text', () => {
  it('that cannot be written as UTF-8 is refused', () => {
    for (const schema of [line(10), prose(10)]) {
      expect(schema.safeParse('\ud800x').success).toBe(false);
      expect(schema.safeParse('x\udc00').success).toBe(false);
      expect(schema.parse('\u{1f600}')).toBe('\u{1f600}');
    }
  });
});

describe('an id', () => {
  it('is the same in capitals', () => {
    const id = '018f3f6e-5c3a-7b57-9c1e-0a4a5c9d0001';
    expect(uuid.parse(id.toUpperCase())).toBe(id);
    expect(uuid.safeParse('018f').success).toBe(false);
  });

  it('is documented as one that is kept as it was sent', () => {
    expect(z.toJSONSchema(uuid, { io: 'input' })).toEqual(z.toJSONSchema(z.uuid(), { io: 'input' }));
  });
});
