import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { problem } from './problem-details.js';

/** The media types in which an answer of rows can be had; the first is for those who accept anything. */
const rowFormats = ['application/json', 'text/csv', 'application/x-ndjson'] as const;

export type RowFormat = (typeof rowFormats)[number];

const aliases: Readonly<Record<string, RowFormat>> = { 'application/ndjson': 'application/x-ndjson' };
const rangesMax = 100;

/** The format that an `Accept` header prefers (RFC 9110 section 12.5.1); undefined if it takes none of them. */
export const preferredFormat = (accept: string | undefined): RowFormat | undefined => {
  if (accept === undefined || accept.trim() === '') return rowFormats[0];
  if (isPlainJson(accept)) return 'application/json';
  const ranges = accept.split(',', rangesMax).map(readRange);
  let [best, bestWeight]: [RowFormat | undefined, number] = [undefined, 0];
  for (const format of rowFormats) {
    const weight = weightOf(format, ranges);
    if (weight > bestWeight) [best, bestWeight] = [format, weight];
  }
  return best;
};

/** What most callers send, read without a parser. */
const isPlainJson = (accept: string): boolean => accept === '*/*' || accept === 'application/json';

type MediaRange = { type: string; weight: number };

const readRange = (text: string): MediaRange => {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const weight = given === undefined ? 1 : Number(/^[01](\.\d{0,3})?$/.test(given) ? given : 0);
  return { type: aliases[type] ?? type, weight };
};

/** The weight of the most specific range that has the format. */
const weightOf = (format: RowFormat, ranges: readonly MediaRange[]): number => {
  const family = `${format.split('/')[0]}/*`;
  for (const type of [format, family, '*/*']) {
    const found = ranges.filter((range) => range.type === type);
    if (found.length > 0) return Math.max(...found.map(({ weight }) => weight));
  }
  return 0;
};

/** The format that the caller prefers. Throws 406 for a caller who takes none. */
export const formatAsked = (request: Pick<FastifyRequest, 'headers'>): RowFormat => {
  const format = preferredFormat(request.headers.accept);
  if (format !== undefined) return format;
  throw problem(406, 'not_acceptable', `Accept one of ${rowFormats.join(', ')}.`);
};

/** The `response` entry of a route that answers rows in any of the formats. */
export const rowResponse = <Body extends z.ZodType>(body: Body) => ({
  description: 'The rows; as CSV or NDJSON without what is beside them.',
  content: {
    'application/json': { schema: body },
    'text/csv': {
      schema: z.string().describe('RFC 4180, with a header. Values inside others have a dotted name.'),
    },
    'application/x-ndjson': { schema: z.string().describe('One row a line.') },
  },
});

export type Row = Readonly<Record<string, unknown>>;

/**
 * Sends rows as CSV or NDJSON. `columns` are the names of values as `columnsOf` gives them, so that an answer without rows
 * has its header too.
 */
export const sendRows = (
  reply: FastifyReply,
  format: Exclude<RowFormat, 'application/json'>,
  rows: readonly Row[],
  { columns, fileName }: { columns: readonly string[]; fileName: string },
): FastifyReply => {
  const isCsv = format === 'text/csv';
  reply
    .type(isCsv ? 'text/csv; charset=utf-8; header=present' : `${format}; charset=utf-8`)
    .header('content-disposition', `attachment; filename="${fileName}.${isCsv ? 'csv' : 'ndjson'}"`);
  return reply.send(isCsv ? csvOf(rows, columns) : rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
};

/** The names of an object's values, those of objects within it with a dot. */
export const columnsOf = (row: z.ZodObject, prefix = ''): string[] =>
  Object.entries(row.shape as Record<string, z.ZodType>).flatMap(([name, field]) => {
    const inner = unwrapped(field);
    return inner instanceof z.ZodObject ? columnsOf(inner, `${prefix}${name}.`) : [`${prefix}${name}`];
  });

const unwrapped = (field: z.ZodType): z.ZodType =>
  field instanceof z.ZodOptional || field instanceof z.ZodNullable
    ? unwrapped(field.unwrap() as z.ZodType)
    : field;

/** RFC 4180: lines end with CRLF, and a text with a comma, a quote or a line break is quoted. */
export const csvOf = (rows: readonly Row[], columns: readonly string[]): string => {
  const paths = columns.map((column) => column.split('.'));
  const lines = rows.map((row) => paths.map((path) => cellOf(valueAt(row, path))).join(','));
  return [columns.map(cellOf).join(','), ...lines].map((line) => `${line}\r\n`).join('');
};

const valueAt = (row: Row, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, step) => (value as Row | null | undefined)?.[step], row);

const cellOf = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const harmless = isFormula(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
};

/**
 * A spreadsheet computes a text that begins so, also behind blanks and in full width. An apostrophe before it makes it text
 * again.
 */
const isFormula = (text: string): boolean => /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/.test(text);
