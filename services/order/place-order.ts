import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Tx } from '#platform/postgres/transaction';
import type { Logger } from '#platform/service-host';
import type { cartClaimIn } from '#schemas/cart-id';
import { hashOf, newOrderToken } from './access.js';
import type { OrderMetrics } from './order-metrics.js';
import type { OrderStore } from './order-store.js';
import type { ShippingAddress } from './order-view.js';
import { type PricingRefusal, price } from './pricing.js';
import type { ProductReplica } from './product-replica.js';

/** An account's cart is found by the account. */
const noCart = { cartId: null, cartProof: null };

export type OrderRequest = {
  /** Each product once: see `mergeItems`. */
  items: readonly { productId: string; quantity: number }[];
  /** The items as the buyer sent them: a refusal names positions in this list. */
  asked: readonly { productId: string }[];
  /** Null for a guest. */
  userId: string | null;
  visitId: string | null;
  /** The cart that a guest orders from, if he names one. */
  cart: ReturnType<typeof cartClaimIn>;
  email: string | null;
  /** The token that a guest chose for the order; generated here if undefined. */
  chosenToken: string | undefined;
  payment: { method: string; token: string };
  shippingAddress: ShippingAddress;
};

/** `orderToken` lets a guest read the order; it is returned only here. */
export type PlacedOrder = { orderId: string; orderToken: string | undefined };

export type PlaceOrder = (tx: Tx, request: OrderRequest) => Promise<PlacedOrder | PricingRefusal>;

/** Prices the order by the current catalogue and writes it with the events that start the saga. */
export const createPlaceOrder =
  ({
    orders,
    products,
    metrics,
    clock,
    logger,
    paymentWaitMs,
  }: {
    orders: OrderStore;
    products: ProductReplica;
    metrics: OrderMetrics;
    clock: Clock;
    logger: Logger;
    paymentWaitMs: () => number;
  }): PlaceOrder =>
  async (tx, { items, asked, userId, visitId, cart, email, chosenToken, payment, shippingAddress }) => {
    const productIds = items.map(({ productId }) => productId);
    const priced = price(items, await products.find(tx, productIds), asked);
    if ('refused' in priced) return priced;
    const orderId = newId(clock);
    const orderToken = userId === null ? (chosenToken ?? newOrderToken()) : undefined;
    const guestTokenHash = orderToken === undefined ? null : hashOf(orderToken);
    const draft = {
      orderId,
      userId,
      visitId,
      ...(userId === null ? cart : noCart),
      lines: priced.lines,
      currency: priced.currency,
      paymentMethod: payment.method,
      shippingCountry: shippingAddress.country,
      occurredAt: clock.nowMs(),
    };
    const outcome = await orders.open(
      tx,
      { type: 'PlaceOrder', draft, paymentWaitMs: paymentWaitMs() },
      { email, guestTokenHash, shippingAddress, paymentToken: payment.token },
    );
    tx.afterCommit(() => {
      metrics.observe(outcome, clock.nowMs());
      logger.info({ orderId }, 'order placed');
    });
    return { orderId, orderToken };
  };
