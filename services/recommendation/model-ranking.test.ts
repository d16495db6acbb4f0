import { expect, test } from 'vitest';
import { createRecommender } from '#recommenders/recommender';
import type { Catalogue, Shelf } from './catalogue-store.js';
import { createModel } from './model.js';
import { createSharedRanking } from './model-ranking.js';
import type { Question } from './question.js';
import { recommend } from './recommend.js';
import { noRules, rulesSchema } from './rules.js';
import { shelfOf } from './testing/shelf.js';

const nowMs = Date.UTC(2026, 5, 1);
const idOf = (nth: number): string => `p${nth % 60}`;
const viewed = (visitId: string, productId: string, atMs: number) => ({
  type: 'ShopperActivity',
  value: {
    type: 'product_viewed',
    visit_id: visitId,
    user_id: null,
    product_id: productId,
    occurred_at: atMs,
  },
});

/** Sixty products, every seventh of which is sold out. */
const shop = () => {
  const model = createModel(createRecommender());
  const shelves = new Map<string, Shelf>();
  for (let nth = 0; nth < 60; nth += 1) {
    const category = `c${nth % 3}`;
    const value = {
      productId: idOf(nth),
      name: `thing ${nth % 5}`,
      category,
      createdAt: nowMs - nth * 3_600_000,
      active: true,
    };
    model.take({ type: 'ProductCreated', value }, nowMs);
    shelves.set(idOf(nth), { ...shelfOf(idOf(nth), category), sellable: nth % 7 !== 0 });
  }
  for (let nth = 0; nth < 400; nth += 1) {
    const atMs = nowMs - (400 - nth) * 700_000;
    model.take(viewed(`v${Math.floor(nth / 4)}`, idOf(nth * nth + nth), atMs), atMs);
  }
  const sold = [...shelves.values()].filter(({ sellable }) => sellable);
  const catalogue: Catalogue = {
    sellable: async (ids, { productIds }) =>
      sold.filter(({ productId }) => ids.includes(productId) && !productIds.includes(productId)),
    bestsellers: async (category, { productIds }, countMax) =>
      sold
        .filter((shelf) => category === null || shelf.category === category)
        .filter(({ productId }) => !productIds.includes(productId))
        .slice(0, countMax),
    shelves: async (ids) => new Map(ids.flatMap((id) => (shelves.has(id) ? [[id, shelves.get(id)!]] : []))),
    recentPurchases: async () => [],
  };
  let ranked = 0;
  const counted = {
    ...model,
    isReady: () => true,
    rank: (...query: Parameters<typeof model.rank>) => {
      ranked += 1;
      return model.rank(...query);
    },
  };
  const nothing = async () => [];
  const similarity = {
    neighbours: async () => new Map(),
    visited: nothing,
    interests: nothing,
    purchases: nothing,
    popular: nothing,
    learnedUpTo: async () => null,
  };
  return {
    model,
    sources: { model: counted, similarity, catalogue, rules: () => noRules },
    rankedTimes: () => ranked,
  };
};

test('a list that is kept, and one that is made of its first candidates only, are the lists of a whole ranking', async () => {
  const { sources } = shop();
  const ranking = createSharedRanking({ monotonicMs: () => 0 });
  const capped = rulesSchema.parse({ maxPerCategory: 2, exclude: [{ productId: 'p3' }] });
  const moved = rulesSchema.parse({
    boost: [{ productId: 'p55', factor: 8, scenarios: ['product', 'home', 'trending'] }],
    bury: [{ category: 'c2', scenarios: ['similar', 'reorder'] }],
    pin: [{ productId: 'p50', position: 1, scenarios: ['cart', 'home', 'new-arrivals'] }],
  });
  const questions = ['product', 'similar', 'cart', 'home', 'reorder', 'new-arrivals', 'trending'].flatMap(
    (scenario, nth) =>
      [1, 5, 40].flatMap((limit) =>
        [{}, { visitId: 'v98' }, { exclude: ['p1', 'p2'] }, { category: 'c1' }, { cart: ['p5'] }].map(
          (more) => ({
            scenario,
            productId: nth < 2 ? idOf(11 + limit) : undefined,
            exclude: [],
            limit,
            nowMs,
            ...more,
          }),
        ),
      ),
  ) as Question[];
  for (const rules of [noRules, capped, moved])
    for (const question of questions) {
      const asked = { ...sources, rules: () => rules };
      const whole = await recommend(question, asked, true);
      for (const _ of ['first', 'kept']) {
        const { items, source } = await recommend(question, { ...asked, ranking });
        expect({ items, source }).toEqual({ items: whole.items, source: whole.source });
      }
    }
});

test('what was kept when a visit was unknown says nothing of it to others, once the visit is known', async () => {
  const { model, sources } = shop();
  const asked = { ...sources, ranking: createSharedRanking({ monotonicMs: () => 0 }) };
  const question = { scenario: 'home', exclude: [], limit: 5, nowMs } as unknown as Question;
  await recommend({ ...question, visitId: 'new here' }, asked);
  for (const id of ['p10', 'p13', 'p16']) model.take(viewed('new here', id, nowMs), nowMs);
  const { items } = await recommend({ ...question, category: 'c1' }, asked);
  expect(items.flatMap(({ reason }) => reason.because)).toEqual([]);
});

test('what is ranked for nobody in particular is ranked once a second for all, and seldom while nothing is learned', async () => {
  const { model, sources, rankedTimes } = shop();
  let monotonicMs = 0;
  let diversity = 0;
  const ranking = createSharedRanking({ monotonicMs: () => monotonicMs });
  const asked = { ...sources, ranking, diversity: () => diversity };
  const ask = async (more: Partial<Question> = {}) => {
    const before = rankedTimes();
    await recommend({ scenario: 'product', productId: 'p1', exclude: [], limit: 5, nowMs, ...more }, asked);
    return rankedTimes() - before;
  };
  expect([await ask(), await ask(), await ask({ visitId: 'nobody has seen it' })]).toEqual([1, 0, 0]);
  expect([
    await ask({ productId: 'p2' }),
    await ask({ limit: 6 }),
    await ask({ scenario: 'similar' }),
  ]).toEqual([1, 1, 1]);
  expect([await ask({ visitId: 'v98' }), await ask({ visitId: 'v98' }), await ask({ userId: 'u' })]).toEqual([
    1, 1, 1,
  ]);
  diversity = 0.5;
  expect([await ask(), await ask()]).toEqual([1, 0]);
  diversity = 0;
  monotonicMs = 9_000;
  expect(await ask()).toBe(0);
  model.take(viewed('another', 'p9', nowMs), nowMs);
  expect([await ask(), await ask()]).toEqual([1, 0]);
  model.take(viewed('another', 'p8', nowMs), nowMs);
  monotonicMs += 999;
  expect(await ask()).toBe(0);
  monotonicMs += 1;
  expect([await ask(), await ask()]).toEqual([1, 0]);
  monotonicMs += 10_000;
  expect(await ask()).toBe(1);
});
