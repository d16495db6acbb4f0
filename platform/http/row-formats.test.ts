import { expect, it } from 'vitest';
import { z } from 'zod';
import { columnsOf, csvOf, preferredFormat } from './row-formats.js';

it.each([
  [undefined, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['text/csv', 'text/csv'],
  ['TEXT/CSV; charset=utf-8', 'text/csv'],
  ['application/x-ndjson', 'application/x-ndjson'],
  ['application/ndjson', 'application/x-ndjson'],
  ['text/*', 'text/csv'],
  ['text/csv;q=0.5, application/json;q=0.4', 'text/csv'],
  ['text/csv;q=0.5, */*;q=0.6', 'application/json'],
  ['application/json;q=0, */*', 'text/csv'],
  ['text/html, application/xhtml+xml, */*;q=0.8', 'application/json'],
  ['application/problem+json, application/json', 'application/json'],
  ['text/csv;q=nonsense', undefined],
  ['application/xml', undefined],
  ['text/csv;q=0', undefined],
  ['csv', undefined],
  [',,,', undefined],
])('of Accept: %s it is %s', (accept, format) => {
  expect(preferredFormat(accept)).toBe(format);
});

it('reads a header as long as one may be at once', () => {
  const startedAtMs = performance.now();
  expect(preferredFormat('text/x;q=1;'.repeat(6_000))).toBeUndefined();
  expect(preferredFormat(`${',a/b'.repeat(16_000)},text/csv`)).toBeUndefined();
  expect(performance.now() - startedAtMs).toBeLessThan(250);
});

it('quotes what has to be quoted, and keeps numbers as they are', () => {
  const rows = [
    { name: 'a "b", c', net: -5, previous: { net: 7 }, odd: null },
    { name: 'two\nlines', net: 0.5, previous: null, odd: ['x', 'y'] },
  ];
  expect(csvOf(rows, ['name', 'net', 'previous.net', 'odd'])).toBe(
    'name,net,previous.net,odd\r\n"a ""b"", c",-5,7,\r\n"two\nlines",0.5,,"[""x"",""y""]"\r\n',
  );
  expect(csvOf([], ['name', 'net'])).toBe('name,net\r\n');
});

it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '  =1', '＝1', '\n=1', "=cmd|'/c calc'!A0"])(
  'does not let a spreadsheet compute %j',
  (text) => {
    const cell = csvOf([{ text }], ['text']).slice('text\r\n'.length);
    expect(cell.startsWith(`'${text[0]}`) || cell.startsWith(`"'${text[0]}`)).toBe(true);
  },
);

it('names the columns of a row as the row has them', () => {
  const row = z.object({
    from: z.string(),
    net: z.number(),
    previous: z
      .object({ net: z.number(), at: z.object({ day: z.string() }) })
      .nullable()
      .optional(),
  });
  expect(columnsOf(row)).toEqual(['from', 'net', 'previous.net', 'previous.at.day']);
});
