import { type Reactions, recognisingRepeats } from '#platform/messaging/reactor';
import type { Replica } from '#platform/postgres/replica';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap } from '#schemas/events';
import { isOpening, openingVersion } from '#schemas/opening-stock';
import type { CartStore } from './cart-store.js';
import type { OrderTakings } from './order-takings-store.js';
import type { ProductCopy, StockCopy } from './product-replica.js';

/** A customer who cancels has no use for the cart as it was; every other order that fails can be tried again. */
const byTheCustomer = 'customer';

/** Cart's reactions: its copy of the catalogue and the stock, and what orders take out of carts. */
export const reactions = ({
  carts,
  takings,
  products,
  stock,
}: {
  carts: CartStore;
  takings: OrderTakings;
  products: Replica<ProductCopy>;
  stock: Replica<StockCopy>;
}): Reactions<EventMap> => {
  type Line = { productId: string; available: number; stockVersion: number };
  const noteStock = async (tx: Tx, lines: readonly Line[]): Promise<void> => {
    await Promise.all(
      lines.map(({ productId, available, stockVersion: version }) =>
        stock.note(tx, { productId, available, version }),
      ),
    );
  };

  return {
    ProductCreated: recognisingRepeats(async (tx, { value }) => {
      const { productId, initialStock: available } = value;
      await Promise.all([
        products.note(tx, value),
        noteStock(tx, [{ productId, available, stockVersion: openingVersion }]),
      ]);
    }),
    ProductUpdated: recognisingRepeats((tx, { value }) => products.note(tx, value)),
    ProductDeleted: recognisingRepeats((tx, { value }) => products.end(tx, value.productId, value.version)),
    StockAdjusted: recognisingRepeats(async (tx, { value }) => {
      if (!isOpening(value)) await noteStock(tx, [value]);
    }),
    StockReserved: recognisingRepeats((tx, { value }) => noteStock(tx, value.lines)),
    StockReleased: recognisingRepeats((tx, { value }) => noteStock(tx, value.lines)),
    StockCommitted: recognisingRepeats((tx, { value }) => noteStock(tx, value.lines)),
    StockReturned: recognisingRepeats((tx, { value }) => noteStock(tx, value.lines)),
    OrderPlaced: (tx, { value: { occurredAt: placedAtMs, ...order } }) =>
      takings.take(tx, { ...order, placedAtMs }),
    OrderCancelled: async (tx, { value: { orderId, reason } }) => {
      if (reason !== byTheCustomer) await takings.giveBack(tx, orderId);
    },
    UserErased: (tx, { value }) => carts.forgetUser(tx, value.userId),
  };
};
