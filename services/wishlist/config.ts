import { envSchema } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const wishlistConfig = envSchema({
  ...serviceSettings('wishlist', { databasePoolMax: 3 }),
});

export type WishlistConfig = Readonly<ReturnType<typeof wishlistConfig.parse>>;
