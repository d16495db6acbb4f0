import type { Queryable } from '#platform/postgres/pool';
import { createReplica, type Replica } from '#platform/postgres/replica';

export type ProductCopy = {
  productId: string;
  name: string;
  category: string;
  priceMinor: number;
  currency: string;
  active: boolean;
};

/** This service's copy of the catalogue. */
export type ProductReplica = Replica<ProductCopy>;

export const createProductReplica = (db: Queryable): ProductReplica =>
  createReplica<ProductCopy>(db, {
    table: 'products',
    id: 'productId',
    fields: { name: 'text', category: 'text', priceMinor: 'bigint', currency: 'text', active: 'boolean' },
    // A product that was removed stays in the copy, but is not sold any more.
    ended: { active: false },
  });
