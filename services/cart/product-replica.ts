import type { Queryable } from '#platform/postgres/pool';
import { createReplica, type Replica } from '#platform/postgres/replica';

export type ProductCopy = {
  productId: string;
  name: string;
  priceMinor: number;
  currency: string;
  active: boolean;
};

export type StockCopy = { productId: string; available: number };

/** This service's copies of the catalogue and of the stock. */
export const createProductReplica = (db: Queryable): Replica<ProductCopy> =>
  createReplica<ProductCopy>(db, {
    table: 'products',
    id: 'productId',
    fields: { name: 'text', priceMinor: 'bigint', currency: 'text', active: 'boolean' },
    ended: { active: false },
  });

export const createStockReplica = (db: Queryable): Replica<StockCopy> =>
  createReplica<StockCopy>(db, { table: 'stock', id: 'productId', fields: { available: 'integer' } });
