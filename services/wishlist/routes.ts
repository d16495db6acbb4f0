import { z } from 'zod';
import type { HttpApp } from '#platform/http/server';
import type { Database } from '#platform/postgres/pool';
import type { WishlistStore } from './wishlist-store.js';

export const wishlistRoutes = (app: HttpApp, db: Database, wishes: WishlistStore): void => {
  app.put(
    '/api/wishlist/:productId',
    {
      access: 'user',
      schema: {
        tags: ['wishlist'],
        summary: 'Wish for a product; answers the whole list, newest first.',
        params: z.strictObject({ productId: z.uuid() }),
        response: { 200: z.object({ productIds: z.array(z.uuid()) }) },
      },
    },
    async ({ principal, params }) => {
      if (principal.kind !== 'user') return { productIds: [] };
      await wishes.wish(db, principal.userId, params.productId);
      return { productIds: await wishes.productIdsOf(db, principal.userId) };
    },
  );
};
