import { z } from 'zod';
import { problem } from './problem-details.js';
import { text, wholeNumber } from './text.js';

const pageLimitDefault = 20;
const pageLimitMax = 100;

const limit = wholeNumber(1, pageLimitMax).prefault(pageLimitDefault);
const cursor = text(512).min(1).optional().describe('The `next` value of the previous page. Opaque.');

/** Spread into a list route's query schema: `z.strictObject({ ...listQuery, status: … })`. */
export const listQuery = { limit, cursor };

/** The schema of a page of a list: `next` is null on the last page. */
export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next: z.string().nullable() });

/** Encodes the position of a page's last row. Opaque to callers, but not secret. */
export const encodeCursor = (position: unknown): string =>
  Buffer.from(JSON.stringify(position), 'utf8').toString('base64url');

/** The position in a cursor, or undefined without a cursor. Throws 400 for a text that `encodeCursor` did not make. */
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

/** The same for a list with several orders, each of which has its own cursors. */
export const decodeSortedCursor = <T extends { sort: string }>(
  encoded: string | undefined,
  position: z.ZodType<T>,
  sort: T['sort'],
): T | undefined => {
  const found = decodeCursor(encoded, position);
  if (found !== undefined && found.sort !== sort) throw badCursor(`is of a list sorted by ${found.sort}`);
  return found;
};

/** The refusal of a cursor: it belongs to another list, or to another order of this one. */
export const badCursor = (message = 'is not a cursor of this list') =>
  problem(400, 'invalid_cursor', 'The cursor does not come from this list.', {
    errors: [{ path: '/cursor', message }],
  });

/**
 * Makes a page from rows that were fetched with `limit + 1`. The extra row shows that there is another page;
 * `positionOf` of the last row on this page becomes the cursor.
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
