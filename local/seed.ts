/**
 * Fills the shop through its public API, as an operator would: products with their first stock, and an account that may
 * see the analytics. It changes nothing that exists, so a second run, or one after an interruption, adds only what is
 * missing.
 *
 * GATEWAY_URL, ADMIN_EMAIL, ADMIN_PASSWORD; CATALOG (number of products, 1000); ANALYST_EMAIL.
 */
import { randomUUID } from 'node:crypto';
import { envSchema, loadConfig, setting } from '#platform/config';
import { type CatalogueProduct, catalogueOf } from './catalogue/catalogue.js';
import { descriptionOf } from './catalogue/descriptions.js';
import { type ProductPage, pageSize, placesOn } from './shelves.js';
import { createTokens, persistently, type ShopAnswer, type ShopClient, shopClient } from './shop-client.js';

const config = loadConfig(
  envSchema({
    gatewayUrl: ['GATEWAY_URL', setting.url],
    adminEmail: ['ADMIN_EMAIL', setting.text],
    adminPassword: ['ADMIN_PASSWORD', setting.text],
    analystEmail: ['ANALYST_EMAIL', setting.text.default('analyst@cartstream.local')],
    size: ['CATALOG', setting.integer(0, 1_000_000).default(1000)],
  }),
  process.env,
);

const giveUpMs = 60_000;
/** Few enough that progress is shown, and that a token does not expire meanwhile: it has five minutes left at least. */
const productsPerImport = 500;

const expect = <T>(answer: ShopAnswer<T>, status: number, what: string): T => {
  if (answer.status !== status)
    throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 300)}`);
  return answer.body;
};

/** The administrator's token, for which nobody logs in more often than it takes: five logins in 15 minutes are allowed. */
const adminToken = createTokens(async (shop: ShopClient) => {
  const answer = await persistently(
    () =>
      shop.call<{ accessToken: string }>('POST', '/api/auth/login', {
        body: { email: config.adminEmail, password: config.adminPassword },
      }),
    giveUpMs,
  );
  return expect(answer, 200, 'log in as admin').accessToken;
});

/** The positions in the catalogue whose products exist in the shop. */
const seededPlaces = async (shop: ShopClient, token: string): Promise<Set<number>> => {
  const places = new Set<number>();
  let cursor: string | null = '';
  while (cursor !== null) {
    const path: string = `/api/products?limit=${pageSize}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: ProductPage & { next: string | null } = expect(
      await persistently(() => shop.call('GET', path, { token }), giveUpMs),
      200,
      'list products',
    );
    for (const place of placesOn(page)) places.add(place);
    cursor = page.next;
  }
  return places;
};

/** Enough stock for some hours of simulated shoppers, with more of popular products. */
const firstStock = (popularity: number): number => 40 + Math.round(2 * popularity);

const described = (product: CatalogueProduct, place: number, currency: string) => {
  const { name, category, priceMinor, tags, popularity } = product;
  const { description, attributes } = descriptionOf(product);
  return {
    name,
    description,
    category,
    price: { amountMinor: priceMinor, currency },
    tags,
    attributes: { ...attributes, place },
    initialStock: firstStock(popularity),
  };
};

type Place = [place: number, product: CatalogueProduct];
type Import = { created: number; errors: readonly unknown[] };

/** Imports the products of these places, once also where the request is sent again. */
const importProducts = async (
  shop: ShopClient,
  places: readonly Place[],
  currency: string,
  run: string,
): Promise<void> => {
  const token = await adminToken(shop);
  const answer = await persistently(
    () =>
      shop.call<Import>('POST', '/api/products/import', {
        token,
        headers: {
          'content-type': 'application/x-ndjson',
          'idempotency-key': `seed-${run}-${places[0]?.[0]}`,
        },
        body: places
          .map(([place, product]) => `${JSON.stringify(described(product, place, currency))}\n`)
          .join(''),
      }),
    giveUpMs,
  );
  const { created, errors } = expect(answer, 200, 'import products');
  if (errors.length > 0 || created > places.length)
    throw new Error(`import products: ${JSON.stringify(errors).slice(0, 300)}`);
};

const createProducts = async (shop: ShopClient): Promise<number> => {
  const seeded = await seededPlaces(shop, await adminToken(shop));
  const { products, currency } = catalogueOf(config.size);
  const missing: readonly Place[] = [...products.entries()].filter(([place]) => !seeded.has(place));
  const run = randomUUID();
  for (let done = 0; done < missing.length; done += productsPerImport) {
    await importProducts(shop, missing.slice(done, done + productsPerImport), currency, run);
    console.log(`${Math.min(done + productsPerImport, missing.length)} of ${missing.length} products`);
  }
  return missing.length;
};

/** The analyst has the administrator's password, so that no account has a well-known one. */
const ensureAnalyst = async (shop: ShopClient): Promise<void> => {
  type Account = { user: { id: string; roles: string[] } };
  const credentials = { email: config.analystEmail, password: config.adminPassword };
  const registered = await persistently(
    () => shop.call<Account>('POST', '/api/auth/register', { body: { ...credentials, name: 'Analyst' } }),
    giveUpMs,
  );
  const account =
    registered.status === 201
      ? registered.body
      : expect(
          await shop.call<Account>('POST', '/api/auth/login', { body: credentials }),
          200,
          'log in as analyst',
        );
  if (account.user.roles.includes('analyst')) return;
  const body = { roles: ['customer', 'analyst'] };
  const path = `/api/users/${account.user.id}/roles`;
  expect(await shop.call('PUT', path, { token: await adminToken(shop), body }), 200, 'make the analyst one');
};

const shop = shopClient(config.gatewayUrl, { connectionsMax: 2, traceRatio: 0 });
try {
  const startedAtMs = performance.now();
  // The analyst comes first, because full shelves then mean that everything is done.
  await ensureAnalyst(shop);
  const created = await createProducts(shop);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(created === 0 ? 'the shelves are full' : `${created} products in ${seconds} s`);
} finally {
  await shop.close();
}
