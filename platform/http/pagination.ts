import { z } from 'zod';
import { problem } from './problem-details.js';
import { text, wholeNumber } from './text.js';

export const pageLimitDefault = 20;
export const pageLimitMax = 100;

const limit = wholeNumber(1, pageLimitMax).prefault(pageLimitDefault);
const cursor = text(512).min(1).optional().describe('The `next` of the page before. Opaque.');

/** Spread into a list route's query schema: `z.strictObject({ ...listQuery, status: … })`. */
export const listQuery = { limit, cursor };

/** The answer of a list: `next` is null at the end. */
export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next: z.string().nullable() });

/** Opaque to callers, and not secret: it says where the page before ended. */
export const encodeCursor = (position: unknown): string =>
  Buffer.from(JSON.stringify(position), 'utf8').toString('base64url');

/** The position in a cursor, or undefined without one. Anything `encodeCursor` did not make is a 400. */
export const decodeCursor = <T>(encoded: string | undefined, position: z.ZodType<T>): T | undefined => {
  if (encoded === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
  } catch {
    throw badCursor();
  }
  const parsed = position.safeParse(json);
  if (!parsed.success) throw badCursor();
  return parsed.data;
};

const badCursor = () =>
  problem(400, 'invalid_cursor', 'The cursor is not one that this list gave out.', {
    errors: [{ path: '/cursor', message: 'is not a cursor of this list' }],
  });

/**
 * Cuts a page from rows fetched with `limit + 1`: the extra row says that there is more, and `positionOf` the
 * last row kept becomes the cursor.
 */
export const pageFrom = <R>(
  rows: readonly R[],
  limit: number,
  positionOf: (last: R) => unknown,
): { items: R[]; next: string | null } => {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null };
};
