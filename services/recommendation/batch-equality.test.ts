import { expect, test } from 'vitest';
import { readEvent, readQuery } from '#recommenders/batch-lines';
import { createRecommender } from '#recommenders/recommender';
import { createModel } from './model.js';

/** A history of a small shop, as events of the log and as lines of `recommend:batch`. */
const startMs = Date.UTC(2026, 4, 1);
const events = Array.from({ length: 600 }, (_, nth) => {
  const product = (step: number) => `p${(nth * 7 + step * step) % 40}`;
  // Twelve minutes apart, so that no product is reported often in one slice of time.
  const atMs = startMs + nth * 720_000;
  const userId = nth % 3 === 0 ? `u${nth % 12}` : null;
  return nth % 10 === 9
    ? { type: 'order_placed', visitId: null, userId, productIds: [product(0), product(1)], atMs }
    : {
        type: nth % 8 === 0 ? 'product_added' : 'product_viewed',
        visitId: `v${Math.floor(nth / 5)}`,
        userId,
        productIds: [product(nth % 4)],
        atMs,
      };
});

test('the endpoint’s models answer as recommend:batch does, of the same history', () => {
  const batch = createRecommender();
  const model = createModel(createRecommender());
  for (const { type, visitId, userId, productIds, atMs } of events) {
    const line = {
      type,
      occurredAt: new Date(atMs).toISOString(),
      userId,
      visitId,
      ...(type === 'order_placed' ? { productIds } : { productId: productIds[0] }),
    };
    const read = readEvent(JSON.stringify(line));
    if (!('value' in read) || read.value === null) throw new Error(JSON.stringify(read));
    batch.learn(read.value);
    if (type === 'order_placed')
      model.take(
        {
          type: 'OrderConfirmed',
          value: { userId, lines: productIds.map((productId) => ({ productId })), occurredAt: atMs },
        },
        atMs,
      );
    else
      model.take(
        {
          type: 'ShopperActivity',
          value: { type, visit_id: visitId, user_id: userId, product_id: productIds[0], occurred_at: atMs },
        },
        atMs,
      );
  }
  const atMs = startMs + events.length * 720_000;
  for (const scenario of ['product', 'similar', 'cart', 'home', 'reorder', 'trending'])
    for (let nth = 0; nth < 40; nth += 1) {
      const line = {
        queryId: 'q',
        at: new Date(atMs).toISOString(),
        scenario,
        userId: `u${nth % 14}`,
        visit: [`p${nth}`, `p${(nth * 3) % 40}`],
        limit: 20,
      };
      const query = readQuery(JSON.stringify(line));
      if (!('value' in query) || query.value === null) throw new Error(JSON.stringify(query));
      const expected = batch.recommend(query.value).map(({ productId }) => productId);
      expect(model.rank(query.value).map(({ productId }) => productId)).toEqual(expected);
      expect(expected.length).toBeGreaterThan(0);
    }
});
