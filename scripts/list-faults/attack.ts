import { randomUUID } from 'node:crypto';
import { eventually } from '#platform/testing/eventually';
import type { Shop } from '../../tests/shop.js';

const topSize = 10;
/** Deeper than what is compared, so that the place from which a product rose is known. */
const depth = 30;
/** Near ties change places by themselves while the models go on learning, without any attack. */
const driftPlaces = 2;
const eventsPerRequest = 500;
const learnedWithinMs = 60_000;

export type Attacked = {
  views: number;
  lists: number;
  /** Lists with another first ten: without the attack, by one visit of the pair and the views of the measurement, and with it. */
  changedWithout: number;
  changedWith: number;
  /** Lists in whose first ten one of the pair rose by more than `driftPlaces`: without the attack and with it. */
  movedWithout: readonly string[];
  moved: readonly string[];
};

export type View = { visitId: string; productId: string };

/** Sends the views together, again while the gateway takes none. */
export const report = async (shop: Shop, views: readonly View[]): Promise<void> => {
  const occurredAt = new Date().toISOString();
  const events = views.map((view) => ({ type: 'product_viewed', occurredAt, ...view }));
  await eventually(async () => (await shop.call('POST', '/api/events', { body: { events } })).status === 202);
};

/** Until every partition's views so far are learned: those of several visits that come after them are. */
export const untilLearned = async (shop: Shop, productIds: readonly string[]): Promise<void> => {
  const visits = productIds.map((productId) => ({ productId, visitId: randomUUID() }));
  await report(shop, visits);
  type Reasons = { items: { reason: { because: string[] } }[] };
  for (const { productId, visitId } of visits)
    await eventually(
      async () => {
        const path = `/api/recommendations?scenario=home&visitId=${visitId}`;
        const { body } = await shop.call<Reasons>('GET', path);
        return body.items.some(({ reason }) => reason.because.includes(productId));
      },
      { timeoutMs: learnedWithinMs, message: 'the views to be learned' },
    );
};

type Items = { items: { productId: string }[] };

/** By the question, its first ten. */
type Look = ReadonlyMap<string, readonly string[]>;

const questionsOf = (productIds: readonly string[]): string[] => [
  ...['home', 'trending', 'new-arrivals'].map((scenario) => `scenario=${scenario}`),
  ...productIds.flatMap((id) =>
    ['product', 'similar', 'cart'].map((scenario) => `scenario=${scenario}&productId=${id}&productIds=${id}`),
  ),
];

const lookAt = async (shop: Shop, questions: readonly string[]): Promise<Look> => {
  const found = new Map<string, string[]>();
  for (const question of questions) {
    const path = `/api/recommendations?${question}&limit=${depth}`;
    const { status, body } = await shop.call<Items>('GET', path);
    if (status !== 200) throw new Error(`${path} was answered ${status}`);
    found.set(
      question,
      body.items.map(({ productId }) => productId),
    );
  }
  return found;
};

const changedBetween = (a: Look, b: Look): number =>
  [...a].filter(
    ([question, ids]) => ids.slice(0, topSize).join() !== b.get(question)?.slice(0, topSize).join(),
  ).length;

const movedBetween = (before: Look, after: Look, ids: readonly string[]): string[] =>
  [...after].flatMap(([question, shown]) => {
    const placeBefore = (id: string) => {
      const at = before.get(question)?.indexOf(id) ?? -1;
      return at < 0 ? Number.POSITIVE_INFINITY : at;
    };
    const isMoved = shown
      .slice(0, topSize)
      .some((id, at) => ids.includes(id) && placeBefore(id) - at > driftPlaces);
    return isMoved ? [question] : [];
  });

/** The views of the pair: under one visit, then under ten thousand visits, then in turn under one. */
const viewsOf = ([one, other]: readonly [string, string], count: number) => {
  const visit = randomUUID();
  return Array.from({ length: count }, (_, nth) => {
    const way = Math.floor((3 * nth) / count);
    if (way === 0) return { visitId: visit, productId: nth < count / 6 ? one : other };
    const productId = nth % 2 === 0 ? one : other;
    return { visitId: way === 1 ? `${visit}-${(nth >> 1) % 10_000}` : `${visit}-in-turn`, productId };
  });
};

/**
 * One client reports `views` views of one pair of products. Compares the first ten of the lists that somebody else gets
 * beside the pair and each of `productIds`, and of those about nobody. `probes` are products of none of them.
 */
export const attack = async (
  shop: Shop,
  plan: {
    pair: readonly [string, string];
    productIds: readonly string[];
    probes: readonly string[];
    views: number;
    onDone(share: number): void;
  },
): Promise<Attacked> => {
  const { pair, productIds, probes, views, onDone } = plan;
  const questions = questionsOf([...pair, ...productIds]);
  const first = await lookAt(shop, questions);
  // What a single shopper does who looks at the pair is no attack.
  await report(shop, viewsOf(pair, 6));
  await untilLearned(shop, probes);
  const before = await lookAt(shop, questions);
  const all = viewsOf(pair, views);
  for (let from = 0; from < views; from += eventsPerRequest) {
    await report(shop, all.slice(from, from + eventsPerRequest));
    onDone(Math.min(1, (from + eventsPerRequest) / views));
  }
  await untilLearned(shop, probes);
  const after = await lookAt(shop, questions);
  return {
    views,
    lists: questions.length,
    changedWithout: changedBetween(first, before),
    changedWith: changedBetween(before, after),
    movedWithout: movedBetween(first, before, pair),
    moved: movedBetween(before, after, pair),
  };
};
