import { describe, expect, it } from 'vitest';
import type { SimilarityView } from '#schemas/similarity-state';
import type { Catalogue, Exclusions } from './catalogue-store.js';
import type { ListModel } from './model-ranking.js';
import type { Question } from './question.js';
import { recommend as recommendFrom } from './recommend.js';
import { usersOf } from './routes.js';
import { noRules, rulesSchema } from './rules.js';
import { shelfOf } from './testing/shelf.js';

const nowMs = Date.UTC(2026, 5, 1);

type Stock = Record<string, { category: string; sold?: number; bought?: string[]; sellable?: boolean }>;

/** A shelf written down. */
const catalogueOf = (stock: Stock): Catalogue => {
  const allowed = ({ productIds, buyerId }: Exclusions) =>
    Object.entries(stock)
      .filter(([id, product]) => product.sellable !== false && !productIds.includes(id))
      .filter(([, product]) => buyerId === null || !product.bought?.includes(buyerId))
      .map(([productId, product]) => ({ ...shelfOf(productId, product.category), ...product }));
  return {
    sellable: async (ids, exclusions) =>
      allowed(exclusions).filter(({ productId }) => ids.includes(productId)),
    bestsellers: async (category, exclusions, countMax) =>
      allowed(exclusions)
        .filter((product) => category === null || `${product.category}/`.startsWith(`${category}/`))
        .sort((a, b) => (b.sold ?? 0) - (a.sold ?? 0))
        .slice(0, countMax),
    shelves: async (ids) =>
      new Map(
        ids.flatMap((id) => {
          const product = stock[id];
          if (product === undefined) return [];
          const shelf = { ...shelfOf(id, product.category), sellable: product.sellable !== false };
          return [[id, shelf] as const];
        }),
      ),
    recentPurchases: async () => [],
  };
};

const nothing: SimilarityView = {
  neighbours: async () => new Map(),
  visited: async () => [],
  interests: async () => [],
  purchases: async () => [],
  popular: async () => [],
  learnedUpTo: async () => null,
};

const knowing = (pairs: Record<string, string[]>, rest: Partial<SimilarityView> = {}): SimilarityView => ({
  ...nothing,
  neighbours: async (ids) =>
    new Map(
      ids.map((id) => [
        id,
        (pairs[id] ?? []).map((productId, nth) => ({ productId, similarity: 0.5 / (nth + 1) })),
      ]),
    ),
  ...rest,
});

/** Models that are still learned again, so that the similarities answer. */
const model: ListModel = {
  rank: () => [],
  reasons: () => [],
  explain: () => [],
  visitOf: () => ({ seen: [], cart: [] }),
  learnedUpToMs: () => null,
  changes: () => 0,
  contest: { live: 'none', as: (_, run) => run() },
  isReady: () => false,
};
const recommend = (question: Question, similarity: SimilarityView, catalogue: Catalogue) =>
  recommendFrom(question, { model, similarity, catalogue, rules: () => noRules });

const home: Question = { scenario: 'home', exclude: [], limit: 20, nowMs };
const beside = (productId: string): Question => ({ ...home, scenario: 'product', productId });

const shop: Stock = {
  a: { category: 'home/lighting', sold: 1 },
  b: { category: 'home/lighting', sold: 2 },
  c: { category: 'home/clocks', sold: 9 },
  d: { category: 'garden', sold: 5 },
};
const idsOf = async (question: Question, similarity: SimilarityView, stock: Stock = shop) =>
  (await recommend(question, similarity, catalogueOf(stock))).items.map(({ productId }) => productId);

describe('beside a product', () => {
  it('stand its neighbours first, then its category, then the rest; never the product itself', async () => {
    const { items, source } = await recommend(beside('a'), knowing({ a: ['d'] }), catalogueOf(shop));
    expect(items.map(({ productId }) => productId)).toEqual(['d', 'b', 'c']);
    expect(items.map(({ reason }) => reason.kind)).toEqual([
      'seen_together',
      'popular_in_category',
      'catalogue',
    ]);
    expect(items[0]?.reason.because).toEqual(['a']);
    expect(source).toBe('similarity');
  });

  it('stands also what goes with products seen earlier in the visit, and those themselves', async () => {
    const view = knowing({ a: [], b: ['d'] }, { visited: async () => ['a', 'b'] });
    const found = await idsOf({ ...beside('a'), visitId: 'v', limit: 2 }, view);
    expect(new Set(found)).toEqual(new Set(['b', 'd']));
  });

  it('stands something even when nobody knows the product', async () => {
    expect(await idsOf(beside('unheard-of'), nothing)).toEqual(['c', 'd', 'b', 'a']);
  });

  it('without naming it, means the newest of the visit', async () => {
    const question: Question = { ...home, scenario: 'product', visitId: 'v' };
    const view = { ...nothing, visited: async () => ['b', 'a'] };
    expect(await idsOf(question, view)).not.toContain('b');
    expect(await idsOf(question, nothing)).toHaveLength(4);
  });
});

describe('at home', () => {
  it('a stranger sees what is popular now before what has sold', async () => {
    const view = knowing({}, { popular: async () => [{ productId: 'a', weight: 1 }] });
    expect(await idsOf(home, view)).toEqual(['a', 'c', 'd', 'b']);
  });

  it('a known visitor sees what goes with his interests, the latest first', async () => {
    const view = knowing(
      { a: ['c'], b: ['d'] },
      {
        interests: async () => [
          { productId: 'b', atMs: nowMs - 1000 },
          { productId: 'a', atMs: nowMs - 10 * 86_400_000 },
        ],
      },
    );
    const { items } = await recommend({ ...home, userId: 'u', limit: 2 }, view, catalogueOf(shop));
    expect(items.map(({ productId }) => productId)).toEqual(['d', 'c']);
    expect(items[0]?.reason.because).toEqual(['b']);
  });
});

describe('whatever the scenario', () => {
  const everything = knowing(
    { a: ['b', 'c', 'd', 'ghost'] },
    {
      popular: async () => ['ghost', 'd', 'c', 'b'].map((productId) => ({ productId, weight: 1 })),
      visited: async () => ['d'],
      interests: async () => [{ productId: 'a', atMs: nowMs }],
    },
  );
  const questions: [string, Question][] = [
    ['product', { ...beside('a'), visitId: 'v' }],
    ['home', { ...home, visitId: 'v', userId: 'u' }],
  ];

  it.each(questions)('%s: no unknown and no unsellable product', async (_, question) => {
    const found = await idsOf(question, everything, { ...shop, d: { category: 'garden', sellable: false } });
    expect(found).not.toContain('ghost');
    expect(found).not.toContain('d');
    expect(found.length).toBeGreaterThan(0);
  });

  it.each(questions)(
    '%s: nothing bought lately, be it known from the order or from the stream',
    async (_, question) => {
      const bought = { ...shop, c: { category: 'home/clocks', bought: ['u'] } };
      const view = { ...everything, purchases: async () => [{ productId: 'b', atMs: nowMs - 1000 }] };
      const found = await idsOf({ ...question, buyerId: 'u' }, view, bought);
      expect(found).not.toContain('c');
      expect(found).not.toContain('b');
      expect(found).toContain('d');
    },
  );

  it.each(questions)('%s: what was bought long ago may come back', async (_, question) => {
    const view = {
      ...everything,
      purchases: async () => [{ productId: 'b', atMs: nowMs - 40 * 86_400_000 }],
    };
    expect(await idsOf({ ...question, buyerId: 'u' }, view)).toContain('b');
  });

  it.each(['nosuch', 'garden'])(
    'is that of all categories where nothing of %s may be shown',
    async (category) => {
      const soldOut = { ...shop, d: { category: 'garden', sellable: false } };
      const everywhere = await idsOf(home, nothing, soldOut);
      expect(everywhere).toHaveLength(3);
      expect(await idsOf({ ...home, category }, nothing, soldOut)).toEqual(everywhere);
      expect(await idsOf({ ...home, category: 'home/clocks' }, nothing, soldOut)).toEqual(['c']);
    },
  );

  it.each(questions)(
    '%s: nothing excluded, nothing outside the category, no more than the limit',
    async (_, question) => {
      expect(await idsOf({ ...question, exclude: ['b', 'c'] }, everything)).not.toContain('b');
      const narrow = await idsOf({ ...question, category: 'home' }, everything);
      expect(narrow.length).toBeGreaterThan(0);
      for (const id of narrow) expect(shop[id]?.category).toMatch(/^home/);
      expect(await idsOf({ ...question, limit: 1 }, everything)).toHaveLength(1);
    },
  );

  it.each(questions)('%s: an answer without any similarity at hand', async (_, question) => {
    const { items, learnedUpToMs } = await recommend(question, nothing, catalogueOf(shop));
    expect(items.length).toBeGreaterThanOrEqual(3);
    expect(learnedUpToMs).toBeNull();
  });

  it('is empty only when nothing may be shown', async () => {
    expect(await idsOf(home, everything, {})).toEqual([]);
  });
});

describe('a list on which chance may put a product', () => {
  const ranked = Array.from({ length: 12 }, (_, nth) => `r${nth}`);
  const fresh = ['sold-out', 'other-category', 'forbidden', 'in-view', 'excluded', 'fresh'];
  const knowingModel: ListModel = {
    ...model,
    isReady: () => true,
    rank: ({ scenario }) =>
      (scenario === 'new-arrivals' ? fresh : ranked).map((productId, nth) => ({ productId, score: -nth })),
    reasons: (_, ids) => ids.map(() => ({ kind: 'popular' as const, because: [] })),
  };
  const stock: Stock = Object.fromEntries([...ranked, ...fresh].map((id) => [id, { category: 'home' }]));
  stock['sold-out']!.sellable = false;
  stock['other-category']!.category = 'garden';
  const exploringList = async (asked: Partial<Question>, rules: unknown = {}) => {
    const { items, exploredPlace } = await recommendFrom(
      {
        ...beside('in-view'),
        limit: 8,
        exclude: ['excluded'],
        category: 'home',
        isExploring: true,
        ...asked,
      },
      {
        model: knowingModel,
        similarity: nothing,
        catalogue: catalogueOf(stock),
        rules: () => rulesSchema.parse(rules),
        chance: {
          // What the models rank is known, so that only new products are left to chance.
          exposureOf: (id) => ({ shown: id.startsWith('r') ? 100 : 0, clicked: 0 }),
          random: () => 0.5,
        },
      },
    );
    return { ids: items.map(({ productId }) => productId), items, exploredPlace };
  };
  const exclude = [{ productId: 'forbidden' }];

  it('has there the new product that may be shown, and says so', async () => {
    const { ids, items, exploredPlace } = await exploringList({}, { exclude });
    expect(exploredPlace).toBe(6);
    expect(ids).toEqual([...ranked.slice(0, 6), 'fresh', 'r6']);
    expect(items[6]?.reason).toEqual({ kind: 'explored', because: [] });
  });

  it('is as the models rank it where nobody wants chance, a product is pinned, or for what is bought again', async () => {
    const plain = ranked.slice(0, 8);
    expect((await exploringList({ isExploring: false }, { exclude })).ids).toEqual(plain);
    expect((await exploringList({ scenario: 'reorder' }, { exclude })).ids).toEqual(plain);
    const pin = [{ productId: 'r9', position: 1 }];
    expect((await exploringList({}, { exclude, pin })).ids).toEqual(['r9', ...plain.slice(0, 7)]);
  });
});

describe('whose history is used', () => {
  const customer = { kind: 'user', userId: 'me', roles: ['customer'] } as const;
  it('a caller’s own, unasked', () =>
    expect(usersOf(customer, undefined)).toEqual({ userId: 'me', buyerId: 'me' }));
  it('never another’s for a customer', () =>
    expect(usersOf(customer, 'you')).toEqual({ userId: 'me', buyerId: 'me' }));
  it('another’s for staff', () =>
    expect(usersOf({ ...customer, roles: ['support'] }, 'you')).toEqual({ userId: 'you', buyerId: 'you' }));
  it('for a stranger no interests, only purchases to leave out', () =>
    expect(usersOf({ kind: 'anonymous' }, 'you')).toEqual({ buyerId: 'you' }));
});

it('looks further than a short list needs before it stays empty', async () => {
  const stock: Stock = { plain: { category: 'home', sold: 0 } };
  for (let nth = 0; nth < 120; nth += 1) stock[`wine${nth}`] = { category: 'wine', sold: 1000 - nth };
  const rules = rulesSchema.parse({ exclude: [{ category: 'wine' }] });
  const sources = { model, similarity: nothing, catalogue: catalogueOf(stock), rules: () => rules };
  for (const limit of [1, 2]) {
    const { items } = await recommendFrom({ ...home, limit }, sources);
    expect(items.map(({ productId }) => productId)).toEqual(['plain']);
  }
});
