import { describe, expect, it } from 'vitest';
import { createRecommender } from '#recommenders/recommender';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
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
  value: activityOf({
    type,
    visit_id: visitId,
    user_id: userId,
    product_id: productId,
    occurred_at: nowMs,
  }),
});

const listed = (productId: string, name = productId) => ({
  type: 'ProductCreated',
  value: { productId, name, category: 'home', createdAt: nowMs - 1, active: true },
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

  it('ranks no product that was removed, or is not shown, in place of one that is', () => {
    const gone = Array.from({ length: 300 }, (_, nth) => `gone${nth}`);
    const model = modelOf([...gone, 'a', 'b']);
    for (const id of [...gone, ...gone, 'a', 'b']) model.take(activity(`of ${id}`, id), nowMs);
    const listOf = (limit: number) =>
      model
        .rank({ scenario: 'home', atMs: nowMs + 1, visit: ['a'], limit })
        .map(({ productId }) => productId);
    const { value } = listed('gone0');
    for (const id of gone)
      if (id < 'gone2') model.take({ type: 'ProductDeleted', value: { productId: id } }, nowMs);
      else model.take({ type: 'ProductUpdated', value: { ...value, productId: id, active: false } }, nowMs);
    expect(listOf(5).sort()).toEqual(['a', 'b']);
    model.take({ type: 'ProductUpdated', value }, nowMs);
    expect(listOf(5).sort()).toEqual(['a', 'b', 'gone0']);
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

  it('learns nothing of an erased user that is read after the erasure, also after a restore', () => {
    const model = modelOf(['a', 'b']);
    model.take({ type: 'UserErased', value: { userId: 'ann' } }, nowMs);
    const restored = createModel(createRecommender());
    for (const line of model.snapshot()) restored.restore(line);
    for (const one of [model, restored]) {
      const order = { userId: 'ann', lines: [{ productId: 'a' }], occurredAt: nowMs };
      one.take({ type: 'OrderConfirmed', value: order }, nowMs);
      one.take(activity('own', 'b', 'product_viewed', 'ann'), nowMs);
      const reorder = { scenario: 'reorder', atMs: nowMs + 1, userId: 'ann', limit: 5 } as const;
      expect(one.recommend(reorder).map(({ reason }) => reason.kind)).not.toContain('bought_before');
      expect(one.visitOf('own').seen).toEqual([]);
      expect([...one.snapshot()].filter((line) => line.startsWith('["histories"'))).toEqual([]);
    }
  });
});

it('forgets the visits of an erased user too, also what he viewed in them before he logged in', () => {
  const model = modelOf(['a', 'b', 'c']);
  model.take(activity('own', 'a'), nowMs);
  model.take(activity('own', 'b', 'product_viewed', 'ann'), nowMs);
  model.take(activity('another', 'a'), nowMs);
  model.take(activity('another', 'c'), nowMs);
  const isNeighbour = (productId: string) =>
    model
      .explain({ scenario: 'product', atMs: nowMs + 1, productId: 'a', limit: 3 })
      .some((item) => item.productId === productId && item.parts.visitNear !== undefined);
  expect(['b', 'c'].map(isNeighbour)).toEqual([true, true]);
  expect(model.visitOf('own').seen).toEqual(['a', 'b']);
  model.take({ type: 'UserErased', value: { userId: 'ann' } }, nowMs);
  expect(['b', 'c'].map(isNeighbour)).toEqual([false, true]);
  expect(model.visitOf('own').seen).toEqual([]);
});

describe('what lists have shown', () => {
  const report = (model: ReturnType<typeof modelOf>, type: string, count: number, visitsTogether: number) => {
    for (let nth = 0; nth < count; nth += 1)
      model.take(activity(`v${nth}`, 'a', `recommendation_${type}`), nowMs, visitsTogether);
  };

  it('counts whole where each report is of a visit of its own, and a click as much as a showing', () => {
    const model = modelOf(['a']);
    report(model, 'shown', 1, 1);
    report(model, 'clicked', 1, 1);
    expect(model.exposureOf('a')).toEqual({ shown: 1, clicked: 1 / (1 + 1 / 20) });
    expect(model.exposureOf('b')).toEqual({ shown: 0, clicked: 0 });
  });

  it('is not what one request says: that counts as one visit, and thousands of requests grow as a logarithm', () => {
    const model = modelOf(['a']);
    report(model, 'shown', 500, 500);
    report(model, 'clicked', 500, 500);
    expect(model.exposureOf('a').shown).toBeLessThan(1);
    expect(model.exposureOf('a').clicked).toBeLessThan(1);
    report(model, 'shown', 1_000, 1);
    expect(model.exposureOf('a').shown).toBeLessThan(80);
  });

  it('leaves what views weigh as it is, and is calm about the same products after a restore', () => {
    const [model, quiet] = [modelOf(['a', 'b']), modelOf(['a', 'b'])];
    report(model, 'shown', 1_000, 1);
    const restored = createModel(createRecommender());
    for (const line of model.snapshot()) restored.restore(line);
    report(restored, 'shown', 1, 1);
    expect(restored.exposureOf('a').shown - model.exposureOf('a').shown).toBeLessThan(0.05);
    for (const one of [model, quiet]) {
      one.take(activity('v', 'a'), nowMs);
      one.take(activity('v', 'b'), nowMs);
    }
    const parts = (one: typeof model) =>
      one.explain({ scenario: 'product', atMs: nowMs + 1, productId: 'a', limit: 1 });
    expect(parts(model)).toEqual(parts(quiet));
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

  it('bounds a product’s gain also behind more products than it remembers, and after a restore', () => {
    const calm = createCalm();
    for (let nth = 0; nth < 200_000; nth += 1) calm.weigh(`other${nth}`, 1, nowMs);
    let gained = 0;
    for (let nth = 0; nth < 10_000; nth += 1) gained += calm.weigh('a', 1, nowMs);
    expect(gained).toBeLessThan(20 * Math.log(1 + 10_000 / 20) + 1);
    const restored = createCalm();
    restored.restore(JSON.parse(JSON.stringify(calm.toJson())));
    expect(restored.weigh('a', 1, nowMs)).toBe(calm.weigh('a', 1, nowMs));
  });
});

/** Shops as they are: products of a power law, visits of a few steps within a theme, over some days. */
const shopOf = (productsCount: number, visitsCount: number) => {
  const products = Array.from({ length: productsCount }, (_, nth) => `p${nth}`);
  const model = modelOf(products);
  let state = 7;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  const startMs = nowMs - 10 * 86_400_000;
  for (let visit = 0; visit < visitsCount; visit += 1) {
    const atMs = startMs + Math.floor((visit / visitsCount) * 9.9 * 86_400_000);
    let at = Math.floor(productsCount ** next()) - 1;
    for (let step = 0; step < 4; step += 1) {
      const event = activity(`honest${visit}`, products[at] ?? 'p0');
      event.value.occurred_at = atMs + step;
      model.take(event, atMs + step);
      at = Math.min(productsCount - 1, Math.max(0, at + Math.floor(next() * 9) - 4));
    }
  }
  return { model, products };
};

describe('one client that reports thousands of views of a pair', () => {
  /** Their weights come to nothing long before: a hundred thousand gain no more. */
  const views = 20_000;
  const perRequest = 500;
  const [a, b] = ['p4', 'p24'] as const;

  /** As the collector notes what one sender reports: see `services/gateway/sender-calm.ts`, whose bound this is. */
  const noted = () => {
    const before = new Map<string, number>();
    return (productId: string, visits: number) => {
      const known = before.get(productId) ?? 0;
      before.set(productId, known + 1 / visits);
      return visits * (1 + known / (2 * (1 + Math.log(2)))) ** 2;
    };
  };

  const ranksOf = (model: ReturnType<typeof modelOf>, productId: string) =>
    model.rank({ scenario: 'product', atMs: nowMs + 1, productId, limit: 100 }).map((item) => item.productId);

  it.each([
    ['under one visit', () => 'script', 1],
    ['under thousands of visits', (nth: number) => `script${Math.floor(nth / 10)}`, perRequest / 10],
    ['under thousands of visits, a request each', (nth: number) => `script${Math.floor(nth / 10)}`, 1],
  ] as const)(
    'gains no more than four visitors would, alternating and %s',
    (_, visitOf, visitsPerRequest) => {
      const { model, products } = shopOf(30, 2_000);
      const honest = shopOf(30, 2_000).model;
      for (let nth = 0; nth < 4; nth += 1)
        for (const productId of [a, b]) honest.take(activity(`visitor${nth}`, productId), nowMs);
      const note = noted();
      for (let nth = 0; nth < views; nth += 1)
        model.take(
          activity(visitOf(nth), nth % 2 === 0 ? a : b),
          nowMs,
          note(nth % 2 === 0 ? a : b, visitsPerRequest),
        );
      // The pair itself gains no place that visitors would not have given it, in no list.
      for (const beside of products.slice(0, 12).concat(b))
        for (const gaining of [a, b].filter((id) => id !== beside))
          expect(
            ranksOf(model, beside).indexOf(gaining),
            `${gaining} beside ${beside}`,
          ).toBeGreaterThanOrEqual(ranksOf(honest, beside).indexOf(gaining));
    },
    30_000,
  );
});
