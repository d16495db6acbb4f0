import type { Database } from '#platform/postgres/pool';
import type { ReadAside } from '#platform/redis/read-aside';
import { createBatchedRead, createSharedRead } from '#platform/waiting/shared-read';
import { type ListFilter, listProducts } from './product-list-store.js';
import { findProducts, type ProductRow } from './product-row-store.js';

/** Products as they are now. Reads that come together share their statements; single products are kept in `cache`. */
export type ProductReads = {
  find(productId: string): Promise<ProductRow | undefined>;
  /** Equal filters may get the same array, which is not to be changed. */
  list(filter: ListFilter): Promise<readonly ProductRow[]>;
};

const findsPerQueryMax = 200;

export const createProductReads = (
  db: Database,
  cache: Pick<ReadAside<ProductRow>, 'read'>,
): ProductReads => {
  const find = createBatchedRead((productIds) => findProducts(db, productIds), findsPerQueryMax);
  const list = createSharedRead((key) => listProducts(db, JSON.parse(key) as ListFilter));
  return {
    find: (productId) => cache.read(productId, async () => (await find([productId])).get(productId)),
    list: (filter) => list(JSON.stringify(filter)),
  };
};
