import { createAuthenticator } from '#platform/http/auth';
import type { Host } from '#platform/service-host';
import { createCatalogueCache } from '../catalogue-cache.js';
import type { forwardingRoutes } from '../forwarding.js';
import { createSharedAnswers } from '../shared-answers.js';

/** What forwarding needs besides its routes and upstreams, where nothing is cached and no token is good. */
export const forwardingParts = (host: Host): Parameters<typeof forwardingRoutes>[3] => ({
  places: { leave: () => {} },
  cache: createCatalogueCache(host, 'redis://127.0.0.1:1'),
  shared: createSharedAnswers(host.clock.monotonicMs),
  auth: createAuthenticator({ keys: async () => ({ keys: [] }), issuer: 'i', audience: 'a' }),
});
