import type { Queryable } from '#platform/postgres/pool';
import { createReplica, type Replica } from '#platform/postgres/replica';

export type ProductName = { productId: string; name: string };

/** The names of products, for messages about them. */
export const createProductNames = (db: Queryable): Replica<ProductName> =>
  createReplica<ProductName>(db, { table: 'products', id: 'productId', fields: { name: 'text' } });
