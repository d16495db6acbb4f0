import { describe, expect, it } from 'vitest';
import { createRecommender } from '#recommenders/recommender';
import { createCalm } from './calm.js';
import { createModel } from './model.js';

const nowMs = Date.UTC(2026, 5, 1, 12);

const activity = (
  visitId: string,
  productId: string,
  type = 'product_viewed',
  userId: string | null = null,
) => ({
  type: 'ShopperActivity',
  value: {
    event_id: 'e',
    type,
    visit_id: visitId,
    user_id: userId,
    product_id: productId,
    query: null,
    position: null,
    recommendation_id: null,
    occurred_at: nowMs,
  },
});

const listed = (productId: string, name = productId) => ({
  type: 'ProductCreated',
  value: { productId, name, category: 'home', createdAt: nowMs - 1 },
});

const modelOf = (products: readonly string[]) => {
  const model = createModel(createRecommender());
  for (const id of products) model.take(listed(id), nowMs);
  return model;
};

describe('the model', () => {
  it('follows no clock that runs ahead of the log', () => {
    const model = modelOf(['a']);
    const ahead = activity('v', 'a');
    ahead.value.occurred_at = nowMs + 365 * 86_400_000;
    model.take(ahead, nowMs);
    expect(model.learnedUpToMs()).toBe(nowMs);
  });

  it('keeps the neighbours of a product where one sender reports thousands of visits', () => {
    const products = ['lamp', 'bulb', 'poison', ...Array.from({ length: 5 }, (_, nth) => `p${nth}`)];
    const model = modelOf(products);
    for (let nth = 0; nth < 30; nth += 1) {
      model.take(activity(`v${nth}`, 'lamp'), nowMs - 60 * 60_000);
      model.take(activity(`v${nth}`, 'bulb'), nowMs - 60 * 60_000);
    }
    const top = () =>
      model.recommend({ scenario: 'product', atMs: nowMs + 1, productId: 'lamp', limit: 1 })[0]?.productId;
    expect(top()).toBe('bulb');
    for (let nth = 0; nth < 5_000; nth += 1) {
      model.take(activity(`bulk${nth}`, 'lamp'), nowMs, 500);
      model.take(activity(`bulk${nth}`, 'poison'), nowMs, 500);
      model.take(activity('to-and-fro', nth % 2 === 0 ? 'lamp' : 'poison'), nowMs, 1);
    }
    expect(top()).toBe('bulb');
  });

  it('forgets an erased user', () => {
    const model = modelOf(['a', 'b']);
    const order = { userId: 'ann', lines: [{ productId: 'a' }], occurredAt: nowMs };
    model.take({ type: 'OrderConfirmed', value: order }, nowMs);
    const kinds = () =>
      model
        .recommend({ scenario: 'reorder', atMs: nowMs + 1, userId: 'ann', limit: 5 })
        .map(({ reason }) => reason.kind);
    expect(kinds()).toContain('bought_before');
    model.take({ type: 'UserErased', value: { userId: 'ann' } }, nowMs);
    expect(kinds()).not.toContain('bought_before');
  });
});

describe('calm', () => {
  it('gives a product a logarithm of what it is sent in a slice of time', () => {
    const calm = createCalm();
    let gained = 0;
    for (let nth = 0; nth < 10_000; nth += 1) gained += calm.weigh('a', 1, nowMs);
    expect(gained).toBeLessThan(20 * Math.log(1 + 10_000 / 20) + 1);
    expect(calm.weigh('b', 1, nowMs)).toBe(1);
    expect(calm.weigh('a', 4, nowMs + 11 * 60_000)).toBe(0.25);
  });
});
