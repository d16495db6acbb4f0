import type { Clock } from '#platform/clock';
import { type Batch, writeBatch } from '#platform/postgres/gathering';
import type { Tx } from '#platform/postgres/transaction';
import { type Item, take, unite } from './cart.js';
import { type CartStore, type Owner, seenIn } from './cart-store.js';

/** An order, by whom, and from which cart a guest placed it. */
export type PlacedOrder = {
  orderId: string;
  userId: string | null;
  cartId: string | null;
  lines: readonly Item[];
  placedAtMs: number;
};

export type OrderTakings = {
  /** Takes the ordered pieces out of the buyer's cart, once for each order. */
  take(tx: Tx, order: PlacedOrder): Promise<void>;
  /** Gives back what the order took, once; does nothing for an order that took nothing. */
  giveBack(tx: Tx, orderId: string): Promise<void>;
};

/**
 * How long an order can give back what it took. It is shorter than the inbox keeps its events, so an order that is read
 * again later than this takes nothing, rather than taking twice.
 */
export const takingsKeptMs = 7 * 86_400_000;

export const createOrderTakings = (carts: CartStore, clock: Clock): OrderTakings => {
  const takeAll: Batch<PlacedOrder, void> = writeBatch(async (tx, orders) => {
    const recent = orders.filter(({ placedAtMs }) => placedAtMs > clock.nowMs() - takingsKeptMs);
    // Most orders come from buyers without a cart, and then this one statement is all.
    const owners = await ownersOf(tx, recent);
    for (const order of recent) {
      const owner = owners.get(order.userId ?? order.cartId ?? '');
      if (owner !== undefined) await takeOne(tx, order, owner);
    }
  });

  const takeOne = async (tx: Tx, { orderId, lines }: PlacedOrder, owner: Owner): Promise<void> => {
    const cart = await carts.lock(tx, owner);
    if (cart === undefined) return;
    const { left, taken } = take(cart.items, lines);
    if (taken.length === 0) return;
    const { rowCount } = await tx.query(
      `INSERT INTO order_takings (order_id, cart_id, items, taken_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (order_id) DO NOTHING`,
      [orderId, cart.cartId, JSON.stringify(taken), new Date(clock.nowMs())],
    );
    if (rowCount === 1) await carts.save(tx, cart, left, seenIn(cart.items));
  };

  return {
    take: (tx, order) => tx.gather(takeAll, order),
    giveBack: async (tx, orderId) => {
      const { rows } = await tx.query<{ cartId: string; userId: string | null; items: Item[] }>(
        `UPDATE order_takings SET was_given_back = true FROM carts
         WHERE order_id = $1 AND NOT was_given_back AND carts.cart_id = order_takings.cart_id
         RETURNING carts.cart_id AS "cartId", user_id AS "userId", items`,
        [orderId],
      );
      const [taking] = rows;
      if (taking === undefined) return;
      const { userId, cartId, items } = taking;
      const cart = await carts.lock(tx, userId === null ? { cartId } : { userId });
      if (cart !== undefined) await carts.save(tx, cart, unite(cart.items, items), seenIn(cart.items));
    },
  };
};

/** The owners of the carts that these orders may come from, by the user's or the cart's id. */
const ownersOf = async (tx: Tx, orders: readonly PlacedOrder[]): Promise<Map<string, Owner>> => {
  const { rows } = await tx.query<{ cartId: string; userId: string | null }>(
    `SELECT cart_id AS "cartId", user_id AS "userId" FROM carts
     WHERE user_id = ANY ($1::uuid[]) OR (cart_id = ANY ($2::uuid[]) AND user_id IS NULL AND merged_at IS NULL)`,
    [
      orders.flatMap(({ userId }) => userId ?? []),
      orders.flatMap(({ userId, cartId }) => (userId === null && cartId !== null ? [cartId] : [])),
    ],
  );
  return new Map(
    rows.map(({ cartId, userId }): [string, Owner] =>
      userId === null ? [cartId, { cartId }] : [userId, { userId }],
    ),
  );
};
