import { envSchema, setting } from '#platform/config';
import { serviceSettings } from '#platform/service';
import { idKeptMs } from './cart-id.js';

const dayMs = 86_400_000;

export const cartConfig = envSchema({
  ...serviceSettings('cart', { databasePoolMax: 4 }),
  /** A guest's cart is deleted when the guest has not come for this long: its id is not good for longer. */
  guestKeptMs: ['CART_GUEST_KEPT_MS', setting.integer(60_000, idKeptMs).default(idKeptMs)],
  userKeptMs: ['CART_USER_KEPT_MS', setting.integer(60_000, 3650 * dayMs).default(180 * dayMs)],
  sweepEveryMs: ['CART_SWEEP_EVERY_MS', setting.integer(1000, dayMs).default(600_000)],
  /** How long a new line waits for a product that has not reached this service yet. */
  productWaitMs: ['CART_PRODUCT_WAIT_MS', setting.integer(0, 10_000).default(1000)],
});

export type CartConfig = Readonly<ReturnType<typeof cartConfig.parse>>;
