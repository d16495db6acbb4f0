import { describe, expect, it } from 'vitest';
import { differenceBetween, type Sums } from '#platform/statistics/always-valid';
import { createRecommender } from '#recommenders/recommender';
import { catalogueOf } from '../catalogue/catalogue.js';
import type { Call, ShopAnswer, ShopClient } from '../shop-client.js';
import { createAssortment } from './assortment.js';
import { defineExperiment, runLearning, runVisits } from './trial.js';
import type { TrialOutcome, TrialWorld } from './trial-visit.js';

const catalogue = catalogueOf(200);
const startMs = Date.UTC(2026, 0, 1);
const idOf = (place: number) => `product-${place}`;

type Reported = { type: string; visitId: string; productId: string; occurredAt: string };

/** A shop in memory: the models learn from what is reported, and half of the visits get best sellers where `isCompared`. */
const shopOf = (isCompared: boolean) => {
  const recommender = createRecommender();
  for (const [place, { name, category }] of catalogue.products.entries())
    recommender.addProduct({ id: idOf(place), name, category, createdAtMs: 0 });
  const bestSellers = catalogue.products.map((_, place) => idOf(place));
  const armOf = (visitId: string) => [...visitId].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 2;
  let nowMs = startMs;
  const listFor = (query: URLSearchParams) => {
    const [visitId, productId] = [query.get('visitId') ?? '', query.get('productId') ?? ''];
    const limit = Number(query.get('limit'));
    if (isCompared && armOf(visitId) === 0)
      return bestSellers.filter((id) => id !== productId).slice(0, limit);
    const asked = { scenario: 'product' as const, visitId, productId, limit, atMs: nowMs };
    return recommender.recommend(asked).map((product) => product.productId);
  };
  const answerTo = (path: string, { body }: Call): unknown => {
    const url = new URL(path, 'http://shop');
    if (url.pathname === '/api/products') {
      const from = Number(url.searchParams.get('cursor') ?? 0);
      const items = catalogue.products.slice(from, from + 100).map(({ name, category }, nth) => {
        const place = from + nth;
        return { id: idOf(place), name, category, available: 9, active: true, attributes: { place } };
      });
      return { items, next: from + 100 < catalogue.products.length ? `${from + 100}` : null };
    }
    if (url.pathname === '/api/recommendations')
      return {
        recommendationId: 'r',
        modelVersion: 'm',
        items: listFor(url.searchParams).map((productId) => ({ productId })),
      };
    if (url.pathname === '/api/events')
      for (const { type, visitId, productId, occurredAt } of (body as { events: Reported[] }).events) {
        const kind = type === 'product_viewed' ? 'viewed' : type === 'product_added' ? 'added' : null;
        if (kind !== null)
          recommender.learn({ kind, visitId, productIds: [productId], atMs: Date.parse(occurredAt) });
      }
    return {};
  };
  const shop: ShopClient = {
    call: async <T>(_method: string, path: string, call: Call = {}): Promise<ShopAnswer<T>> => ({
      status: 200,
      body: answerTo(path, call) as T,
      retryAfterMs: undefined,
    }),
    close: async () => {},
  };
  const clock = () => {
    nowMs += 1000;
    return nowMs;
  };
  return { shop, armOf, clock };
};

const trial = async (isCompared: boolean, seed: number) => {
  const { shop, armOf, clock } = shopOf(isCompared);
  const assortment = createAssortment(shop, catalogue);
  await assortment.refresh();
  const world: TrialWorld = { shop, catalogue, assortment, nowMs: clock };
  await runLearning(world, { count: 500, atOnce: 1, seed });
  const outcomes = await runVisits(world, { count: 450, atOnce: 1, seed: seed + 10_000 });
  const sumsOf = (arm: number, of: (outcome: TrialOutcome) => boolean): Sums => {
    const own = outcomes.filter(({ visitId }) => armOf(visitId) === arm);
    const sum = own.filter(of).length;
    return { visitors: own.length, sum, squares: sum };
  };
  return {
    outcomes,
    differenceIn: (of: (outcome: TrialOutcome) => boolean) =>
      differenceBetween(sumsOf(0, of), sumsOf(1, of), 0.05),
  };
};

describe('shoppers with needs of their own', () => {
  it('buy more where the models choose what they see than where best sellers do', async () => {
    const { differenceIn, outcomes } = await trial(true, 1);
    expect(differenceIn(({ clicks }) => clicks > 0)?.low).toBeGreaterThan(0);
    expect(differenceIn(({ isOrdered }) => isOrdered)?.low).toBeGreaterThan(0);
    for (const { clicks, shown, additions, isOrdered } of outcomes) {
      expect(clicks).toBeLessThanOrEqual(shown);
      expect(isOrdered && additions === 0).toBe(false);
    }
  });

  it('buy as much in two arms with the same lists', async () => {
    const { differenceIn } = await trial(false, 1);
    for (const of of [
      ({ clicks }: TrialOutcome) => clicks > 0,
      ({ additions }: TrialOutcome) => additions > 0,
      ({ isOrdered }: TrialOutcome) => isOrdered,
    ])
      expect(differenceIn(of)?.pValue).toBeGreaterThan(0.05);
  });
});

describe('the definition of an experiment', () => {
  it('keeps what others define at the same time', async () => {
    const setting = { value: [{ id: 'of-others' }], version: 3 };
    let isFirst = true;
    const shop = {
      call: async (method: string, _path: string, { headers, body }: Call = {}) => {
        if (method === 'GET') return { status: 200, body: structuredClone(setting) };
        if (isFirst) {
          isFirst = false;
          setting.value.push({ id: 'of-a-third' });
          setting.version += 1;
        }
        if (headers?.['if-match'] !== `"${setting.version}"`) return { status: 412, body: {} };
        setting.value = (body as typeof setting).value;
        setting.version += 1;
        return { status: 200, body: {} };
      },
      close: async () => {},
    } as unknown as ShopClient;
    await defineExperiment(shop, 'token', 'own', { id: 'own' } as never);
    expect(setting.value.map(({ id }) => id)).toEqual(['own', 'of-others', 'of-a-third']);
    await defineExperiment(shop, 'token', 'own', null);
    expect(setting.value.map(({ id }) => id)).toEqual(['of-others', 'of-a-third']);
  });
});
