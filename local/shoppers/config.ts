import { envSchema, setting } from '#platform/config';

export const shoppersConfig = envSchema({
  gatewayUrl: ['GATEWAY_URL', setting.url],
  port: ['SHOPPERS_PORT', setting.port],
  /** The number of seeded products. Shoppers view only the most popular ones up to this number. */
  catalogueSize: [
    'CATALOG',
    setting
      .integer(1, 1_000_000)
      .default(1000)
      .transform((size) => Math.min(size, 20_000)),
  ],
  visitsPerMinute: ['SHOPPERS_PER_MINUTE', setting.integer(1, 6000).default(60)],
  visitsOpenMax: ['SHOPPERS_OPEN_MAX', setting.integer(1, 2000).default(100)],
  seed: ['SHOPPERS_SEED', setting.integer(0, 4_294_967_295).default(1)],
  /** With both set, a simulated operator restocks what runs out, and accounts survive a restart. */
  adminEmail: ['ADMIN_EMAIL', setting.text.optional()],
  adminPassword: ['ADMIN_PASSWORD', setting.text.optional()],
});

export type ShoppersConfig = Readonly<ReturnType<typeof shoppersConfig.parse>>;
