import { envSchema, setting } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const inventoryConfig = envSchema({
  ...serviceSettings('inventory', { databasePoolMax: 5 }),
  /**
   * Should be longer than `ORDER_PAYMENT_WAIT_MS`; where that is changed at run time, holds follow it (`holdMsOf`). The order
   * service ends the hold when this time is over.
   */
  holdMs: ['INVENTORY_HOLD_MS', setting.integer(1000, 86_400_000).default(1_200_000)],
  /** How long an order waits for a product whose event has not reached this service yet. */
  unknownProductWaitMs: ['INVENTORY_UNKNOWN_PRODUCT_WAIT_MS', setting.integer(0, 60_000).default(10_000)],
});

export type InventoryConfig = Readonly<ReturnType<typeof inventoryConfig.parse>>;
