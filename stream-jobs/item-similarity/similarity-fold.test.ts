import { describe, expect, it } from 'vitest';
import { type FoldedEvent, foldEvents } from '#platform/testing/fold-events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { visitsTogetherHeader } from '#schemas/topics';
import { defaultSettings } from './similarity.js';
import { similarityFold } from './similarity-fold.js';
import { memorySimilarityStore, type SimilarityMemory } from './testing/memory-store.js';

const nowMs = Date.UTC(2026, 5, 1);
const fold = similarityFold(defaultSettings, (store, signals) =>
  store.known(signals.map(({ productId }) => productId)),
);

const created = (...productIds: string[]): FoldedEvent[] =>
  productIds.map((productId) => ({ type: 'ProductCreated', value: { productId } }));

const done = (type: string, visitId: string, productId: string, occurredAt = nowMs): FoldedEvent => ({
  type: 'ShopperActivity',
  value: activityOf({ type, visit_id: visitId, product_id: productId, occurred_at: occurredAt }),
  occurredAt,
  appendedAtMs: nowMs,
});
const viewed = (visitId: string, productId: string, occurredAt?: number) =>
  done('product_viewed', visitId, productId, occurredAt);

/** As the collector sends the events of one request. */
const inOneRequest = (events: readonly FoldedEvent[]): FoldedEvent[] => {
  const visits = new Set(events.map(({ value }) => (value as { visit_id: string }).visit_id)).size;
  return events.map((event) => ({ ...event, headers: { [visitsTogetherHeader]: String(visits) } }));
};

/** `count` visits, each of them to these products in turn. */
const visits = (name: string, count: number, ...productIds: string[]): FoldedEvent[] =>
  Array.from({ length: count }, (_, nth) => productIds.map((id) => viewed(`${name}${nth}`, id))).flat();

const learned = async (...events: FoldedEvent[]): Promise<SimilarityMemory> => {
  const store = memorySimilarityStore();
  await foldEvents(fold, store, [...created('a', 'b', 'c', 'd'), ...events], 100);
  return store;
};
const beside = async (store: SimilarityMemory, productId: string): Promise<string[]> =>
  ((await store.neighbours([productId], 10)).get(productId) ?? []).map((neighbour) => neighbour.productId);
const popular = async (store: SimilarityMemory): Promise<string[]> =>
  (await store.popular(200)).map(({ productId }) => productId);

describe('the fold', () => {
  it('learns a visit the same whether its events come in one run or one by one', async () => {
    const events = [...created('a', 'b', 'c'), ...['a', 'b', 'c', 'a'].map((id) => viewed('v', id))];
    const [one, many] = [memorySimilarityStore(), memorySimilarityStore()];
    await foldEvents(fold, one, events, 1);
    await foldEvents(fold, many, events, 10);
    expect(await one.neighbours(['a', 'b', 'c'], 10)).toEqual(await many.neighbours(['a', 'b', 'c'], 10));
    expect(await one.popular(10)).toEqual(await many.popular(10));
    expect(await beside(one, 'b')).toEqual(['c', 'a']);
  });

  it('does not let a clock that runs ahead add weight', async () => {
    const yearMs = 365 * 24 * 3_600_000;
    const store = await learned(viewed('v', 'a', nowMs + yearMs));
    expect(await store.learnedUpTo()).toBe(nowMs);
  });

  it('keeps nothing of a user who was erased in the same run', async () => {
    const sale = { kind: 'sale', order_id: 'o', product_id: 'a', user_id: 'u', occurred_at: nowMs };
    const erasure = { type: 'UserErased', value: { userId: 'u', occurredAt: nowMs } };
    const store = await learned(erasure, { type: 'Sale', value: sale });
    expect(await store.purchases('u')).toEqual([]);
    expect(await popular(store)).toEqual(['a']);
  });

  it('passes over events that teach nothing', async () => {
    expect(await popular(await learned({ type: 'OrderPlaced', value: {} }))).toEqual([]);
  });
});

describe('one teller', () => {
  const honest = visits('honest', 5, 'a', 'c');

  it('does not put a product first by 250 visits in one request, before or after five shoppers', async () => {
    const attack = inOneRequest(visits('attack', 250, 'a', 'b'));
    expect((await beside(await learned(...honest, ...attack), 'a'))[0]).toBe('c');
    expect((await beside(await learned(...attack, ...honest), 'a'))[0]).toBe('c');
  });

  it('does not by going to and fro 250 times within one visit', async () => {
    const attack = Array.from({ length: 250 }, () => [viewed('attack', 'a'), viewed('attack', 'b')]).flat();
    const store = await learned(...honest, ...inOneRequest(attack));
    expect((await beside(store, 'a'))[0]).toBe('c');
  });

  it('does not by 20 such requests, where 60 shoppers went another way in the same minutes', async () => {
    const requests = Array.from({ length: 20 }, (_, nth) =>
      inOneRequest(visits(`attack${nth}.`, 250, 'a', 'b')),
    );
    const store = await learned(...visits('honest', 60, 'a', 'c'), ...requests.flat());
    expect((await beside(store, 'a'))[0]).toBe('c');
  });

  it('gains less and less by visits spread over as many requests: 5,000 gain six times what 50 gain', async () => {
    const weight = async (count: number) =>
      (await (await learned(...visits('v', count, 'b'))).popular(1))[0]?.weight ?? 0;
    const growth = (await weight(5_000)) / (await weight(50));
    const bound = Math.log(1 + 5_000 / 20) / Math.log(1 + 50 / 20);
    expect(growth).toBeLessThan(bound * 1.05);
  });

  it('does not make a product popular by adding it in many visits of one request', async () => {
    const attack = Array.from({ length: 250 }, (_, nth) => done('product_added', `attack${nth}`, 'b'));
    const store = await learned(...visits('honest', 5, 'c'), ...inOneRequest(attack));
    expect(await popular(store)).toEqual(['c', 'b']);
  });
});

describe('a product that is not in the catalogue', () => {
  it('is not ranked and takes no room: 24 requests of 500 such adds leave what is popular as it was', async () => {
    const honest = visits('honest', 3, 'a', 'b', 'c');
    const adds = (request: number) =>
      Array.from({ length: 500 }, (_, nth) =>
        done('product_added', `attack${request}.${nth}`, `unknown-${request}-${nth}`),
      );
    const attack = Array.from({ length: 24 }, (_, request) => inOneRequest(adds(request))).flat();
    const store = await learned(...honest, ...attack);
    expect(await store.popular(200)).toEqual(await (await learned(...honest)).popular(200));
    expect(await store.visited('attack0.0')).toEqual([]);
  });

  it('is nobody’s neighbour and pushes nothing out of a visit', async () => {
    const unknown = Array.from({ length: 30 }, (_, nth) => viewed('v', `unknown-${nth}`));
    const store = await learned(viewed('v', 'a'), ...unknown, viewed('v', 'b'));
    expect(await beside(store, 'a')).toEqual(['b']);
    expect(await store.visited('v')).toEqual(['b', 'a']);
  });

  it('is learned from once it was created, and at once when it was sold', async () => {
    const sale = (line: number, productId: string): FoldedEvent => ({
      type: 'Sale',
      value: {
        event_id: `${line}`,
        order_id: 'o',
        line,
        product_id: productId,
        category: 'c',
        user_id: null,
        quantity: 1,
        amount_minor: 1,
        currency: 'GBP',
        kind: 'sale',
        occurred_at: nowMs,
      },
      occurredAt: nowMs,
    });
    const store = await learned(
      viewed('v', 'new'),
      ...created('new'),
      viewed('v', 'new'),
      viewed('v', 'a'),
      sale(0, 'sold'),
      sale(1, 'a'),
    );
    expect(await beside(store, 'new')).toEqual(['a']);
    expect(await beside(store, 'sold')).toEqual(['a']);
  });
});
