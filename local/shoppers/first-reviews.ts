import { randomUUID } from 'node:crypto';
import type { Random } from '../random.js';
import { type ShopClient, unlessOk } from '../shop-client.js';
import type { Accounts, Shopper } from './accounts.js';
import { shippingAddress } from './address.js';
import type { Assortment, Listed } from './assortment.js';

const buyers = 8;
const productsOfEach = 6;
/** Each product is bought by two of the buyers, so that a rating is a mean. */
const shelf = (buyers * productsOfEach) / 2;
const confirmedMsMax = 10_000;
/** The order service's event proves the purchase to the review service within moments. */
const provenMs = 2_000;
const betweenMs = 250;
/** Every so many a review is left to the moderators, who have something to decide then. */
const leftEvery = 8;

const words: Readonly<Record<number, readonly (readonly [title: string, text: string])[]>> = {
  5: [
    ['Just right', 'Bought as a present, and it was loved. Nicer than on the picture.'],
    ['Would buy it again', 'Well made and well packed. It stands in the hall now, and everybody asks.'],
    ['A small delight', 'Smaller than I thought, and exactly what the shelf needed.'],
  ],
  4: [
    ['Good for the price', 'The colours are a little paler than I expected; otherwise as described.'],
    ['Nice piece', 'It came quickly and is in use every day.'],
  ],
  3: [
    ['It does', 'Not bad, not special. One corner was a little rough.'],
    ['Fine', 'Looks well from a distance.'],
  ],
  2: [['Thinner than it looks', 'I had hoped for something sturdier.']],
};

export type FirstReviews = {
  shop: ShopClient;
  assortment: Assortment;
  accounts: Accounts;
  admin: { email: string; password: string };
  random: Random;
  pause(ms: number): Promise<void>;
};

/**
 * Where nothing is rated yet, some buyers order the most popular products and review what they bought, and the operator
 * approves most of it; returns how many reviews were written. All of it goes through the public API.
 */
export const writeFirstReviews = async (parts: FirstReviews): Promise<number> => {
  const { shop, assortment, accounts, admin, random, pause } = parts;
  const best = unlessOk(
    await shop.call<{ items: { rating?: { count: number } }[] }>('GET', '/api/products?sort=rating&limit=1'),
    'look at the ratings',
  );
  if ((best.items[0]?.rating?.count ?? 0) > 0) return 0;
  const goods = Array.from({ length: shelf }, (_, place) => assortment.at(place)).flatMap((product) =>
    product?.active && product.available > 10 ? [product] : [],
  );
  const written: string[] = [];
  for (let nth = 0; nth < buyers; nth += 1) {
    const from = (nth * productsOfEach) % shelf;
    const bought = goods.slice(from, from + productsOfEach);
    const shopper = await accounts.any(random);
    if (bought.length === 0 || !(await buy(shop, shopper, bought, random))) continue;
    await pause(provenMs);
    for (const product of bought) written.push(...(await review(shop, shopper, product, random)));
    await pause(betweenMs);
  }
  await approve(shop, admin, written);
  return written.length;
};

/** Whether the order was confirmed in time. */
const buy = async (
  shop: ShopClient,
  { token }: Shopper,
  goods: readonly Listed[],
  random: Random,
): Promise<boolean> => {
  const { id } = unlessOk(
    await shop.call<{ id: string }>('POST', '/api/orders', {
      token,
      headers: { 'idempotency-key': randomUUID() },
      body: {
        items: goods.map(({ id: productId }) => ({ productId, quantity: 1 + random.below(2) })),
        shippingAddress,
        payment: { method: 'card', token: 'tok_ok' },
      },
    }),
    'place an order',
  );
  const untilMs = performance.now() + confirmedMsMax;
  while (performance.now() < untilMs) {
    const path = `/api/orders/${id}/status?waitMs=5000`;
    const { status } = unlessOk(await shop.call<{ status: string }>('GET', path, { token }), 'wait');
    if (status === 'confirmed') return true;
    if (status === 'cancelled') return false;
  }
  return false;
};

/** The id of the review; none where this buyer has written one already. */
const review = async (
  shop: ShopClient,
  { token }: Shopper,
  { id, name }: Listed,
  random: Random,
): Promise<string[]> => {
  // What is good is found good by most: the name decides how good it is.
  const quality = 3.4 + (name.length % 5) * 0.35;
  const rating = Math.min(5, Math.max(2, Math.round(quality + random.next() * 1.4 - 0.7)));
  const [title, text] = random.pick(words[rating] ?? [['Good', 'As described.']]);
  const answer = await shop.call<{ id: string }>('POST', `/api/products/${id}/reviews`, {
    token,
    body: { rating, title, text },
  });
  return answer.status === 409 ? [] : [unlessOk(answer, 'write a review').id];
};

const approve = async (
  shop: ShopClient,
  admin: FirstReviews['admin'],
  ids: readonly string[],
): Promise<void> => {
  if (ids.length === 0) return;
  const { accessToken: token } = unlessOk(
    await shop.call<{ accessToken: string }>('POST', '/api/auth/login', { body: admin }),
    'log in as operator',
  );
  for (const id of ids.filter((_, nth) => nth % leftEvery !== leftEvery - 1))
    unlessOk(
      await shop.call('PATCH', `/api/reviews/${id}`, { token, body: { status: 'approved' } }),
      'approve a review',
    );
};
