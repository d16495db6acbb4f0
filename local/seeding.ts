import { randomUUID } from 'node:crypto';
import { type CatalogueProduct, catalogueOf } from './catalogue/catalogue.js';
import { descriptionOf } from './catalogue/descriptions.js';
import { type ProductPage, pageSize, placesOn } from './shelves.js';
import { createTokens, persistently, type ShopAnswer, type ShopClient } from './shop-client.js';

const giveUpMs = 60_000;
/** Few enough that progress is shown, and that a token does not expire meanwhile: it has five minutes left at least. */
const productsPerImport = 500;

const expect = <T>(answer: ShopAnswer<T>, status: number, what: string): T => {
  if (answer.status !== status)
    throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 300)}`);
  return answer.body;
};

/** The administrator's token, for which nobody logs in more often than it takes: five logins in 15 minutes are allowed. */
const tokensOf = (email: string, password: string) =>
  createTokens(async (shop: ShopClient) => {
    const answer = await persistently(
      () => shop.call<{ accessToken: string }>('POST', '/api/auth/login', { body: { email, password } }),
      giveUpMs,
    );
    return expect(answer, 200, 'log in as admin').accessToken;
  });

type TokenOf = ReturnType<typeof tokensOf>;

/** The first position in the catalogue behind those of all products that are in the shop. */
const firstUnseeded = async (shop: ShopClient, token: string): Promise<number> => {
  let first = 0;
  let cursor: string | null = '';
  while (cursor !== null) {
    const path: string = `/api/products?limit=${pageSize}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: ProductPage & { next: string | null } = expect(
      await persistently(() => shop.call('GET', path, { token }), giveUpMs),
      200,
      'list products',
    );
    first = Math.max(first, ...placesOn(page).map((place) => place + 1));
    cursor = page.next;
  }
  return first;
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
    externalId: `seed ${place}`,
  };
};

type Place = [place: number, product: CatalogueProduct];
type Import = { created: number; errors: readonly { code: string }[]; isComplete: boolean };

/** Imports the products of these places, once also where the request is sent again; returns how many were not removed. */
const importProducts = async (
  shop: ShopClient,
  token: string,
  { places, currency, run }: { places: readonly Place[]; currency: string; run: string },
): Promise<number> => {
  const body = places
    .map(([place, product]) => `${JSON.stringify(described(product, place, currency))}\n`)
    .join('');
  const headers = {
    'content-type': 'application/x-ndjson',
    'idempotency-key': `seed-${run}-${places[0]?.[0]}`,
  };
  const answer = await persistently(async () => {
    const sent = await shop.call<Import>('POST', '/api/products/import', { token, headers, body });
    // One that had to stop says so in its body: its status was sent with the first lines.
    return sent.status === 200 && !sent.body.isComplete ? { ...sent, status: 503 } : sent;
  }, giveUpMs);
  const { created, errors } = expect(answer, 200, 'import products');
  const refused = errors.filter(({ code }) => code !== 'product_removed');
  if (refused.length > 0 || created > places.length)
    throw new Error(`import products: ${JSON.stringify(refused).slice(0, 300)}`);
  return places.length - (errors.length - refused.length);
};

/**
 * Products are imported in the order of their positions, so one that is missing before the last was removed by the shop's
 * people, and stays so. The last ones the shop itself knows by their `externalId`, also when they are removed.
 */
const createProducts = async (
  shop: ShopClient,
  tokenOf: TokenOf,
  { size, say }: Pick<Seeding, 'size' | 'say'>,
): Promise<number> => {
  const first = await firstUnseeded(shop, await tokenOf(shop));
  const { products, currency } = catalogueOf(size);
  const missing: readonly Place[] = [...products.entries()].slice(first);
  const run = randomUUID();
  let there = 0;
  for (let done = 0; done < missing.length; done += productsPerImport) {
    const places = missing.slice(done, done + productsPerImport);
    there += await importProducts(shop, await tokenOf(shop), { places, currency, run });
    say(`${Math.min(done + productsPerImport, missing.length)} of ${missing.length} products`);
  }
  return there;
};

/**
 * The analyst has the administrator's password, so that no account has a well-known one. Where the account has another by
 * now, it is somebody's, and stays as it is.
 */
const ensureAnalyst = async (
  shop: ShopClient,
  tokenOf: TokenOf,
  credentials: { email: string; password: string },
): Promise<void> => {
  type Account = { user: { id: string; roles: string[] } };
  const send = (path: string, body: object) =>
    persistently(() => shop.call<Account>('POST', path, { body }), giveUpMs);
  const registered = await send('/api/auth/register', { ...credentials, name: 'Analyst' });
  const answer = registered.status === 409 ? await send('/api/auth/login', credentials) : registered;
  if (answer.status === 401) return;
  const { user } = expect(answer, registered.status === 409 ? 200 : 201, 'open the account of the analyst');
  if (user.roles.includes('analyst')) return;
  const body = { roles: ['customer', 'analyst'] };
  const path = `/api/users/${user.id}/roles`;
  expect(await shop.call('PUT', path, { token: await tokenOf(shop), body }), 200, 'make the analyst one');
};

export type Seeding = {
  admin: { email: string; password: string };
  analystEmail: string;
  /** Of the catalogue. */
  size: number;
  say(text: string): void;
};

/**
 * Fills the shop through its public API, as an operator would: products with their first stock, and an account that may
 * see the analytics. It changes nothing that exists, so a second run, or one after an interruption, adds only what was
 * never there. Returns how many products that is.
 */
export const fillShop = async (
  shop: ShopClient,
  { admin, analystEmail, size, say }: Seeding,
): Promise<number> => {
  const tokenOf = tokensOf(admin.email, admin.password);
  // The analyst comes first, because full shelves then mean that everything is done.
  await ensureAnalyst(shop, tokenOf, { email: analystEmail, password: admin.password });
  return createProducts(shop, tokenOf, { size, say });
};
