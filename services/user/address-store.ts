import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

export type Address = {
  id: string;
  name: string;
  line1: string;
  line2: string | null;
  city: string;
  postalCode: string;
  country: string;
  createdAt: Date;
};

const columns = `id, name, line1, line2, city, postal_code AS "postalCode", country, created_at AS "createdAt"`;

/** Stores address books as rows. Functions with a `Tx` take effect when it commits. */
export const addressStore = {
  /** Newest first, only those older than `before`. */
  list: async (
    db: Pick<Database, 'query'>,
    userId: string,
    { before, limit }: { before: string | undefined; limit: number },
  ): Promise<Address[]> => {
    const { rows } = await db.query<Address>(
      `SELECT ${columns} FROM addresses WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2)
       ORDER BY id DESC LIMIT $3`,
      [userId, before ?? null, limit],
    );
    return rows;
  },

  find: async (db: Pick<Database, 'query'>, userId: string, id: string): Promise<Address | undefined> => {
    const { rows } = await db.query<Address>(
      `SELECT ${columns} FROM addresses WHERE user_id = $1 AND id = $2`,
      [userId, id],
    );
    return rows[0];
  },

  /** False where the account has `addressesMax` already. The caller has locked the account. */
  add: async (tx: Tx, userId: string, address: Address, addressesMax: number): Promise<boolean> => {
    const { rowCount } = await tx.query(
      `INSERT INTO addresses (id, user_id, name, line1, line2, city, postal_code, country, created_at)
       SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
       WHERE (SELECT count(*) FROM addresses WHERE user_id = $2) < $10`,
      [
        address.id,
        userId,
        address.name,
        address.line1,
        address.line2,
        address.city,
        address.postalCode,
        address.country,
        address.createdAt,
        addressesMax,
      ],
    );
    return rowCount === 1;
  },

  /** False where the account has no such address. */
  remove: async (tx: Tx, userId: string, id: string): Promise<boolean> => {
    const { rowCount } = await tx.query('DELETE FROM addresses WHERE user_id = $1 AND id = $2', [userId, id]);
    return rowCount === 1;
  },
};
