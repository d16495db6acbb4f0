/**
 * Fills the shop with the seeded catalogue (`seeding.ts`).
 *
 * GATEWAY_URL, ADMIN_EMAIL, ADMIN_PASSWORD; CATALOG (number of products, 1000); ANALYST_EMAIL.
 */
import { envSchema, loadConfig, setting } from '#platform/config';
import { fillShop } from './seeding.js';
import { shopClient } from './shop-client.js';

const { gatewayUrl, adminEmail, adminPassword, analystEmail, size } = loadConfig(
  envSchema({
    gatewayUrl: ['GATEWAY_URL', setting.url],
    adminEmail: ['ADMIN_EMAIL', setting.text],
    adminPassword: ['ADMIN_PASSWORD', setting.text],
    analystEmail: ['ANALYST_EMAIL', setting.text.default('analyst@cartstream.local')],
    size: ['CATALOG', setting.integer(0, 1_000_000).default(1000)],
  }),
  process.env,
);

const shop = shopClient(gatewayUrl, { connectionsMax: 2, traceRatio: 0 });
try {
  const startedAtMs = performance.now();
  const admin = { email: adminEmail, password: adminPassword };
  const created = await fillShop(shop, { admin, analystEmail, size, say: console.log });
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(created === 0 ? 'the shelves are full' : `${created} products in ${seconds} s`);
} finally {
  await shop.close();
}
