import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { type Step, similarityOf } from '#schemas/similarity-state';
import {
  type Changes,
  defaultSettings,
  learn,
  noChanges,
  type Signal,
  type SimilaritySettings,
  signalOfActivity,
  signalOfSale,
} from './similarity.js';

const settings: SimilaritySettings = { ...defaultSettings, landmarkMs: 0 };
const hour = 60 * 60 * 1000;

const viewed = (productId: string, atMs = 0, visit = 'v', userId: string | null = null): Signal => ({
  action: 'viewed',
  within: { kind: 'visit', id: visit },
  userId,
  productId,
  atMs,
});

const learnAll = (signals: readonly Signal[], using = settings): Changes => {
  const changes = noChanges();
  for (const signal of signals) {
    const known = signal.within.kind === 'visit' ? changes.visits : changes.baskets;
    learn(changes, signal, known.get(signal.within.id) ?? [], using);
  }
  return changes;
};

const pair = (changes: Changes, from: string, to: string) => changes.pairs.get(from)?.get(to) ?? 0;
const similarity = (changes: Changes, from: string, to: string) =>
  similarityOf(pair(changes, from, to), changes.masses.get(from) ?? 0, changes.masses.get(to) ?? 0);

describe('pairs within a visit', () => {
  it('weigh what follows by one over the distance, and what came before by half of that', () => {
    const changes = learnAll(['a', 'b', 'c'].map((id) => viewed(id)));
    expect(pair(changes, 'b', 'c')).toBe(1);
    expect(pair(changes, 'a', 'c')).toBe(1 / 2);
    expect(pair(changes, 'c', 'b')).toBe(1 / 2);
    expect(pair(changes, 'c', 'a')).toBe(1 / 4);
  });

  it('weigh an add more than a view', () => {
    const changes = learnAll([viewed('a'), { ...viewed('b'), action: 'added' }]);
    expect(pair(changes, 'a', 'b')).toBe(settings.weights.added);
  });

  it('count a product once as a neighbour however often it was visited, at its latest place', () => {
    const changes = learnAll(['a', 'b', 'a', 'c'].map((id) => viewed(id)));
    expect(pair(changes, 'a', 'c')).toBe(1);
    expect(pair(changes, 'b', 'c')).toBe(1 / 2);
    expect(changes.visits.get('v')).toHaveLength(3);
  });

  it('learn nothing from a reloaded page', () => {
    const once = learnAll(['a', 'b'].map((id) => viewed(id)));
    const reloaded = learnAll(['a', 'b', 'b', 'b'].map((id) => viewed(id)));
    expect(reloaded).toEqual(once);
  });

  it('never pair a product with itself', () => {
    const changes = learnAll(['a', 'b', 'a', 'b', 'a'].map((id) => viewed(id)));
    for (const [product, row] of changes.pairs) expect(row.has(product)).toBe(false);
  });

  it('reach back over the last distinct products and no further', () => {
    const ids = Array.from({ length: 50 }, (_, nth) => `p${nth}`);
    const changes = learnAll(ids.map((id) => viewed(id)));
    expect(changes.visits.get('v')).toHaveLength(settings.visitProductsMax);
    expect(pair(changes, 'p39', 'p49')).toBeGreaterThan(0);
    expect(pair(changes, 'p38', 'p49')).toBe(0);
  });
});

describe('pairs within an order', () => {
  it('have neither direction nor distance', () => {
    const bought = ['a', 'b', 'c'].map(
      (productId): Signal => ({
        ...viewed(productId),
        action: 'bought',
        within: { kind: 'basket', id: 'o' },
      }),
    );
    const changes = learnAll(bought);
    for (const from of ['a', 'b', 'c'])
      for (const to of ['a', 'b', 'c'])
        expect(pair(changes, from, to)).toBe(from === to ? 0 : settings.weights.bought);
  });
});

describe('forward decay', () => {
  it('cancels in the similarity: moving all events in time changes nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 0, max: 100 })), {
          minLength: 2,
          maxLength: 30,
        }),
        fc.integer({ min: 1, max: 5000 }),
        (steps, laterHours) => {
          const signals = steps.map(([id, at]) => viewed(id, at * hour));
          const early = learnAll(signals);
          const late = learnAll(
            signals.map((signal) => ({ ...signal, atMs: signal.atMs + laterHours * hour })),
          );
          for (const from of ['a', 'b', 'c', 'd'])
            for (const to of ['a', 'b', 'c', 'd'])
              expect(similarity(late, from, to)).toBeCloseTo(similarity(early, from, to), 9);
        },
      ),
    );
  });

  it('halves the say of an event per half-life', () => {
    const changes = learnAll([
      viewed('a', 0, 'v1'),
      viewed('b', 0, 'v1'),
      viewed('a', settings.similarityHalfLifeMs, 'v2'),
      viewed('c', settings.similarityHalfLifeMs, 'v2'),
    ]);
    expect(pair(changes, 'a', 'c') / pair(changes, 'a', 'b')).toBeCloseTo(2);
  });

  it('ranks what is popular now over what was popular then', () => {
    const then = Array.from({ length: 10 }, (_, nth) => viewed('old', 0, `then${nth}`));
    const now = Array.from({ length: 3 }, (_, nth) =>
      viewed('new', 2 * settings.popularityHalfLifeMs, `now${nth}`),
    );
    const { popularity } = learnAll([...then, ...now]);
    expect(popularity.get('new')).toBeGreaterThan(popularity.get('old') ?? 0);
  });
});

it('sums stay finite and in order however far the time is from the landmark', () => {
  const lateMs = 30 * 365 * 24 * hour;
  const changes = learnAll(['a', 'b', 'b'].map((id, n) => viewed(id, lateMs, `v${n}`)));
  const [a = 0, b = 0] = ['a', 'b'].map((id) => changes.popularity.get(id));
  expect(b).toBeGreaterThan(a);
  expect(b).toBeLessThan(Number.MAX_VALUE);
});

describe('popularity', () => {
  it('counts a product once a visit, at its strongest action', () => {
    const { popularity } = learnAll(
      [viewed('a'), viewed('b'), viewed('a'), { ...viewed('a'), action: 'added' }, viewed('a')],
      { ...settings, calmWeight: Number.POSITIVE_INFINITY },
    );
    expect(popularity.get('a')).toBe(settings.weights.added);
    expect(popularity.get('b')).toBe(settings.weights.viewed);
  });
});

describe('what is remembered of a user', () => {
  it('is the latest time of each product, whatever order the events come in', () => {
    const changes = learnAll([
      viewed('a', 5, 'v1', 'u'),
      viewed('b', 7, 'v1', 'u'),
      viewed('a', 3, 'v2', 'u'),
    ]);
    expect(changes.interests.get('u')).toEqual(
      new Map([
        ['a', 5],
        ['b', 7],
      ]),
    );
  });

  it('is nothing for a stranger', () => expect(learnAll([viewed('a')]).interests.size).toBe(0));
});

describe('signals', () => {
  const activity = activityOf({ visit_id: 'v', product_id: 'p', occurred_at: 1 });
  it.each([
    ['product_viewed', 'viewed'],
    ['product_added', 'added'],
    ['product_removed', undefined],
    ['recommendation_shown', undefined],
    ['recommendation_clicked', undefined],
    ['products_searched', undefined],
    ['checkout_started', undefined],
    ['something_new', undefined],
  ])('%s counts as %s', (type, action) => {
    expect(signalOfActivity({ ...activity, type })?.action).toBe(action);
  });

  it('a refund teaches nothing', () => {
    const sale = {
      event_id: 'e',
      order_id: 'o',
      line: 0,
      product_id: 'p',
      category: 'c',
      user_id: 'u',
      quantity: -1,
      amount_minor: -1,
      currency: 'GBP',
      kind: 'refund',
      occurred_at: 1,
    };
    expect(signalOfSale(sale)).toBeNull();
    expect(signalOfSale({ ...sale, kind: 'sale' })?.action).toBe('bought');
  });
});

describe('the visit so far', () => {
  it('never grows beyond its bound and never repeats a product', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 }), (ids) => {
        const changes = learnAll(ids.map((id) => viewed(`p${id}`)));
        const steps: readonly Step[] = changes.visits.get('v') ?? [];
        expect(steps.length).toBeLessThanOrEqual(settings.visitProductsMax);
        expect(new Set(steps.map(({ productId }) => productId)).size).toBe(steps.length);
        if (ids.length > 0) expect(steps.at(-1)?.productId).toBe(`p${ids.at(-1)}`);
      }),
    );
  });
});
