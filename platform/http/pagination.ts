import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
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

/** A request for a page. Its route and the ids in its path say which list it is. */
export type PageRequest = {
  routeOptions: Pick<FastifyRequest['routeOptions'], 'url'>;
  params: unknown;
  query: { limit: number; cursor?: string | undefined };
};

const markChars = 6;

/**
 * The path in one spelling, whichever the request has: `/api/%70roducts`, `/api/products#x` and `http://x/api/products`
 * are one list, and their requests may share the text of a page with its cursor.
 */
const pathOf = ({ routeOptions: { url = '' }, params }: PageRequest): string =>
  url.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(String((params as Record<string, unknown>)[name])),
  );

/** Marks the cursors of a list, because positions in different lists may look alike. */
const markOf = (request: PageRequest): string =>
  createHash('sha256').update(pathOf(request).toLowerCase()).digest('base64url').slice(0, markChars);

/** Opaque to callers, but not secret. */
const encodeCursor = (request: PageRequest, position: unknown): string =>
  Buffer.from(JSON.stringify([markOf(request), position]), 'utf8').toString('base64url');

/** The position in the request's cursor, or undefined without one. Throws 400 for one that is not of this list. */
export const decodeCursor = <T>(request: PageRequest, position: z.ZodType<T>): T | undefined => {
  const encoded = request.query.cursor;
  if (encoded === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
  } catch {
    throw badCursor();
  }
  const parsed = z.tuple([z.literal(markOf(request)), position]).safeParse(json);
  if (!parsed.success) throw badCursor();
  return parsed.data[1];
};

/** The same for a list with several orders, each of which has its own cursors. */
export const decodeSortedCursor = <T extends { sort: string }>(
  request: PageRequest,
  position: z.ZodType<T>,
  sort: T['sort'],
): T | undefined => {
  const found = decodeCursor(request, position);
  if (found !== undefined && found.sort !== sort) throw badCursor(`is of a list sorted by ${found.sort}`);
  return found;
};

/** The refusal of a cursor: it belongs to another list, or to another order of this one. */
export const badCursor = (message = 'is not a cursor of this list') =>
  problem(400, 'invalid_cursor', 'The cursor does not come from this list.', {
    errors: [{ path: '/cursor', message }],
  });

/**
 * Makes the page that was asked for from rows that were fetched with its `limit + 1`. The extra row shows that there is another page;
 * `positionOf` of the last row on this page becomes the cursor.
 */
export const pageFrom = <R>(
  request: PageRequest,
  rows: readonly R[],
  positionOf: (last: R) => unknown,
): { items: R[]; next: string | null } => {
  const { limit } = request.query;
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const isMore = rows.length > limit && last !== undefined;
  return { items, next: isMore ? encodeCursor(request, positionOf(last)) : null };
};
