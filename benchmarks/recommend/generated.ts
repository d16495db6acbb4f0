import type { Activity, Product, Query, Scenario } from '#recommenders/activity';
import { randomFrom } from '../../local/random.js';

/**
 * Shoppers as shops have them: few products have most of the views (a power law), visits are short and go on side by
 * side, most stay near a theme, and one in a few ends with an order of a known user. All of it follows from the seed.
 */
export type Generated = {
  products(): Generator<Product>;
  activities(count: number): Generator<Activity>;
  queries(scenario: Scenario, count: number, atMs: number): Generator<Query>;
};

export type Scale = { products: number; users: number };

const openVisits = 500;
const nearbyShare = 0.7;
const orderShare = 0.03;
const stepMs = 50;
const dayMs = 86_400_000;
export const beganMs = Date.UTC(2026, 0, 1);

export const generate = ({ products, users }: Scale, seed = 7): Generated => {
  const random = randomFrom(seed);
  /** Ranks by a power law with exponent 1, so that the first tenth has most of it. */
  const ranked = (count: number): number => Math.min(count - 1, Math.floor(count ** random.next()) - 1);
  const idOf = (product: number): string => `p${product}`;
  const userOf = (user: number): string => `u${user}`;
  const nearby = (product: number): number => {
    const offset = ranked(40) * (random.next() < 0.5 ? -1 : 1);
    return Math.min(products - 1, Math.max(0, product + offset));
  };

  return {
    *products() {
      for (let product = 0; product < products; product += 1)
        yield {
          id: idOf(product),
          name: `thing ${product % 997} of kind ${Math.floor(product / 40) % 4_999}`,
          category: `c${Math.floor(product / 4_000)}/d${Math.floor(product / 200)}`,
          createdAtMs: beganMs - (product % 400) * dayMs,
        };
    },
    *activities(count) {
      let begun = 0;
      const begin = () => {
        begun += 1;
        const isKnown = random.next() < 0.3;
        return {
          id: `v${begun}`,
          product: ranked(products),
          userId: isKnown ? userOf(ranked(users)) : undefined,
        };
      };
      const visits = Array.from({ length: openVisits }, begin);
      for (let nth = 0; nth < count; nth += 1) {
        const at = Math.floor(random.next() * openVisits);
        const atMs = beganMs + nth * stepMs;
        if (random.next() < orderShare) {
          const first = ranked(products);
          const size = 1 + ranked(20);
          const productIds = [...new Set(Array.from({ length: size }, () => idOf(nearby(first))))];
          yield { kind: 'bought', productIds, userId: userOf(ranked(users)), atMs };
          continue;
        }
        if (random.next() < 0.2) visits[at] = begin();
        const visit = visits[at]!;
        visit.product = random.next() < nearbyShare ? nearby(visit.product) : ranked(products);
        const kind = random.next() < 0.08 ? 'added' : 'viewed';
        yield { kind, productIds: [idOf(visit.product)], visitId: visit.id, userId: visit.userId, atMs };
      }
    },
    *queries(scenario, count, atMs) {
      for (let nth = 0; nth < count; nth += 1) {
        const first = ranked(products);
        const visit = Array.from({ length: 1 + ranked(8) }, () => idOf(nearby(first)));
        const userId = random.next() < 0.5 ? userOf(ranked(users)) : undefined;
        const cart = visit.slice(0, 3);
        yield scenario === 'cart'
          ? { scenario, atMs, userId, cart, limit: 20 }
          : { scenario, atMs, userId, visit, limit: 20 };
      }
    },
  };
};
