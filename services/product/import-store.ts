import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Tx } from '#platform/postgres/transaction';
import type { ImportBatch } from './import-batches.js';
import type { Imported } from './product-import.js';
import { findProducts, lockProducts, type ProductRow } from './product-row-store.js';
import type { ProductStore } from './product-store.js';

/** `removed` are the numbers of lines whose products were removed from the catalogue: those stay removed. */
export type Written = { created: number; updated: number; unchanged: number; removed: readonly number[] };

/** Thrown where the body is not the one that the request's key was used for before. */
export class KeyReused extends Error {
  constructor() {
    super('This Idempotency-Key was used for another import.');
  }
}

/**
 * Keeps what the request's body is up to the end of the batch, for as long as its lines are known by their numbers: with
 * another body under the same key, each line would describe anew the product of some other line. True where the batch
 * was kept before: what is kept was written in the same transaction.
 */
export const claimBatch = async (
  tx: Tx,
  request: string,
  { after, last, digest }: Pick<ImportBatch, 'after' | 'last' | 'digest'>,
): Promise<boolean> => {
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`import ${request}`]);
  const { rows } = await tx.query<{ last: number; digest: Buffer }>(
    `SELECT last_line AS last, digest FROM import_batches
     WHERE request = $1 AND last_line > $2 ORDER BY last_line LIMIT 1`,
    [request, after],
  );
  const [kept] = rows;
  if (kept === undefined)
    await tx.query('INSERT INTO import_batches (request, last_line, digest) VALUES ($1, $2, $3)', [
      request,
      last,
      digest,
    ]);
  else if (kept.last !== last || !digest.equals(kept.digest)) throw new KeyReused();
  return kept !== undefined;
};

/**
 * What is answered for lines that were written before, by the same request: their products stay as they are, whatever
 * has changed them since.
 */
export const writtenBefore = async (tx: Tx, lines: readonly Imported[]): Promise<Written> => {
  const keys = lines.flatMap(({ key }) => key ?? []);
  const known = await productsOf(tx, keys);
  const rows = await findProducts(tx, [...known.values()]);
  const removed = lines.filter(({ key = '' }) => !rows.has(known.get(key) ?? '')).map(({ number }) => number);
  return { created: 0, updated: 0, unchanged: lines.length - removed.length, removed };
};

/** Makes the products of lines, of which no two have the same key, or describes anew those that their keys name. */
export const writeImported = async (
  tx: Tx,
  lines: readonly Imported[],
  { products, clock, by }: { products: ProductStore; clock: Clock; by: string },
): Promise<Written> => {
  const ids = new Map(lines.map(({ number }) => [number, newId(clock)]));
  const known = await claimKeys(tx, lines, ids);
  const fresh = lines.filter(({ key }) => key === undefined || !known.has(key));
  if (fresh.length > 0)
    await products.createAll(
      tx,
      fresh.map(({ command }) => command),
      by,
      { isBulk: true, productIds: fresh.map(({ number }) => ids.get(number) as string) },
    );
  const rows = known.size === 0 ? new Map<string, ProductRow>() : await lockProducts(tx, [...known.values()]);
  const removed: number[] = [];
  const updates: { row: ProductRow; described: Imported['command'] }[] = [];
  for (const { key, number, command } of lines) {
    const productId = key === undefined ? undefined : known.get(key);
    if (productId === undefined) continue;
    const row = rows.get(productId);
    if (row === undefined) removed.push(number);
    else updates.push({ row, described: command });
  }
  const updated = await products.updateAll(tx, updates, by, { isBulk: true });
  return { created: fresh.length, updated, unchanged: updates.length - updated, removed };
};

/** Claims the keys that are free, and answers the products of those that are not. */
const claimKeys = async (
  tx: Tx,
  lines: readonly Imported[],
  ids: ReadonlyMap<number, string>,
): Promise<Map<string, string>> => {
  const keyed = lines.filter((line): line is Imported & { key: string } => line.key !== undefined);
  if (keyed.length === 0) return new Map();
  const keys = keyed.map(({ key }) => key);
  const claimed = await tx.query<{ key: string }>(
    `INSERT INTO imported_products (key, product_id)
     SELECT * FROM unnest($1::text[], $2::uuid[]) AS line(key, product_id) ORDER BY key
     ON CONFLICT (key) DO NOTHING RETURNING key`,
    [keys, keyed.map(({ number }) => ids.get(number))],
  );
  if (claimed.rows.length === keys.length) return new Map();
  const own = new Set(claimed.rows.map(({ key }) => key));
  return productsOf(
    tx,
    keys.filter((key) => !own.has(key)),
  );
};

const productsOf = async (tx: Tx, keys: readonly string[]): Promise<Map<string, string>> => {
  const { rows } = await tx.query<{ key: string; productId: string }>(
    'SELECT key, product_id AS "productId" FROM imported_products WHERE key = ANY ($1::text[])',
    [keys],
  );
  return new Map(rows.map(({ key, productId }) => [key, productId]));
};
