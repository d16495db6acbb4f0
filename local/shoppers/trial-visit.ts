import { randomUUID } from 'node:crypto';
import type { Catalogue } from '../catalogue/catalogue.js';
import { type Random, weightedIndices } from '../random.js';
import { type ShopClient, unlessOk } from '../shop-client.js';
import { shippingAddress } from './address.js';
import type { Assortment } from './assortment.js';

/**
 * Shoppers for comparisons of recommendations. They have a need that the shop does not know: one product and what real
 * customers bought with it, by the invoices that the catalogue comes from. They look down a list less and less far, click
 * seldom on what they do not need, and put in the cart some of what they need and have seen. Nothing here is shared with
 * the code that recommends; all of the figures are invented, and the recommender is not asked for any.
 */
const trialHabits = {
  listsPerVisit: 2,
  productsPerList: 6,
  /** The probability of looking at the nth place (from 0) is this, to the power of n. */
  looksFurther: 0.8,
  clickIfNeeded: 0.6,
  clickOtherwise: 0.01,
  addIfNeededAlone: 0.04,
  addIfNeededByList: 0.35,
  orderWithCart: 0.6,
} as const;

export type Need = { first: number; pleasing: readonly number[] };

/** What one visit did after its first list. */
export type TrialOutcome = {
  visitId: string;
  modelVersions: string[];
  shown: number;
  clicks: number;
  additions: number;
  isOrdered: boolean;
};

export type TrialWorld = {
  shop: ShopClient;
  catalogue: Catalogue;
  assortment: Assortment;
  nowMs: () => number;
};

/** Draws needs by the popularity of their first products, of those that have enough to go with them. */
export const needsOf = (catalogue: Catalogue): ((random: Random) => Need) => {
  const draw = weightedIndices(
    catalogue.products.map(({ popularity, neighbours }) =>
      neighbours.length < 4 ? 0 : Math.sqrt(popularity),
    ),
  );
  return (random) => {
    const first = draw(random);
    return { first, pleasing: catalogue.products[first]?.neighbours ?? [] };
  };
};

/** From the shopper's own random numbers, so that a trial can be repeated. */
const visitIdOf = (random: Random): string =>
  `trial-${Array.from({ length: 3 }, () => random.below(2 ** 32).toString(36)).join('-')}`;

type Event = { type: string; productId: string; position?: number; recommendationId?: string };

const reporter = ({ shop, nowMs }: TrialWorld, visitId: string) => {
  let lastMs = 0;
  return async (events: readonly Event[]): Promise<void> => {
    const dated = events.map((event) => {
      lastMs = Math.max(nowMs(), lastMs + 1);
      return { ...event, visitId, occurredAt: new Date(lastMs).toISOString() };
    });
    unlessOk(await shop.call('POST', '/api/events', { body: { events: dated } }), 'send events');
  };
};

/** A visit before the trial, from which models can learn what goes together: some products of one need, one after the other. */
export const learningVisit = async (world: TrialWorld, need: Need, random: Random): Promise<void> => {
  const report = reporter(world, visitIdOf(random));
  const seen = new Set([need.first]);
  for (let tries = 0; seen.size < 4 && tries < 10; tries += 1) seen.add(random.pick(need.pleasing));
  const productIds = [...seen].flatMap((place) => world.assortment.at(place)?.id ?? []);
  await report(productIds.map((productId) => ({ type: 'product_viewed', productId })));
};

// Over seventy lines: one visit from its beginning to its end.
/** A visit in which lists beside products are shown; throws where the shop does not answer with success. */
export const trialVisit = async (world: TrialWorld, need: Need, random: Random): Promise<TrialOutcome> => {
  const { shop, assortment } = world;
  const visitId = visitIdOf(random);
  const report = reporter(world, visitId);
  const outcome: TrialOutcome = {
    visitId,
    modelVersions: [],
    shown: 0,
    clicks: 0,
    additions: 0,
    isOrdered: false,
  };
  const pleasing = new Set([need.first, ...need.pleasing]);
  const isNeeded = (productId: string) => pleasing.has(assortment.placeOf(productId) ?? -1);
  const cart = new Set<string>();

  const look = async (productId: string, chance: number): Promise<void> => {
    const events: Event[] = [{ type: 'product_viewed', productId }];
    if (!cart.has(productId) && isNeeded(productId) && random.chance(chance)) {
      cart.add(productId);
      events.push({ type: 'product_added', productId });
      outcome.additions += 1;
    }
    await report(events);
  };

  /** Returns the product that was clicked, if any. */
  const considerList = async (inView: string): Promise<string | undefined> => {
    const path = `/api/recommendations?scenario=product&productId=${inView}&visitId=${visitId}&limit=${trialHabits.productsPerList}`;
    type List = { recommendationId: string; modelVersion: string; items: { productId: string }[] };
    const { recommendationId, modelVersion, items } = unlessOk(
      await shop.call<List>('GET', path),
      'recommend',
    );
    outcome.modelVersions.push(modelVersion);
    outcome.shown += items.length;
    const event = (type: string, productId: string, position: number): Event => ({
      type,
      productId,
      position,
      recommendationId,
    });
    const events = items.map(({ productId }, place) => event('recommendation_shown', productId, place));
    let clicked: string | undefined;
    for (const [place, { productId }] of items.entries()) {
      if (!random.chance(trialHabits.looksFurther ** place)) continue;
      const chance =
        isNeeded(productId) && !cart.has(productId) ? trialHabits.clickIfNeeded : trialHabits.clickOtherwise;
      if (!random.chance(chance)) continue;
      clicked = productId;
      events.push(event('recommendation_clicked', productId, place));
      outcome.clicks += 1;
      break;
    }
    if (events.length > 0) await report(events);
    return clicked;
  };

  let inView = assortment.at(need.first)?.id;
  if (inView === undefined) return outcome;
  await report([{ type: 'product_viewed', productId: inView }]);
  for (let list = 0; list < trialHabits.listsPerVisit; list += 1) {
    const clicked = await considerList(inView);
    if (clicked !== undefined) {
      inView = clicked;
      await look(inView, trialHabits.addIfNeededByList);
      continue;
    }
    const alone: string | undefined = assortment.at(random.pick(need.pleasing))?.id;
    if (alone === undefined) continue;
    inView = alone;
    await look(inView, trialHabits.addIfNeededAlone);
  }
  if (cart.size === 0 || !random.chance(trialHabits.orderWithCart)) return outcome;
  const items = [...cart].map((productId) => ({ productId, quantity: 1 }));
  const ordered = await shop.call('POST', '/api/orders', {
    headers: { 'idempotency-key': randomUUID(), 'x-visit-id': visitId },
    body: {
      items,
      shippingAddress: { ...shippingAddress, name: 'Trial Shopper' },
      payment: { method: 'card', token: 'tok_ok' },
      email: `${visitId}@example.com`,
    },
  });
  unlessOk(ordered, 'order');
  outcome.isOrdered = true;
  return outcome;
};
