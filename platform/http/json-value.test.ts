import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ignored, jsonValue } from './json-value.js';
import { describeRoutes } from './openapi.js';
import { strictJson } from './strict-json.js';

const nested = { a: [1, 'b', null, { c: [true, []] }] };

describe('any JSON', () => {
  it('is what the parser accepts, at every depth', () => {
    expect(jsonValue.parse(nested)).toEqual(nested);
    expect(jsonValue.safeParse({ a: [{ b: 2 ** 60 }] }).success).toBe(false);
    expect(ignored.parse(undefined)).toBeUndefined();
  });

  it('has no list that is too long for a body', () => {
    const items = (count: number) => new Array(count).fill(null);
    let longest = 1;
    while (longest < 100_000 && jsonValue.safeParse(items(longest * 2)).success) longest *= 2;
    expect(() => strictJson(Buffer.from(JSON.stringify({ kept: items(longest * 2) })))).not.toThrow();
  });

  it('is described by a schema whose references lead somewhere', async () => {
    const schema = {
      body: z.strictObject({ kept: ignored }),
      response: { 200: z.object({ kept: jsonValue }) },
    };
    const document = await describeRoutes({ title: 't', version: '1' }, [
      { method: 'PUT', url: '/x', schema },
    ]);
    const text = JSON.stringify(document);
    const referred = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    expect(new Set(referred)).toEqual(new Set(Object.keys(document.components?.schemas ?? {})));
    expect(referred).toContain('JsonValue');
  });
});
