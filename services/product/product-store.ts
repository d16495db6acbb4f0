import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import { markNew } from '#platform/inbox/marks';
import { append, type OutboxMessage } from '#platform/outbox/outbox';
import { newestOf, writeBatch } from '#platform/postgres/gathering';
import type { Tx } from '#platform/postgres/transaction';
import { runUnsampled } from '#platform/telemetry/tracing';
import type { CatalogueChange, CountedSort } from '#schemas/catalogue-changes';
import { type WeighedSale, weightsOf } from '#schemas/popularity';
import { ensureCategories } from './category-store.js';
import { keepForLater, keptAmong } from './imported-events-store.js';
import {
  type CreateProduct,
  createProduct,
  type Description,
  deleteProduct,
  type HistoryEntry,
  type Product,
  updateProduct,
} from './product.js';
import { type ProductRow, statedColumns } from './product-row-store.js';
import type { CatalogueEvents, Published } from './published.js';

export type StockLine = { productId: string; available: number; stockVersion: number };

export type RatingLine = { productId: string; ratingVersion: number; sum: number; count: number };

export type ProductUpdate = { row: ProductRow; described: Description };

export type WriteOptions = {
  /** Others need not know at once: the events let those of single changes go first. */
  isBulk?: boolean;
};

export type UpdateOptions = WriteOptions & {
  /** The transaction itself makes the categories that the products are moved to. */
  categoriesExist?: boolean;
};

/** Each method writes rows, history and events in the caller's transaction. `by` is the account that changes them. */
export type ProductStore = {
  create(tx: Tx, command: CreateProduct, by?: string): Promise<ProductRow>;
  /** `productIds` become the ids of the new products, in their order, where they are given. */
  createAll(
    tx: Tx,
    commands: readonly CreateProduct[],
    by: string | null,
    options?: WriteOptions & { productIds?: readonly string[] },
  ): Promise<ProductRow[]>;
  /** `row` is locked. Answers what it is now, with `isChanged` false where it was described so already. */
  update(
    tx: Tx,
    row: ProductRow,
    described: Description,
    by: string,
  ): Promise<{ row: ProductRow; isChanged: boolean }>;
  /** Describes products anew, which are locked and not removed, and answers how many were described otherwise. */
  updateAll(tx: Tx, updates: readonly ProductUpdate[], by: string, options?: UpdateOptions): Promise<number>;
  /** `row` is locked. */
  remove(tx: Tx, row: ProductRow, by: string): Promise<void>;
  /** Stores the stock of an inventory event, unless a newer one is stored. */
  noteStock(tx: Tx, lines: readonly StockLine[]): Promise<void>;
  /** Adds to the popularity of an order's products, once for each order. */
  countSale(tx: Tx, orderId: string, lines: readonly { productId: string; weight: number }[]): Promise<void>;
  /** Stores what reviews say of a product, unless a newer word is stored. */
  noteRating(tx: Tx, line: RatingLine): Promise<void>;
};

export type ProductStoreParts = {
  events: CatalogueEvents;
  clock: Clock;
  /** Called after each commit that changed products, or may have. */
  onChange?: (change: CatalogueChange) => void;
};

const noKeys: ReadonlySet<string> = new Set();

/** Changes of one transaction whose ways through the other services are traced: each makes a dozen spans. */
const tracedMax = 20;
const sampledFew = <T>(count: number, fn: () => T): T => (count > tracedMax ? runUnsampled(fn) : fn());

// Over seventy lines: a method for each way in which a product changes.
export const createProductStore = ({
  events,
  clock,
  onChange = () => {},
}: ProductStoreParts): ProductStore => {
  const announce = (tx: Tx, change: CatalogueChange): void =>
    tx.afterCommit(() => onChange(change), { orUnknown: true });
  const { noteAllStock, countAllSales, noteAllRatings } = countingBatches(announce);

  const record = async <T extends 'ProductCreated' | 'ProductUpdated' | 'ProductDeleted'>(
    tx: Tx,
    type: T,
    changes: readonly { entry: HistoryEntry; event: Published[T] }[],
    { isBulk = false }: WriteOptions = {},
  ): Promise<void> => {
    const messages = sampledFew(changes.length, () =>
      changes.map(({ event }) =>
        events.event(type, event.productId, event, { occurredAt: event.occurredAt }),
      ),
    );
    // A product's events stay in order: behind one that still waits, the next one waits too.
    const isFirst = isBulk || type === 'ProductCreated';
    const kept = isFirst
      ? noKeys
      : await keptAmong(
          tx,
          messages.map(({ key }) => key),
        );
    const isLater = ({ key }: OutboxMessage): boolean => isBulk || kept.has(key);
    // Sent one behind the other, answered together: none depends on what another answers.
    await Promise.all([
      insertHistory(
        tx,
        changes.map(({ entry }) => entry),
      ),
      keepForLater(tx, messages.filter(isLater)),
      append(
        tx,
        messages.filter((message) => !isLater(message)),
      ),
    ]);
    // Nobody keeps an answer about a product that did not exist.
    const known = type === 'ProductCreated' ? [] : changes.map(({ event }) => event.productId);
    announce(tx, { productIds: known, isListed: true });
  };

  const createAll: ProductStore['createAll'] = async (tx, commands, by, { productIds, ...options } = {}) => {
    const act = { by, nowMs: clock.nowMs() };
    const made = commands.map((command, nth) =>
      createProduct(command, productIds?.[nth] ?? newId(clock), act),
    );
    await ensureCategories(
      tx,
      made.map(({ product }) => product.category),
      { events, clock },
    );
    const rows = made.map(
      ({ product }, nth): ProductRow => ({
        ...product,
        available: (commands[nth] as CreateProduct).initialStock,
        stockVersion: 0,
        ratingVersion: 0,
        ratingHundredths: 0,
        ratingCount: 0,
        popularity: 0,
      }),
    );
    await Promise.all([insertProducts(tx, rows), record(tx, 'ProductCreated', made, options)]);
    return rows;
  };

  const updateRows = async (
    tx: Tx,
    updates: readonly ProductUpdate[],
    by: string,
    { categoriesExist = false, ...options }: UpdateOptions = {},
  ): Promise<ProductRow[]> => {
    const act = { by, nowMs: clock.nowMs() };
    const made = updates.flatMap(({ row, described }) => {
      const update = updateProduct(row, described, act);
      return update === null ? [] : [{ ...update, row: { ...row, ...update.product } }];
    });
    if (made.length === 0) return [];
    if (!categoriesExist)
      await ensureCategories(
        tx,
        made.map(({ product }) => product.category),
        { events, clock },
      );
    await updateProducts(
      tx,
      made.map(({ product }) => product),
    );
    await record(tx, 'ProductUpdated', made, options);
    return made.map(({ row }) => row);
  };

  return {
    create: async (tx, command, by) => (await createAll(tx, [command], by ?? null))[0] as ProductRow,
    createAll,
    update: async (tx, row, described, by) => {
      const [after] = await updateRows(tx, [{ row, described }], by);
      return { row: after ?? row, isChanged: after !== undefined };
    },
    updateAll: async (tx, updates, by, options) => (await updateRows(tx, updates, by, options)).length,
    remove: async (tx, row, by) => {
      const { event, entry } = deleteProduct(row, { by, nowMs: clock.nowMs() });
      await tx.query(
        `UPDATE products SET version = $2, active = false, featured = false, deleted_at = $3, updated_at = $3
         WHERE product_id = $1`,
        [row.productId, event.version, new Date(event.occurredAt)],
      );
      await record(tx, 'ProductDeleted', [{ event, entry }]);
    },
    noteStock: (tx, lines) => tx.gather(noteAllStock, lines),
    countSale: (tx, orderId, lines) => tx.gather(countAllSales, { orderId, lines }),
    noteRating: (tx, line) => tx.gather(noteAllRatings, line),
  };
};

const recordOf = `jsonb_to_recordset($1::jsonb) AS stated("productId" uuid, available integer, "updatedAtMs" bigint,
  ${statedColumns.map(({ field, type }) => `"${field}" ${type}`).join(', ')})`;
const statedAt = 'to_timestamp("updatedAtMs" / 1000.0)';

const insertProducts = (tx: Tx, rows: readonly ProductRow[]) =>
  tx.query(
    `INSERT INTO products (product_id, available, created_at, updated_at, ${statedColumns.map(({ column }) => column).join(', ')})
     SELECT "productId", stated.available, ${statedAt}, ${statedAt},
       ${statedColumns.map(({ field }) => `stated."${field}"`).join(', ')} FROM ${recordOf}`,
    [JSON.stringify(rows)],
  );

const updateProducts = (tx: Tx, products: readonly Product[]) =>
  tx.query(
    `UPDATE products SET updated_at = ${statedAt},
       ${statedColumns.map(({ column, field }) => `${column} = stated."${field}"`).join(', ')}
     FROM ${recordOf} WHERE product_id = "productId"`,
    [JSON.stringify(products)],
  );

const insertHistory = (tx: Tx, entries: readonly HistoryEntry[]) =>
  tx.query(
    `INSERT INTO product_history (product_id, version, kind, changes, changed_by, occurred_at)
     SELECT "productId", version, kind, changes, "changedBy", to_timestamp("occurredAtMs" / 1000.0)
     FROM jsonb_to_recordset($1::jsonb) AS entry("productId" uuid, version integer, kind text, changes jsonb,
       "changedBy" uuid, "occurredAtMs" bigint)`,
    [JSON.stringify(entries)],
  );

type Counted = { productId: string; category: string };

const reordering = (sort: CountedSort, counted: readonly Counted[]) => ({
  sort,
  categories: [...new Set(counted.map(({ category }) => category))],
});

const countedSales = { table: 'counted_sales', column: 'order_id' };

/** What other services count of products. They announce what others see of it: a sold piece was missing when it was held. */
const countingBatches = (announce: (tx: Tx, change: CatalogueChange) => void) => {
  const noteAllStock = writeBatch<readonly StockLine[]>(async (tx, lists) => {
    const lines = newestOf(
      lists.flat(),
      ({ productId }) => productId,
      ({ stockVersion }) => stockVersion,
    );
    // Locked in the order of their ids, so that two transactions cannot deadlock.
    const { rows } = await tx.query<{ productId: string; isSeen: boolean }>(
      `UPDATE products SET available = line.available, stock_version = line.stock_version
       FROM (SELECT l.*, p.available AS was
             FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS l(product_id, available, stock_version)
             JOIN products p USING (product_id) ORDER BY product_id FOR UPDATE OF p) AS line
       WHERE products.product_id = line.product_id AND products.stock_version < line.stock_version
       RETURNING products.product_id AS "productId", line.available <> line.was AS "isSeen"`,
      [
        lines.map(({ productId }) => productId),
        lines.map(({ available }) => available),
        lines.map(({ stockVersion }) => stockVersion),
      ],
    );
    const productIds = rows.flatMap(({ productId, isSeen }) => (isSeen ? [productId] : []));
    if (productIds.length > 0) announce(tx, { productIds, isListed: false });
  });

  const countAllSales = writeBatch<WeighedSale>(async (tx, sales) => {
    const uncounted = await markNew(
      tx,
      countedSales,
      sales.map(({ orderId }) => orderId),
    );
    const weights = weightsOf(sales, uncounted);
    if (weights.size === 0) return;
    const counted = await tx.query<Counted>(
      `UPDATE products SET popularity = popularity + sold.weight
       FROM (SELECT s.* FROM unnest($1::uuid[], $2::double precision[]) AS s(product_id, weight)
             JOIN products p USING (product_id) ORDER BY product_id FOR UPDATE OF p) AS sold
       WHERE products.product_id = sold.product_id RETURNING products.product_id AS "productId", category`,
      [[...weights.keys()], [...weights.values()]],
    );
    announce(tx, { productIds: [], isListed: false, reorders: reordering('popularity', counted.rows) });
  });

  const noteAllRatings = writeBatch<RatingLine>(async (tx, ratings) => {
    const lines = newestOf(
      ratings,
      ({ productId }) => productId,
      ({ ratingVersion }) => ratingVersion,
    );
    const { rows } = await tx.query<Counted>(
      `UPDATE products SET rating_sum = rated.sum, rating_count = rated.count, rating_version = rated.version
       FROM (SELECT r.* FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::bigint[])
               AS r(product_id, sum, count, version)
             JOIN products p USING (product_id) ORDER BY product_id FOR UPDATE OF p) AS rated
       WHERE products.product_id = rated.product_id AND products.rating_version < rated.version
       RETURNING products.product_id AS "productId", category`,
      [
        lines.map(({ productId }) => productId),
        lines.map(({ sum }) => sum),
        lines.map(({ count }) => count),
        lines.map(({ ratingVersion }) => ratingVersion),
      ],
    );
    if (rows.length === 0) return;
    const productIds = rows.map(({ productId }) => productId);
    announce(tx, { productIds, isListed: false, reorders: reordering('rating', rows) });
  });

  return { noteAllStock, countAllSales, noteAllRatings };
};
