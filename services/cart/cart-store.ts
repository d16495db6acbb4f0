import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { type Item, type Money, type PricedItem, unite } from './cart.js';

/** Whose cart: a user's, or the guest's who holds its id. */
export type Owner = { userId: string } | { cartId: string };

export type Cart = {
  cartId: string;
  /** Counts the changes. */
  version: number;
  updatedAt: Date;
  seenAt: Date;
  items: PricedItem[];
};

/** A cart that nobody else changes until the transaction ends. */
export type LockedCart = { cartId: string; version: number; items: (Item & { seen: Money })[] };

export type CartStore = {
  /** Undefined where there is none, or where a guest's cart has become part of a user's. */
  find(db: Queryable, owner: Owner): Promise<Cart | undefined>;
  /**
   * The owner's cart, made now if there is none. Undefined where a guest's cart has become part of a user's, and for an
   * account that was erased. Who locks several carts first locks them by `lockAll`.
   */
  lock(tx: Tx, owner: Owner): Promise<LockedCart | undefined>;
  /**
   * Locks those of these carts that there are, in the order of their ids, so that nobody waits in a circle. Returns the
   * owner of each, by the user's or the cart's id: a guest's cart that has become part of a user's is that user's.
   */
  lockAll(
    tx: Tx,
    carts: { userIds: readonly string[]; cartIds: readonly string[] },
  ): Promise<Map<string, Owner>>;
  /** Replaces the lines. Those of `seen` keep that price as the one their owner has seen; others have seen that of now. */
  save(tx: Tx, cart: LockedCart, items: readonly Item[], seen?: ReadonlyMap<string, Money>): Promise<void>;
  /** Whether there is such a cart of a guest (`open`), was one (`spent`), or never was one. */
  stateOf(db: Queryable, cartId: string): Promise<'open' | 'spent' | 'none'>;
  /**
   * Makes the guest's cart part of the user's, once; does nothing where it is none or has become part of one. Returns what
   * the bounds of a cart left out.
   */
  adopt(tx: Tx, cartId: string, userId: string): Promise<Item[]>;
  /** Notes that the owner came; the cart is swept when that is long ago. */
  touch(db: Queryable, cartId: string): Promise<void>;
  /** Deletes what there is of the account, and lets no cart of it be made again. */
  forgetUser(tx: Tx, userId: string): Promise<void>;
};

/**
 * A cart that is not there yet has no row to wait at: a first cart that is made while its account is erased would stay. So
 * the one waits for the other. Both lock the rows that there are before.
 */
const lockForFirstCart = (tx: Tx, userId: string) =>
  tx.query('SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [userId]);
const lockForErasure = (tx: Tx, userId: string) =>
  tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [userId]);

const guests = 'user_id IS NULL AND merged_at IS NULL';

export const createCartStore = (clock: Clock): CartStore => {
  const now = (): Date => new Date(clock.nowMs());

  const lockOwn = async (tx: Tx, userId: string): Promise<Omit<LockedCart, 'items'> | undefined> => {
    const { rows } = await tx.query<Omit<LockedCart, 'items'>>(
      'UPDATE carts SET seen_at = $2 WHERE user_id = $1 RETURNING cart_id AS "cartId", version',
      [userId, now()],
    );
    return rows[0];
  };

  const lock: CartStore['lock'] = async (tx, owner) => {
    const isUser = 'userId' in owner;
    if (isUser) {
      const own = await lockOwn(tx, owner.userId);
      if (own !== undefined) return { ...own, items: await itemsOf(tx, own.cartId) };
      await lockForFirstCart(tx, owner.userId);
    }
    const { rows } = await tx.query<{ cartId: string; version: number; isMerged: boolean }>(
      `INSERT INTO carts (cart_id, user_id, updated_at, seen_at) SELECT $1::uuid, $2::uuid, $3::timestamptz, $3
       WHERE NOT EXISTS (SELECT FROM erased_users WHERE user_id = $2)
       ON CONFLICT (${isUser ? 'user_id' : 'cart_id'}) DO UPDATE SET seen_at = excluded.seen_at
       RETURNING cart_id AS "cartId", version, (merged_at IS NOT NULL OR user_id IS DISTINCT FROM $2) AS "isMerged"`,
      [isUser ? newId(clock) : owner.cartId, isUser ? owner.userId : null, now()],
    );
    const [row] = rows;
    if (row === undefined || row.isMerged) return undefined;
    return { cartId: row.cartId, version: row.version, items: await itemsOf(tx, row.cartId) };
  };

  const save: CartStore['save'] = async (tx, { cartId }, items, seen = new Map()) => {
    await writeLines(tx, cartId, items, seen);
    await tx.query(
      'UPDATE carts SET version = version + 1, updated_at = $2, seen_at = $2 WHERE cart_id = $1',
      [cartId, now()],
    );
  };

  return {
    find,
    lock,
    lockAll,
    save,
    stateOf: async (db, cartId) => {
      const { rows } = await db.query<{ isOpen: boolean }>(
        `SELECT (${guests}) AS "isOpen" FROM carts WHERE cart_id = $1`,
        [cartId],
      );
      if (rows[0] === undefined) return 'none';
      return rows[0].isOpen ? 'open' : 'spent';
    },
    adopt: async (tx, cartId, userId) => {
      // This waits for whoever changes or adopts the cart just now; then there may be nothing to adopt.
      await lockAll(tx, { userIds: [userId], cartIds: [cartId] });
      const own = await lock(tx, { userId });
      if (own === undefined) return [];
      const { rowCount } = await tx.query(
        `UPDATE carts SET merged_at = $2, merged_user_id = $3 WHERE cart_id = $1 AND ${guests}`,
        [cartId, now(), userId],
      );
      if (rowCount === 0) return [];
      const others = await itemsOf(tx, cartId);
      if (others.length === 0) return [];
      const { items, leftOut } = unite(own.items, others);
      await save(tx, own, items, seenIn([...others, ...own.items]));
      await tx.query('DELETE FROM cart_items WHERE cart_id = $1', [cartId]);
      return leftOut;
    },
    touch: async (db, cartId) => {
      await db.query('UPDATE carts SET seen_at = $2 WHERE cart_id = $1', [cartId, now()]);
    },
    forgetUser: async (tx, userId) => {
      await tx.query('INSERT INTO erased_users (user_id, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
        userId,
        now(),
      ]);
      await lockAll(tx, { userIds: [userId], cartIds: [] });
      await lockForErasure(tx, userId);
      await tx.query('DELETE FROM carts WHERE user_id = $1 OR merged_user_id = $1', [userId]);
    },
  };
};

const writeLines = async (
  tx: Tx,
  cartId: string,
  items: readonly Item[],
  seen: ReadonlyMap<string, Money>,
): Promise<void> => {
  const lines = items.map(({ productId, quantity }, position) => ({
    productId,
    quantity,
    position,
    seenMinor: seen.get(productId)?.amountMinor ?? null,
    seenCurrency: seen.get(productId)?.currency ?? null,
  }));
  await tx.query('DELETE FROM cart_items WHERE cart_id = $1 AND NOT (product_id = ANY ($2::uuid[]))', [
    cartId,
    items.map(({ productId }) => productId),
  ]);
  await tx.query(
    `INSERT INTO cart_items (cart_id, product_id, position, quantity, seen_minor, seen_currency)
     SELECT $1, product_id, position, quantity, coalesce("seenMinor", price_minor), coalesce("seenCurrency", currency)
     FROM jsonb_to_recordset($2::jsonb) AS line("productId" uuid, quantity integer, position integer,
       "seenMinor" bigint, "seenCurrency" text)
     JOIN products ON product_id = "productId"
     ON CONFLICT (cart_id, product_id) DO UPDATE SET position = excluded.position, quantity = excluded.quantity,
       seen_minor = excluded.seen_minor, seen_currency = excluded.seen_currency`,
    [cartId, JSON.stringify(lines)],
  );
};

const lockAll: CartStore['lockAll'] = async (tx, { userIds, cartIds }) => {
  const { rows } = await tx.query<{ cartId: string; userId: string | null; mergedUserId: string | null }>(
    `SELECT cart_id AS "cartId", user_id AS "userId", merged_user_id AS "mergedUserId" FROM carts
     WHERE user_id = ANY ($1::uuid[]) OR cart_id = ANY ($2::uuid[])
       OR user_id IN (SELECT merged_user_id FROM carts WHERE cart_id = ANY ($2::uuid[]))
     ORDER BY cart_id FOR UPDATE`,
    [userIds, cartIds],
  );
  const ownerOf = (userId: string | null, cartId: string): Owner =>
    userId === null ? { cartId } : { userId };
  return new Map(
    rows.flatMap(({ cartId, userId, mergedUserId }): [string, Owner][] => {
      const owner = ownerOf(userId ?? mergedUserId, cartId);
      return userId === null
        ? [[cartId, owner]]
        : [
            [cartId, owner],
            [userId, owner],
          ];
    }),
  );
};

export const seenIn = (items: LockedCart['items']): Map<string, Money> =>
  new Map(items.map(({ productId, seen }) => [productId, seen]));

const itemsOf = async (tx: Tx, cartId: string): Promise<LockedCart['items']> => {
  const { rows } = await tx.query<Item & { seenMinor: number; seenCurrency: string }>(
    `SELECT product_id AS "productId", quantity, seen_minor AS "seenMinor", seen_currency AS "seenCurrency"
     FROM cart_items WHERE cart_id = $1 ORDER BY position`,
    [cartId],
  );
  return rows.map(({ productId, quantity, seenMinor: amountMinor, seenCurrency: currency }) => ({
    productId,
    quantity,
    seen: { amountMinor, currency },
  }));
};

type CartRow = Omit<Cart, 'items'>;
type LineRow = {
  productId: string;
  quantity: number;
  name: string;
  priceMinor: number;
  currency: string;
  seenMinor: number;
  seenCurrency: string;
  active: boolean;
  available: number | null;
};

const find: CartStore['find'] = async (db, owner) => {
  const isUser = 'userId' in owner;
  const { rows } = await db.query<CartRow & { [F in keyof LineRow]: LineRow[F] | null }>(
    `SELECT cart_id AS "cartId", c.version, updated_at AS "updatedAt", seen_at AS "seenAt",
       product_id AS "productId", quantity, name, price_minor AS "priceMinor", currency, seen_minor AS "seenMinor",
       seen_currency AS "seenCurrency", active, available
     FROM carts c LEFT JOIN cart_items USING (cart_id) LEFT JOIN products USING (product_id)
       LEFT JOIN stock USING (product_id)
     WHERE ${isUser ? 'user_id = $1' : `cart_id = $1 AND ${guests}`}
     ORDER BY position`,
    [isUser ? owner.userId : owner.cartId],
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  const { cartId, version, updatedAt, seenAt } = first;
  const lines = rows.filter((row): row is CartRow & LineRow => row.productId !== null);
  return { cartId, version, updatedAt, seenAt, items: lines.map(pricedItem) };
};

const pricedItem = (row: LineRow): PricedItem => ({
  productId: row.productId,
  quantity: row.quantity,
  name: row.name,
  price: { amountMinor: row.priceMinor, currency: row.currency },
  seen: { amountMinor: row.seenMinor, currency: row.seenCurrency },
  active: row.active,
  available: row.available,
});
