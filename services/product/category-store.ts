import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import { append } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { type Category, nameFromPath, pathsTo } from './category.js';
import type { CatalogueEvents } from './published.js';

export type CategoryParts = { events: CatalogueEvents; clock: Clock };

/** A tree is answered whole, so it is bounded. */
export const categoriesMax = 10_000;

const rowColumns = `category_id AS "categoryId", version, path, name, position,
  (extract(epoch FROM created_at) * 1000)::bigint AS "createdAtMs",
  (extract(epoch FROM updated_at) * 1000)::bigint AS "updatedAtMs"`;

export const listCategories = async (db: Queryable): Promise<Category[]> => {
  const { rows } = await db.query<Category>(`SELECT ${rowColumns} FROM categories ORDER BY path LIMIT $1`, [
    categoriesMax,
  ]);
  return rows;
};

export const findCategory = async (db: Queryable, categoryId: string): Promise<Category | undefined> => {
  const { rows } = await db.query<Category>(`SELECT ${rowColumns} FROM categories WHERE category_id = $1`, [
    categoryId,
  ]);
  return rows[0];
};

export const lockCategory = async (tx: Tx, categoryId: string): Promise<Category | undefined> => {
  const { rows } = await tx.query<Category>(
    `SELECT ${rowColumns} FROM categories WHERE category_id = $1 FOR UPDATE`,
    [categoryId],
  );
  return rows[0];
};

/**
 * Adds the categories of these paths and their ancestors as far as they are missing. Those of the paths that are there
 * cannot be removed before the transaction ends.
 */
export const ensureCategories = async (
  tx: Tx,
  paths: readonly string[],
  parts: CategoryParts,
): Promise<void> => {
  const wanted = [...new Set(paths.flatMap(pathsTo))].sort();
  const { rows } = await tx.query<{ path: string }>(
    'SELECT path FROM categories WHERE path = ANY ($1::text[]) ORDER BY path FOR KEY SHARE',
    [wanted],
  );
  const known = new Set(rows.map(({ path }) => path));
  const missing = wanted.filter((path) => !known.has(path));
  await addCategories(
    tx,
    missing.map((path) => ({ path, name: nameFromPath(path), position: 0 })),
    { ...parts, by: null },
  );
};

/** Adds those whose paths are free, and answers which they are. */
export const addCategories = async (
  tx: Tx,
  wanted: readonly Pick<Category, 'path' | 'name' | 'position'>[],
  { events, clock, by }: CategoryParts & { by: string | null },
): Promise<Category[]> => {
  if (wanted.length === 0) return [];
  const nowMs = clock.nowMs();
  const { rows } = await tx.query<Category>(
    `INSERT INTO categories (category_id, version, path, name, position, created_at, updated_at)
     SELECT "categoryId", 1, path, name, position, $2, $2
     FROM jsonb_to_recordset($1::jsonb) AS stated("categoryId" uuid, path text, name text, position integer)
     ORDER BY path
     ON CONFLICT (path) DO NOTHING RETURNING ${rowColumns}`,
    [JSON.stringify(wanted.map((category) => ({ ...category, categoryId: newId(clock) }))), new Date(nowMs)],
  );
  await appendSaved(tx, rows, { events, by, nowMs });
  return rows;
};

/**
 * Gives categories, which are locked, another path, name or position. Answers them as they are now; null where another
 * category has one of the paths.
 */
export const saveCategories = async (
  tx: Tx,
  saved: readonly Category[],
  { events, clock, by }: CategoryParts & { by: string },
): Promise<Category[] | null> => {
  const nowMs = clock.nowMs();
  const ids = saved.map(({ categoryId }) => categoryId);
  const { rows: taken } = await tx.query(
    'SELECT 1 FROM categories WHERE path = ANY ($1::text[]) AND category_id <> ALL ($2::uuid[]) LIMIT 1',
    [saved.map(({ path }) => path), ids],
  );
  if (taken.length > 0) return null;
  const { rows } = await tx.query<Category>(
    `UPDATE categories SET version = version + 1, path = stated."newPath", name = stated."newName",
       position = stated."newPosition", updated_at = $2
     FROM jsonb_to_recordset($1::jsonb)
       AS stated("categoryId" uuid, "newPath" text, "newName" text, "newPosition" integer)
     WHERE category_id = "categoryId" RETURNING ${rowColumns}`,
    [
      JSON.stringify(
        saved.map(({ categoryId, path, name, position }) => ({
          categoryId,
          newPath: path,
          newName: name,
          newPosition: position,
        })),
      ),
      new Date(nowMs),
    ],
  );
  await appendSaved(tx, rows, { events, by, nowMs });
  return rows;
};

/** `category` is locked, and nothing is in it. */
export const removeCategory = async (
  tx: Tx,
  { categoryId, version, path }: Category,
  { events, clock, by }: CategoryParts & { by: string },
): Promise<void> => {
  const occurredAt = clock.nowMs();
  await tx.query('DELETE FROM categories WHERE category_id = $1', [categoryId]);
  await append(tx, [
    events.event(
      'CategoryDeleted',
      categoryId,
      { categoryId, version: version + 1, path, changedBy: by, occurredAt },
      { occurredAt },
    ),
  ]);
};

/** Locked, sorted by path. */
export const categoriesBelow = async (tx: Tx, path: string): Promise<Category[]> => {
  const { rows } = await tx.query<Category>(
    `SELECT ${rowColumns} FROM categories WHERE starts_with(path, $1) ORDER BY path FOR UPDATE`,
    [`${path}/`],
  );
  return rows;
};

/** The products in a category and below it, also those that are not shown; `idsMax` of them at most. */
export const productsIn = async (tx: Tx, path: string, idsMax: number): Promise<string[]> => {
  const { rows } = await tx.query<{ productId: string }>(
    `SELECT product_id AS "productId" FROM products
     WHERE (category = $1 OR starts_with(category, $2)) AND deleted_at IS NULL LIMIT $3`,
    [path, `${path}/`, idsMax],
  );
  return rows.map(({ productId }) => productId);
};

const appendSaved = (
  tx: Tx,
  rows: readonly Category[],
  { events, by, nowMs }: { events: CatalogueEvents; by: string | null; nowMs: number },
): Promise<void> =>
  append(
    tx,
    rows.map(({ categoryId, version, path, name, position }) =>
      events.event(
        'CategorySaved',
        categoryId,
        { categoryId, version, path, name, position, changedBy: by, occurredAt: nowMs },
        { occurredAt: nowMs },
      ),
    ),
  );
