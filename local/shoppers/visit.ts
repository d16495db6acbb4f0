import { randomUUID } from 'node:crypto';
import type { Device } from '#schemas/devices';
import type { Catalogue } from '../catalogue/catalogue.js';
import type { Random } from '../random.js';
import { type ShopClient, unlessOk } from '../shop-client.js';
import type { Shopper } from './accounts.js';
import { shippingAddress } from './address.js';
import type { Assortment, Listed } from './assortment.js';
import type { Baskets } from './baskets.js';
import type { BrowsePath } from './browse-paths.js';

/**
 * The actions of a simulated shopper and their probabilities. Shares named after the data are measured (see
 * `browse-paths.ts` and the catalogue's basket statistics). The others are invented, and so is every figure that
 * follows from them, above all click rates of recommendations.
 */
const habits = {
  /** Between two clicks: exponential, scaled down from about a minute. */
  gapMeanMs: 2500,
  gapMsMax: 15_000,
  searchShare: 0.25,
  /** As many as the first page of the storefront's search has. */
  productsFoundShown: 24,
  loggedInShare: 0.3,
  buyShare: 0.12,
  abandonShare: 0.3,
  /** The share of viewed pages on which the shopper sees the recommendations. */
  recommendationsSeenShare: 0.25,
  recommendationsShown: 6,
  /**
   * Position bias: the shopper looks at the nth item of a list with probability 1/n, and clicks it if it fits, else
   * seldom.
   */
  clickIfFitting: 0.35,
  clickOtherwise: 0.05,
  payments: [
    ['tok_ok', 0.93],
    ['tok_declined', 0.03],
    ['tok_insufficient_funds', 0.02],
    ['tok_flaky', 0.02],
  ],
  methods: [
    ['card', 0.8],
    ['paypal', 0.15],
    ['crypto', 0.05],
  ],
} as const;

type ShopperEvent = {
  type: string;
  productId?: string;
  query?: string;
  results?: number;
  position?: number;
  recommendationId?: string;
};

/** An accepted order, with the data for a return. */
export type Bought = {
  orderId: string;
  items: { productId: string; quantity: number }[];
  token: string | undefined;
  orderToken: string | undefined;
};

export type Tally = Record<
  | 'visits'
  | 'events'
  | 'views'
  | 'searches'
  | 'shown'
  | 'clicked'
  | 'orders'
  | 'abandoned'
  | 'returns'
  | 'restocks'
  | 'failed'
  | 'skipped',
  number
>;

export const emptyTally = (): Tally => ({
  visits: 0,
  events: 0,
  views: 0,
  searches: 0,
  shown: 0,
  clicked: 0,
  orders: 0,
  abandoned: 0,
  returns: 0,
  restocks: 0,
  failed: 0,
  skipped: 0,
});

export type VisitWorld = {
  shop: ShopClient;
  catalogue: Catalogue;
  assortment: Assortment;
  baskets: Baskets;
  /** A returning customer. */
  someone: (random: Random) => Promise<Shopper>;
  wait: (ms: number) => Promise<void>;
  nowMs: () => number;
  tally: Tally;
};

/** Nine of sixteen shop with a phone, and one with a tablet. */
const deviceOf = (visitId: string): Device => {
  const digit = Number.parseInt(visitId.slice(0, 1), 16);
  return digit < 9 ? 'mobile' : digit < 15 ? 'desktop' : 'tablet';
};

type Recommendations = { recommendationId: string; items: { productId: string }[] };

// Over seventy lines: one visit from its beginning to its end.
/** Simulates one visit and returns its order, if it has one. Throws when the shop does not answer with success. */
export const visit = async (world: VisitWorld, path: BrowsePath, random: Random): Promise<Bought | null> => {
  const { shop, assortment, catalogue, tally } = world;
  const willBuy = random.chance(habits.buyShare);
  const isKnown = random.chance(willBuy ? 1 - catalogue.baskets.guestShare : habits.loggedInShare);
  const shopper = isKnown ? await world.someone(random) : undefined;
  const visitId = randomUUID();
  const device = deviceOf(visitId);
  const report = async (events: readonly ShopperEvent[]): Promise<void> => {
    const occurredAt = new Date(world.nowMs()).toISOString();
    const body = { events: events.map((event) => ({ ...event, device, visitId, occurredAt })) };
    unlessOk(await shop.call('POST', '/api/events', { body, token: shopper?.token }), 'send events');
    tally.events += events.length;
  };
  const think = () => world.wait(Math.min(random.exponential(habits.gapMeanMs), habits.gapMsMax));

  const look = async (product: Listed): Promise<void> => {
    await shop.call('GET', `/api/products/${product.id}`, { token: shopper?.token });
    await report([{ type: 'product_viewed', productId: product.id }]);
    tally.views += 1;
  };

  /** Reports what was found; of a search without an answer only that somebody searched. */
  const search = async (query: string): Promise<void> => {
    const { status, body } = await shop.call<{ total: number }>(
      'GET',
      `/api/products/search?${new URLSearchParams({ q: query, limit: String(habits.productsFoundShown) })}`,
      { token: shopper?.token },
    );
    const found = status === 200 ? { results: body.total } : {};
    await report([{ type: 'products_searched', query, ...found }]);
    tally.searches += 1;
  };

  /** Looks through recommendations from the top; returns the clicked product, if any. */
  const considerRecommendations = async (place: number, product: Listed): Promise<Listed | undefined> => {
    const query = `scenario=product&productId=${product.id}&visitId=${visitId}&limit=${habits.recommendationsShown}`;
    const { recommendationId, items } = unlessOk(
      await shop.call<Recommendations>('GET', `/api/recommendations?${query}`, { token: shopper?.token }),
      'ask for recommendations',
    );
    const about = (type: string, productId: string, position: number): ShopperEvent => ({
      type,
      productId,
      position,
      recommendationId,
    });
    const shown = items.map(({ productId }, position) => about('recommendation_shown', productId, position));
    const position = items.findIndex(({ productId }, nth) => {
      const chance = fits(world, place, productId) ? habits.clickIfFitting : habits.clickOtherwise;
      return random.chance(chance / (nth + 1));
    });
    const clicked = items[position]?.productId;
    if (shown.length > 0)
      await report(
        clicked === undefined ? shown : [...shown, about('recommendation_clicked', clicked, position)],
      );
    tally.shown += shown.length;
    if (clicked === undefined) return undefined;
    tally.clicked += 1;
    return assortment.at(assortment.placeOf(clicked) ?? -1);
  };

  tally.visits += 1;
  const liked = new Set<number>();
  const [first] = path;
  if (first !== undefined && random.chance(habits.searchShare)) {
    await search(queryFor(catalogue.products[first]?.name ?? 'gift', random));
    await think();
  }
  for (const place of path) {
    const product = assortment.at(place);
    if (product === undefined) continue;
    await look(product);
    liked.add(place);
    if (random.chance(habits.recommendationsSeenShare)) {
      const clicked = await considerRecommendations(place, product);
      if (clicked !== undefined) {
        await think();
        await look(clicked);
        liked.add(assortment.placeOf(clicked.id) ?? place);
      }
    }
    await think();
  }
  if (!willBuy) return null;
  return checkOut(world, { random, visitId, shopper, liked: [...liked], report, think });
};

type Checkout = {
  random: Random;
  visitId: string;
  shopper: Shopper | undefined;
  liked: readonly number[];
  report: (events: readonly ShopperEvent[]) => Promise<void>;
  think: () => Promise<void>;
};

const checkOut = async (world: VisitWorld, checkout: Checkout): Promise<Bought | null> => {
  const { random, visitId, shopper, report } = checkout;
  const month = new Date(world.nowMs()).getUTCMonth();
  const items = world.baskets.fill(checkout.liked, month, random).flatMap(({ place, pieces }) => {
    const product = world.assortment.at(place);
    return product === undefined ? [] : [{ productId: product.id, quantity: pieces }];
  });
  if (items.length === 0) return null;
  await report(items.map(({ productId }) => ({ type: 'product_added', productId })));
  await checkout.think();
  await report([{ type: 'checkout_started' }]);
  if (random.chance(habits.abandonShare)) {
    world.tally.abandoned += 1;
    return null;
  }
  await checkout.think();
  const { id, orderToken } = unlessOk(
    await world.shop.call<{ id: string; orderToken?: string }>('POST', '/api/orders', {
      token: shopper?.token,
      headers: { 'idempotency-key': randomUUID(), 'x-visit-id': visitId },
      body: {
        items,
        shippingAddress,
        payment: { method: oneOf(habits.methods, random), token: oneOf(habits.payments, random) },
        ...(shopper === undefined ? { email: `guest-${visitId.slice(0, 8)}@example.com` } : {}),
      },
    }),
    'place an order',
  );
  world.tally.orders += 1;
  return { orderId: id, items, token: shopper?.token, orderToken };
};

/** A recommendation fits if real customers bought the two products together, or if both are of the same shelf. */
const fits = ({ catalogue, assortment }: VisitWorld, place: number, productId: string): boolean => {
  const other = assortment.placeOf(productId);
  const product = catalogue.products[place];
  if (other === undefined || product === undefined) return false;
  return product.neighbours.includes(other) || catalogue.products[other]?.category === product.category;
};

/** One or two words of the name, as people search. */
const queryFor = (name: string, random: Random): string => {
  const words = name.split(' ').filter((word) => word.length > 2);
  const start = random.below(Math.max(1, words.length - 1));
  return words.slice(start, start + 1 + random.below(2)).join(' ') || name;
};

const oneOf = (choices: readonly (readonly [string, number])[], random: Random): string => {
  let left = random.next();
  for (const [choice, share] of choices) {
    left -= share;
    if (left < 0) return choice;
  }
  return choices[0]?.[0] ?? '';
};
