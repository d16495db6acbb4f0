import { markNew } from '#platform/inbox/marks';
import { newestOf, writeBatch } from '#platform/postgres/gathering';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { ProductCreated, ProductDeleted, ProductRated, ProductUpdated } from '#schemas/events';
import { type WeighedSale, weightsOf } from '#schemas/popularity';
import type { ShowableProduct } from '#schemas/product-view';
import type { SearchDocument } from './document.js';

export type StockLine = { productId: string; available: number; stockVersion: number };

/**
 * What can be found, as events say it. Each note holds only if it is newer than the last one of its kind, so events may
 * come again, and those of different topics in any order. Each change is announced on `documentsChannel`.
 */
export type DocumentStore = {
  noteProduct(tx: Tx, product: ProductCreated | ProductUpdated): Promise<void>;
  noteDeleted(tx: Tx, product: ProductDeleted): Promise<void>;
  noteStock(tx: Tx, lines: readonly StockLine[]): Promise<void>;
  noteRating(tx: Tx, rating: ProductRated): Promise<void>;
  /** Adds to the popularity of an order's products, once for each order. */
  countSale(tx: Tx, orderId: string, lines: readonly { productId: string; weight: number }[]): Promise<void>;
};

/** PostgreSQL's channel: the ids of changed documents, separated by blanks; empty where any may have changed. */
export const documentsChannel = 'search_documents';

export const createDocumentStore = (): DocumentStore => ({
  noteProduct: (tx, product) => tx.gather(noteAllProducts, product),
  noteDeleted: (tx, product) => tx.gather(noteAllDeleted, product),
  noteStock: (tx, lines) => tx.gather(noteAllStock, lines),
  noteRating: (tx, rating) => tx.gather(noteAllRatings, rating),
  countSale: (tx, orderId, lines) => tx.gather(countAllSales, { orderId, lines }),
});

const versionOf = ({ version }: { version: number }): number => version;
const idOf = ({ productId }: { productId: string }): string => productId;

/** A notification has 8,000 bytes at most. */
const idsPerNotificationMax = 200;

/** The schema in which a rebuild makes its documents: nobody reads them yet, so their changes are not announced. */
export const rebuiltSchema = 'rebuilt';

const announce = async (tx: Tx, productIds: readonly string[]): Promise<void> => {
  for (let from = 0; from < productIds.length; from += idsPerNotificationMax)
    await tx.query('SELECT pg_notify($1, $2) WHERE current_schema() <> $3', [
      documentsChannel,
      productIds.slice(from, from + idsPerNotificationMax).join(' '),
      rebuiltSchema,
    ]);
};

// Every statement sorts by product, so that two transactions cannot deadlock.
const noteAllProducts = writeBatch<ProductCreated | ProductUpdated>(async (tx, products) => {
  const newest = newestOf(products, idOf, versionOf);
  // A new product's stock, unless inventory has said more of it: also where its description has changed since, or its
  // creation comes after the change.
  const opened = new Map(
    products.flatMap((product) =>
      'initialStock' in product ? [[product.productId, product.initialStock] as const] : [],
    ),
  );
  await tx.query(
    `INSERT INTO documents (product_id, version, description, available)
     SELECT (value->>'productId')::uuid, (value->>'version')::integer, value, available
     FROM ROWS FROM (jsonb_array_elements($1::jsonb), unnest($2::integer[])) AS noted(value, available) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET version = greatest(documents.version, EXCLUDED.version),
       description = CASE WHEN documents.version < EXCLUDED.version
         THEN EXCLUDED.description ELSE documents.description END,
       available = CASE WHEN documents.stock_version = 0 AND EXCLUDED.available > 0
         THEN EXCLUDED.available ELSE documents.available END
     WHERE documents.version < EXCLUDED.version OR (documents.stock_version = 0 AND documents.available = 0)`,
    [JSON.stringify(newest), newest.map(({ productId }) => opened.get(productId) ?? 0)],
  );
  await announce(tx, newest.map(idOf));
});

const noteAllDeleted = writeBatch<ProductDeleted>(async (tx, products) => {
  const newest = newestOf(products, idOf, versionOf);
  await tx.query(
    `INSERT INTO documents (product_id, version)
     SELECT * FROM unnest($1::uuid[], $2::integer[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET version = EXCLUDED.version, description = NULL
     WHERE documents.version < EXCLUDED.version`,
    [newest.map(idOf), newest.map(versionOf)],
  );
  await announce(tx, newest.map(idOf));
});

const noteAllStock = writeBatch<readonly StockLine[]>(async (tx, lists) => {
  const lines = newestOf(lists.flat(), idOf, ({ stockVersion }) => stockVersion);
  await tx.query(
    `INSERT INTO documents (product_id, available, stock_version)
     SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET available = EXCLUDED.available, stock_version = EXCLUDED.stock_version
     WHERE documents.stock_version < EXCLUDED.stock_version`,
    [lines.map(idOf), lines.map(({ available }) => available), lines.map(({ stockVersion }) => stockVersion)],
  );
  await announce(tx, lines.map(idOf));
});

const noteAllRatings = writeBatch<ProductRated>(async (tx, ratings) => {
  const newest = newestOf(ratings, idOf, ({ ratingVersion }) => ratingVersion);
  await tx.query(
    `INSERT INTO documents (product_id, rating_sum, rating_count, rating_version)
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::bigint[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET rating_sum = EXCLUDED.rating_sum, rating_count = EXCLUDED.rating_count,
       rating_version = EXCLUDED.rating_version
     WHERE documents.rating_version < EXCLUDED.rating_version`,
    [
      newest.map(idOf),
      newest.map(({ sum }) => sum),
      newest.map(({ count }) => count),
      newest.map(({ ratingVersion }) => ratingVersion),
    ],
  );
  await announce(tx, newest.map(idOf));
});

const countedSales = { table: 'counted_sales', column: 'order_id' };

const countAllSales = writeBatch<WeighedSale>(async (tx, sales) => {
  const uncounted = await markNew(
    tx,
    countedSales,
    sales.map(({ orderId }) => orderId),
  );
  const weights = weightsOf(sales, uncounted);
  await tx.query(
    `INSERT INTO documents (product_id, popularity) SELECT * FROM unnest($1::uuid[], $2::double precision[]) ORDER BY 1
     ON CONFLICT (product_id) DO UPDATE SET popularity = documents.popularity + EXCLUDED.popularity`,
    [[...weights.keys()], [...weights.values()]],
  );
  await announce(tx, [...weights.keys()]);
});

type Row = {
  productId: string;
  description: (ProductCreated | ProductUpdated) | null;
  available: number;
  ratingHundredths: number;
  ratingCount: number;
  popularity: number;
};

const rowColumns = `product_id AS "productId", description, available, rating_count AS "ratingCount", popularity,
  CASE WHEN rating_count = 0 THEN 0 ELSE round(rating_sum * 100.0 / rating_count)::integer END AS "ratingHundredths"`;

/** A document as it is to be indexed; undefined for one that is not to be found. */
export type Indexed = { productId: string; document: SearchDocument | undefined };

export const readDocuments = async (db: Queryable, productIds: readonly string[]): Promise<Indexed[]> => {
  const { rows } = await db.query<Row>(
    `SELECT ${rowColumns} FROM documents WHERE product_id = ANY ($1::uuid[])`,
    [productIds],
  );
  return rows.map(indexed);
};

/** Sorted by id, behind `afterId`. */
export const pageOfDocuments = async (
  db: Queryable,
  afterId: string | undefined,
  rowsMax: number,
): Promise<Indexed[]> => {
  const { rows } = await db.query<Row>(
    `SELECT ${rowColumns} FROM documents WHERE ($1::uuid IS NULL OR product_id > $1) ORDER BY product_id LIMIT $2`,
    [afterId ?? null, rowsMax],
  );
  return rows.map(indexed);
};

/** What is shown of the products, by id. */
export const readProducts = async (
  db: Queryable,
  productIds: readonly string[],
): Promise<Map<string, ShowableProduct>> => {
  const { rows } = await db.query<Row>(
    `SELECT ${rowColumns} FROM documents WHERE product_id = ANY ($1::uuid[]) AND description IS NOT NULL`,
    [productIds],
  );
  return new Map(
    rows.map(({ description, popularity: _, ...row }): [string, ShowableProduct] => {
      const { attributes, createdAt, occurredAt, ...described } = description as
        | ProductCreated
        | ProductUpdated;
      return [
        row.productId,
        {
          ...described,
          ...row,
          attributes: attributesIn(attributes),
          createdAtMs: createdAt,
          updatedAtMs: occurredAt,
        },
      ];
    }),
  );
};

const attributesIn = (json: string): ShowableProduct['attributes'] => JSON.parse(json);

const indexed = ({ productId, description, ...row }: Row): Indexed => {
  if (description === null || !description.active) return { productId, document: undefined };
  const { version, name, category, brand, tags, priceMinor, featured, createdAt } = description;
  return {
    productId,
    document: {
      ...row,
      productId,
      version,
      name,
      description: description.description,
      category,
      brand,
      tags,
      attributeValues: Object.values(attributesIn(description.attributes)).map(String),
      priceMinor,
      isFeatured: featured,
      createdAtMs: createdAt,
    },
  };
};
