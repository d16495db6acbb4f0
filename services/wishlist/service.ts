import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { type WishlistConfig, wishlistConfig } from './config.js';
import { reactions } from './reactions.js';
import { wishlistRoutes } from './routes.js';
import { createWishlistStore } from './wishlist-store.js';

/** What shoppers would like to have, until they have it. */
export const service: Service<WishlistConfig> = {
  name: 'wishlist',
  config: wishlistConfig,
  build: async (config, host) => {
    const { db, react, app } = await openService(host, config, { records });
    const wishes = createWishlistStore(host.clock);
    react('reactions', reactions(wishes));
    wishlistRoutes(app, db, wishes);
  },
};
