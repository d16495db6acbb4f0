import type { Queryable } from '#platform/postgres/pool';
import { createReplica, type Replica } from '#platform/postgres/replica';

export type ProductForSale = { productId: string; active: boolean };

/** Which products are for sale, so that no other is reported as available again. */
export const createProductsForSale = (db: Queryable): Replica<ProductForSale> =>
  createReplica<ProductForSale>(db, { table: 'products', id: 'productId', fields: { active: 'boolean' } });
