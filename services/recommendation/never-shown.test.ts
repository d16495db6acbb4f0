import fc from 'fast-check';
import { expect, test } from 'vitest';
import { recentMs, scenarios } from '#recommenders/activity';
import { createRecommender } from '#recommenders/recommender';
import { defaultSettings } from '#recommenders/settings';
import type { SimilarityView } from '#schemas/similarity-state';
import type { Catalogue, Exclusions, Shelf } from './catalogue-store.js';
import { createModel } from './model.js';
import { createSharedRanking } from './model-ranking.js';
import type { Question } from './question.js';
import { recommend } from './recommend.js';
import { rulesSchema } from './rules.js';

/** `npm run histories` draws a hundred thousand of them. Each has a second, also beside a busy machine. */
const histories = Number(process.env.HISTORIES ?? 100);

const startMs = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;
const categories = ['home', 'home/lighting', 'garden'];
const brands = ['Acme', 'Zenith'];

const nth = (count: number) => fc.integer({ min: 0, max: count - 1 });
const product = nth(10).map((n) => `p${n}`);
const user = nth(3).map((n) => `u${n}`);

const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('listed'),
      product,
      category: nth(3),
      brand: nth(3),
      group: nth(4),
      isAdult: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('deactivated', 'deleted', 'soldOut', 'restocked'),
      product,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom('viewed', 'added'),
      product,
      visit: nth(4),
      user: fc.option(user),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('bought'),
      products: fc.uniqueArray(product, { minLength: 1, maxLength: 4 }),
      user: fc.option(user),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('erased'), user }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('passed'), days: nth(40) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const target = fc.oneof(
  product.map((productId) => ({ productId })),
  nth(3).map((n) => ({ category: categories[n] })),
  nth(2).map((n) => ({ brand: brands[n] })),
);
const rules = fc.record(
  {
    exclude: fc.array(target, { maxLength: 2 }),
    bury: fc.array(target, { maxLength: 2 }),
    pin: fc.array(fc.record({ productId: product, position: fc.integer({ min: 1, max: 5 }) }), {
      maxLength: 2,
    }),
    maxPerCategory: fc.option(fc.integer({ min: 1, max: 3 })),
    neverWith: fc.record({ ageRestricted: fc.boolean(), sameGroup: fc.boolean() }),
  },
  { requiredKeys: [] },
);

const question = fc.record({
  scenario: fc.constantFrom(...scenarios),
  productId: fc.option(product, { nil: undefined }),
  cart: fc.option(fc.array(product, { maxLength: 3 }), { nil: undefined }),
  visitId: fc.option(
    nth(5).map((n) => `v${n}`),
    { nil: undefined },
  ),
  userId: fc.option(user, { nil: undefined }),
  exclude: fc.array(product, { maxLength: 3 }),
  category: fc.option(
    nth(3).map((n) => categories[n]),
    { nil: undefined },
  ),
  limit: fc.integer({ min: 1, max: 12 }),
  isExploring: fc.boolean(),
});

type Known = Shelf & { isActive: boolean; stock: number; isDeleted: boolean; listedAtMs: number };

/** The shop as its databases have it, and the models as they have learned it. */
const play = (steps: readonly Step[]) => {
  const model = createModel(
    createRecommender({ ...defaultSettings, ranking: { ...defaultSettings.ranking, hidden: 2 } }),
  );
  const shelves = new Map<string, Known>();
  const purchases = new Map<string, Map<string, number>>();
  let nowMs = startMs;
  const take = (type: string, value: object) => model.take({ type, value }, nowMs);
  const known = (productId: string): Known =>
    shelves.get(productId) ?? {
      productId,
      category: '',
      brand: null,
      priceMinor: 100,
      currency: 'EUR',
      groupId: null,
      ageRestricted: false,
      sellable: false,
      isActive: false,
      stock: 0,
      isDeleted: false,
      listedAtMs: 0,
    };
  const set = (productId: string, change: Partial<Known>): void => {
    const next = { ...known(productId), ...change };
    shelves.set(productId, {
      ...next,
      sellable: next.isActive && next.stock > 0 && !next.isDeleted && next.listedAtMs > 0,
    });
  };
  for (const one of steps as (Step & Record<string, never>)[]) {
    nowMs += 1000;
    const { type } = one as { type: string };
    if (type === 'listed') {
      const {
        product: productId,
        category,
        brand,
        group,
        isAdult,
      } = one as unknown as {
        product: string;
        category: number;
        brand: number;
        group: number;
        isAdult: boolean;
      };
      const listedAtMs = known(productId).listedAtMs || nowMs;
      set(productId, {
        category: categories[category] ?? '',
        brand: brands[brand] ?? null,
        groupId: group === 0 ? 'g' : null,
        ageRestricted: isAdult,
        isActive: true,
        stock: 5,
        listedAtMs,
      });
      take('ProductCreated', {
        productId,
        name: `thing ${productId}`,
        category: categories[category],
        createdAt: listedAtMs,
        active: true,
      });
    } else if (type === 'deactivated') {
      set(one.product, { isActive: false });
      take('ProductUpdated', { productId: one.product, active: false });
    } else if (type === 'deleted') {
      set(one.product, { isDeleted: true });
      take('ProductDeleted', { productId: one.product });
    } else if (type === 'soldOut') set(one.product, { stock: 0 });
    else if (type === 'restocked') set(one.product, { stock: 5 });
    else if (type === 'viewed' || type === 'added')
      take('ShopperActivity', {
        type: `product_${type}`,
        product_id: one.product,
        visit_id: `v${one.visit}`,
        user_id: one.user,
        occurred_at: nowMs,
      });
    else if (type === 'bought') {
      const { products, user: userId } = one as unknown as { products: string[]; user: string | null };
      take('OrderConfirmed', {
        userId,
        lines: products.map((productId) => ({ productId })),
        occurredAt: nowMs,
      });
      if (userId === null) continue;
      const own = purchases.get(userId) ?? new Map<string, number>();
      for (const productId of products) own.set(productId, nowMs);
      purchases.set(userId, own);
    } else if (type === 'erased') {
      purchases.delete(one.user ?? '');
      take('UserErased', { userId: one.user });
    } else nowMs += (one as unknown as { days: number }).days * dayMs;
  }
  return { model, shelves, purchases, nowMs };
};

const catalogueOf = ({ shelves, purchases, nowMs }: ReturnType<typeof play>): Catalogue => {
  const recent = (buyerId: string | null) =>
    [...(purchases.get(buyerId ?? '') ?? [])].filter(([, atMs]) => nowMs - atMs < recentMs).map(([id]) => id);
  const allowed = ({ productIds, buyerId }: Exclusions) => {
    const never = new Set([...productIds, ...recent(buyerId)]);
    return [...shelves.values()].filter((shelf) => shelf.sellable && !never.has(shelf.productId));
  };
  return {
    sellable: async (ids, exclusions) =>
      allowed(exclusions).filter(({ productId }) => ids.includes(productId)),
    bestsellers: async (category, exclusions, countMax) =>
      allowed(exclusions)
        .filter((shelf) => category === null || `${shelf.category}/`.startsWith(`${category}/`))
        .slice(0, countMax),
    shelves: async (ids) => new Map(ids.flatMap((id) => (shelves.has(id) ? [[id, shelves.get(id)!]] : []))),
    recentPurchases: async (userId) => recent(userId),
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

type Named = { productId?: string; category?: string; brand?: string };
const isNamed = (one: Named, { productId, category, brand }: Shelf): boolean =>
  one.productId !== undefined
    ? one.productId === productId
    : one.category !== undefined
      ? `${category}/`.startsWith(`${one.category}/`)
      : one.brand === brand;

test(
  `of ${histories} histories no list has what may not be shown, and none is empty while something may`,
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.array(fc.tuple(question, rules, fc.boolean()), { minLength: 1, maxLength: 4 }),
        async (steps, asked) => {
          const shop = play(steps);
          const { model, shelves, purchases, nowMs } = shop;
          const catalogue = catalogueOf(shop);
          const ranking = createSharedRanking({ monotonicMs: () => 0 });
          for (const [one, given, isReady] of asked) {
            const set = rulesSchema.parse(given);
            const { userId, ...rest } = one;
            const whole: Question = { ...rest, userId, buyerId: userId, nowMs };
            const sources = {
              model: { ...model, isReady: () => isReady },
              ranking,
              similarity: nothing,
              catalogue,
              rules: () => set,
              chance: { exposureOf: model.exposureOf, random: () => 0.5 },
            };
            const { items, exploredPlace } = await recommend(whole, sources);
            const byChance = items.findIndex(({ reason }) => reason.kind === 'explored');
            expect(byChance).toBe(exploredPlace ?? -1);
            if (exploredPlace !== null)
              expect([one.isExploring && one.scenario !== 'reorder', exploredPlace >= 4]).toEqual([
                true,
                true,
              ]);
            const visit = one.visitId === undefined ? { seen: [], cart: [] } : model.visitOf(one.visitId);
            const isModels = isReady || !['product', 'home'].includes(one.scenario);
            const isBeside = isModels && ['product', 'similar'].includes(one.scenario);
            const inView = one.productId ?? (isBeside ? visit.seen.at(-1) : undefined);
            const never = new Set([
              ...one.exclude,
              ...(one.cart ?? (one.scenario === 'cart' ? visit.cart : [])),
              ...(inView === undefined ? [] : [inView]),
            ]);
            const isRefused = (id: string): string | null => {
              const shelf = shelves.get(id);
              if (!shelf?.sellable) return 'not sellable';
              if (never.has(id)) return 'in view, in the cart or excluded';
              const boughtMs = purchases.get(userId ?? '')?.get(id);
              if (one.scenario !== 'reorder' && boughtMs !== undefined && nowMs - boughtMs < recentMs)
                return 'bought lately';
              if (set.exclude.some((rule) => isNamed(rule as Named, shelf))) return 'excluded by a rule';
              if (one.scenario === 'new-arrivals' && nowMs - shelf.listedAtMs > recentMs) return 'not new';
              return null;
            };
            const ids = items.map(({ productId }) => productId);
            expect(ids.map(isRefused).filter((why) => why !== null)).toEqual([]);
            expect(new Set(ids).size).toBe(ids.length);
            expect(ids.length).toBeLessThanOrEqual(one.limit);
            const hasGroups = set.neverWith.sameGroup || set.neverWith.ageRestricted;
            const isPossible = [...shelves.keys()].some((id) => isRefused(id) === null);
            if (isPossible && !hasGroups && one.scenario !== 'new-arrivals')
              expect(ids.length).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: histories },
    );
  },
  histories * 1_000,
);
