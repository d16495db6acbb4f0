import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { uuid } from './text.js';

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
