import { expect, it } from 'vitest';
import { type FoldedEvent, foldEvents } from '#platform/testing/fold-events';
import { memorySimilarityStore } from './memory-store.js';
import { defaultSettings } from './similarity.js';
import { similarityFold } from './similarity-fold.js';

const nowMs = Date.UTC(2026, 5, 1);
const fold = similarityFold(defaultSettings);

const viewed = (visitId: string, productId: string, occurredAtMs = nowMs): FoldedEvent => ({
  type: 'ShopperActivity',
  value: {
    event_id: 'e',
    type: 'product_viewed',
    visit_id: visitId,
    user_id: null,
    product_id: productId,
    query: null,
    position: null,
    recommendation_id: null,
    occurred_at: occurredAtMs,
  },
  occurredAt: occurredAtMs,
  appendedAtMs: nowMs,
});

it('learns a visit the same whether its events come in one run or one by one', async () => {
  const events = ['a', 'b', 'c', 'a'].map((product) => viewed('v', product));
  const [one, many] = [memorySimilarityStore(), memorySimilarityStore()];
  await foldEvents(fold, one, events, 1);
  await foldEvents(fold, many, events, 10);
  expect(await one.neighbours(['a', 'b', 'c'], 10)).toEqual(await many.neighbours(['a', 'b', 'c'], 10));
  const besideB = (await one.neighbours(['b'], 10)).get('b') ?? [];
  expect(besideB.map(({ productId }) => productId)).toEqual(['c', 'a']);
});

it('does not let a clock that runs ahead add weight', async () => {
  const store = memorySimilarityStore();
  const yearMs = 365 * 24 * 3_600_000;
  await foldEvents(fold, store, [viewed('v', 'a', nowMs + yearMs)]);
  expect(await store.learnedUpTo()).toBe(nowMs);
});

it('passes over events that teach nothing', async () => {
  const store = memorySimilarityStore();
  await foldEvents(fold, store, [{ type: 'ProductCreated', value: {} }]);
  expect(await store.popular(10)).toEqual([]);
});
