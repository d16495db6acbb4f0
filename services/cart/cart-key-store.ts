import { randomBytes } from 'node:crypto';
import type { Queryable } from '#platform/postgres/pool';
import type { Component } from '#platform/service-host';

export type CartKey = Component & {
  /** Signs guests' cart ids; the same in all instances. Available once started. */
  secret(): Buffer;
};

const keyBytes = 32;

export const createCartKey = (db: Queryable): CartKey => {
  let key: Buffer | undefined;
  return {
    name: 'cart-key',
    secret: () => {
      if (key === undefined) throw new Error('the key is read at the start');
      return key;
    },
    start: async () => {
      const { rows } = await db.query<{ secret: Buffer }>(
        `WITH made AS (INSERT INTO cart_id_keys (secret) VALUES ($1) ON CONFLICT DO NOTHING RETURNING secret)
         SELECT secret FROM made UNION ALL SELECT secret FROM cart_id_keys LIMIT 1`,
        [randomBytes(keyBytes)],
      );
      // Another instance may have made it in between, and then this statement has seen neither.
      key =
        rows[0]?.secret ??
        (await db.query<{ secret: Buffer }>('SELECT secret FROM cart_id_keys')).rows[0]?.secret;
    },
    stop: async () => {},
  };
};
