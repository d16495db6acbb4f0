import { followsLater, openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { type ReviewConfig, reviewConfig } from './config.js';
import { reactions } from './reactions.js';
import { createReviewStore, publishes } from './review-store.js';
import { reviewRoutes } from './routes.js';
import { createShopFacts } from './shop-facts-store.js';

/** What buyers say of products: one review a person and product, shown when a moderator has approved it. */
export const service: Service<ReviewConfig> = {
  name: 'review',
  config: reviewConfig,
  build: async (config, host) => {
    const { db, events, react, app } = await openService(host, config, { records, brokenRule, publishes });
    react('reactions', reactions(createShopFacts()), followsLater);
    reviewRoutes(app, db, createReviewStore({ events, clock: host.clock }));
  },
};
