import { followsClosely, followsLater, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { isProof } from './cart-id.js';
import { createCartKey } from './cart-key-store.js';
import { createCartStore } from './cart-store.js';
import { type CartConfig, cartConfig } from './config.js';
import { createOrderTakings } from './order-takings-store.js';
import { createProductReplica, createStockReplica } from './product-replica.js';
import { reactions } from './reactions.js';
import { cartRoutes } from './routes.js';
import { createSweep } from './sweep-worker.js';

/** Keeps the carts of guests and users, priced by its copy of the catalogue whenever they are read. */
export const service: Service<CartConfig> = {
  name: 'cart',
  config: cartConfig,
  build: async (config, host) => {
    const { clock } = host;
    const { db, react, app } = await openService(host, config, { records, brokenRule });
    const carts = createCartStore(clock);
    const products = createProductReplica(db);
    const { secret } = host.use(createCartKey(db));
    const takings = createOrderTakings(carts, clock, (claim, atMs) => isProof(claim, secret(), atMs));
    // What a cart shows is what its owner expects to pay.
    react('reactions', reactions({ carts, takings, products, stock: createStockReplica(db) }), {
      ...followsLater,
      ...followsClosely,
    });
    const { guestKeptMs, userKeptMs, sweepEveryMs: everyMs, productWaitMs } = config;
    host.use(createSweep(host, db, { guestKeptMs, userKeptMs, everyMs }));
    cartRoutes(app, { db, carts, products, secret, clock, productWaitMs });
  },
};
