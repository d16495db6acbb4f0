import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesIn } from './import-lines.js';
import { importedFrom } from './product-import.js';

const read = async (pieces: readonly Buffer[], bytesMax = 1000) => {
  const lines: [number, string | null][] = [];
  for await (const { number, bytes } of linesIn(Readable.from(pieces), bytesMax))
    lines.push([number, bytes?.toString() ?? null]);
  return lines;
};

describe('the lines of an import', () => {
  it('are the same wherever the body is cut', async () => {
    const text = 'é\n\nsecond\r\n \t\nlast, longer than it may be\nß';
    const bytes = Buffer.from(text);
    const whole = await read([bytes], 10);
    expect(whole).toEqual([
      [1, 'é'],
      [3, 'second\r'],
      [5, null],
      [6, 'ß'],
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((end, nth) => Buffer.from(bytes.subarray(places[nth], end)));
        expect(await read(pieces, 10)).toEqual(whole);
      }),
    );
  });

  it.each([
    ['{', 'malformed_json'],
    ['{"name":"a","category":"b"}', 'invalid_product'],
    ['{"name":"a","category":"b","price":{"amountMinor":1,"currency":"EUR"},"other":1}', 'invalid_product'],
    [
      `{"name":"${'a'.repeat(201)}","category":"b","price":{"amountMinor":1,"currency":"EUR"}}`,
      'invalid_product',
    ],
    ['[]', 'invalid_product'],
    ['"\ud800"', 'malformed_json'],
  ])('%s is refused as %s', (text, code) => {
    const bytes = text.includes('\ud800') ? Buffer.from([0x22, 0xff, 0x22]) : Buffer.from(text);
    const refused = importedFrom({ number: 7, bytes }, undefined);
    expect(refused).toMatchObject({ line: 7, code });
    expect((refused as { errors: unknown[] }).errors.length).toBeGreaterThan(0);
  });
});
