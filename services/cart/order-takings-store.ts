import type { Clock } from '#platform/clock';
import { type Batch, writeBatch } from '#platform/postgres/gathering';
import { listParameter } from '#platform/postgres/list-parameter';
import type { Tx } from '#platform/postgres/transaction';
import { type Item, take, unite } from './cart.js';
import { type CartStore, type Owner, seenIn } from './cart-store.js';

/** An order, by whom, and from which cart a guest placed it. */
export type PlacedOrder = {
  orderId: string;
  userId: string | null;
  cartId: string | null;
  /** Of the cart's id: see `cartClaimIn`. */
  cartProof: string | null;
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

type Change = { placed: PlacedOrder } | { givenBack: string };

/** `isHeld` says whether the proof is that of the cart's id: nobody's cart is emptied by somebody who only names it. */
export const createOrderTakings = (
  carts: CartStore,
  clock: Clock,
  isHeld: (claim: { cartId: string; cartProof: string | null }, atMs: number) => boolean,
): OrderTakings => {
  const cartNamed = ({ userId, cartId, cartProof, placedAtMs }: PlacedOrder): string | undefined => {
    if (userId !== null) return userId;
    return cartId !== null && isHeld({ cartId, cartProof }, placedAtMs) ? cartId : undefined;
  };
  const isRecent = ({ placedAtMs }: PlacedOrder): boolean => placedAtMs > clock.nowMs() - takingsKeptMs;

  // Both kinds in one batch, so that all their carts are locked in one order.
  const changeAll: Batch<Change, void> = writeBatch(async (tx, changes) => {
    const placed = changes.flatMap((change) =>
      'placed' in change && isRecent(change.placed) ? [change.placed] : [],
    );
    const ended = changes.flatMap((change) => ('givenBack' in change ? [change.givenBack] : []));
    const owners = await carts.lockAll(tx, {
      userIds: placed.flatMap(({ userId }) => userId ?? []),
      cartIds: [
        ...placed.flatMap((order) => (order.userId === null ? (cartNamed(order) ?? []) : [])),
        ...(ended.length === 0 ? [] : await cartsOf(tx, ended)),
      ],
    });
    // Most orders come from buyers without a cart, and then that one statement is all.
    if (owners.size === 0) return;
    for (const change of changes)
      if ('givenBack' in change) await giveBackOne(tx, change.givenBack, owners);
      else if (isRecent(change.placed)) {
        const owner = owners.get(cartNamed(change.placed) ?? '');
        if (owner !== undefined) await takeOne(tx, change.placed, owner);
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

  const giveBackOne = async (tx: Tx, orderId: string, owners: ReadonlyMap<string, Owner>): Promise<void> => {
    const { rows } = await tx.query<{ cartId: string; items: Item[] }>(
      `UPDATE order_takings SET was_given_back = true WHERE order_id = $1 AND NOT was_given_back
       RETURNING cart_id AS "cartId", items`,
      [orderId],
    );
    const [taking] = rows;
    const owner = owners.get(taking?.cartId ?? '');
    if (taking === undefined || owner === undefined) return;
    const cart = await carts.lock(tx, owner);
    if (cart !== undefined)
      await carts.save(tx, cart, unite(cart.items, taking.items).items, seenIn(cart.items));
  };

  return {
    take: (tx, placed) => tx.gather(changeAll, { placed }),
    giveBack: (tx, givenBack) => tx.gather(changeAll, { givenBack }),
  };
};

/** The carts out of which these orders took pieces. */
const cartsOf = async (tx: Tx, orderIds: readonly string[]): Promise<string[]> => {
  const { rows } = await tx.query<{ cartId: string }>(
    `SELECT cart_id AS "cartId" FROM order_takings WHERE order_id = ANY (${listParameter(1, 'uuid')})`,
    [orderIds],
  );
  return rows.map(({ cartId }) => cartId);
};
