import type { Sale, ShopperActivity } from '#schemas/events';
import type { Step } from '#schemas/similarity-state';

/**
 * Item-to-item similarity as a fold over shoppers' actions. Pure: from one signal and the visit (or basket) so far it
 * computes the changes to apply and the new visit. Changes commute, so the order of partitions does not matter.
 *
 * For an event with weight w at time t on product j in a visit whose other products are, newest first, i_1, i_2, …
 * i_N (distinct), with g(t) = 2^((t - landmark) / halfLife):
 *
 *     P[i_d][j] += g(t) * w * s / d               j came after i_d
 *     P[j][i_d] += g(t) * w * s * backward / d    and i_d before j, which shows less
 *     M[j]      += g(t) * w * s
 *     popularity[j] += g'(t) * s * max(0, w - strongest action on j in this visit so far)
 *
 * A product that is viewed again without another one in between changes nothing, because reloading a page shows no
 * interest. The lines of an order have no direction and no distance: each two of them add w to each other.
 *
 * Anybody may report what shoppers do, so s bounds how much one sender can add. It is 1 for orders, which cost money,
 * and otherwise the product of three shares:
 *
 *     1 / v              one request reports v visits: the request counts as much as one visit
 *     1 / (1 + n)^2      the visit came to j n times before, and this action is no stronger: going back and forth
 *                        between two products adds at most pi^2/6 of a visit
 *     1 / (1 + G / calm) G is the weight that j has gained in this slice of time (by Kafka's clock): in one slice it gains
 *                        at most calm * ln(1 + unscaled weight / calm), however many visits and requests there are
 */
export type SimilaritySettings = {
  /** The origin of the forward decay, epoch milliseconds. Any time that is not hundreds of half-lives away works. */
  landmarkMs: number;
  /** The half-life of pairs and masses. It has to be the same for both, or the decay would not cancel. */
  similarityHalfLifeMs: number;
  popularityHalfLifeMs: number;
  weights: { viewed: number; added: number; bought: number };
  /** The weight of "before" relative to "after". */
  backward: number;
  /** Distinct products of a visit that are kept and paired. */
  visitProductsMax: number;
  /** Distinct products of an order that are paired. */
  basketProductsMax: number;
  sliceMs: number;
  /** The weight in a slice at which further weight of a product counts half. */
  calmWeight: number;
};

const dayMs = 24 * 60 * 60 * 1000;

export const defaultSettings: SimilaritySettings = {
  landmarkMs: Date.UTC(2026, 0, 1),
  similarityHalfLifeMs: 30 * dayMs,
  popularityHalfLifeMs: 2 * dayMs,
  weights: { viewed: 1, added: 3, bought: 6 },
  backward: 0.5,
  visitProductsMax: 10,
  basketProductsMax: 30,
  sliceMs: 10 * 60 * 1000,
  calmWeight: 20,
};

/** The part of an event that similarity needs. `within` is the id of its visit or order. */
export type Signal = {
  action: 'viewed' | 'added' | 'bought';
  within: { kind: 'visit' | 'basket'; id: string };
  userId: string | null;
  productId: string;
  /** Epoch milliseconds. */
  atMs: number;
  /** When Kafka received the event, epoch milliseconds, which no client can choose; `atMs` if unset. */
  appendedAtMs?: number;
  /** The number of visits that its request reported; 1 if unset. */
  visitsTogether?: number;
};

/** Null for activity that does not count: searches, removals, and recommendations that were only shown. */
export const signalOfActivity = (activity: ShopperActivity): Signal | null => {
  const action =
    activity.type === 'product_viewed' ? 'viewed' : activity.type === 'product_added' ? 'added' : null;
  if (action === null || activity.product_id === null) return null;
  return {
    action,
    within: { kind: 'visit', id: activity.visit_id },
    userId: activity.user_id,
    productId: activity.product_id,
    atMs: activity.occurred_at,
  };
};

/** Null for a refund: a returned product was still bought together with the others. */
export const signalOfSale = (sale: Sale): Signal | null =>
  sale.kind !== 'sale'
    ? null
    : {
        action: 'bought',
        within: { kind: 'basket', id: sale.order_id },
        userId: sale.user_id,
        productId: sale.product_id,
        atMs: sale.occurred_at,
      };

/** Sums to add and times to store. One value collects the changes of any number of signals. */
export type Changes = {
  pairs: Map<string, Map<string, number>>;
  masses: Map<string, number>;
  popularity: Map<string, number>;
  /** By user: product → when, epoch milliseconds; a later time wins. */
  interests: Map<string, Map<string, number>>;
  purchases: Map<string, Map<string, number>>;
  /** The new visits and baskets, by id. */
  visits: Map<string, readonly Step[]>;
  baskets: Map<string, readonly Step[]>;
  /** By slice of time: product → the weight that it gained. */
  weightInSlice: Map<number, Map<string, number>>;
  /** Products that are new in the catalogue. */
  products: Set<string>;
  /** Users whose accounts were erased: what is kept of them goes, and what comes later is not kept. */
  erased: Set<string>;
  /** The time of the newest event, epoch milliseconds; -Infinity without any. */
  learnedUpToMs: number;
};

export const noChanges = (): Changes => ({
  pairs: new Map(),
  masses: new Map(),
  popularity: new Map(),
  interests: new Map(),
  purchases: new Map(),
  visits: new Map(),
  baskets: new Map(),
  weightInSlice: new Map(),
  products: new Set(),
  erased: new Set(),
  learnedUpToMs: Number.NEGATIVE_INFINITY,
});

/** Beyond this all times weigh the same, so that sums stay finite. */
const halfLivesMax = 980;

const growth = (atMs: number, landmarkMs: number, halfLifeMs: number): number =>
  2 ** Math.min(halfLivesMax, (atMs - landmarkMs) / halfLifeMs);

/** The slice of time a signal belongs to. */
export const sliceOf = ({ appendedAtMs, atMs }: Signal, { sliceMs }: SimilaritySettings): number =>
  Math.floor((appendedAtMs ?? atMs) / sliceMs);

/**
 * Adds one signal to `changes`. `stepsSoFar` is the visit or basket before it, oldest first; the new one is in
 * `changes.visits` or `.baskets` afterwards. `weightSoFar` is what the product gained in the signal's slice before
 * `changes`.
 */
export const learn = (
  changes: Changes,
  signal: Signal,
  stepsSoFar: readonly Step[],
  settings: SimilaritySettings,
  weightSoFar = 0,
): void => {
  const visit = visitBefore(signal, stepsSoFar, settings);
  if (!visit.isReload) addWeight(changes, signal, visit, settings, weightSoFar);
  rememberStep(changes, signal, visit, settings);
};

/** What the visit or basket of a signal held before it. */
type Visit = {
  /** The earlier step to the same product; weight and times are 0 if there was none. */
  before: { weight: number; times: number };
  /** The steps to other products, oldest first. */
  others: readonly Step[];
  /** By how much the signal is stronger than the strongest earlier action on the product. */
  raise: number;
  /** True when the visit was at the product already, and this action is no stronger. */
  isReload: boolean;
};

const visitBefore = (
  { action, productId }: Signal,
  stepsSoFar: readonly Step[],
  { weights }: SimilaritySettings,
): Visit => {
  const before = stepsSoFar.find((step) => step.productId === productId) ?? { weight: 0, times: 0 };
  const others = stepsSoFar.filter((step) => step.productId !== productId);
  const raise = Math.max(0, weights[action] - before.weight);
  return { before, others, raise, isReload: raise === 0 && stepsSoFar.at(-1)?.productId === productId };
};

/** Adds the signal to the sums: P, M and popularity. */
const addWeight = (
  changes: Changes,
  signal: Signal,
  visit: Visit,
  settings: SimilaritySettings,
  weightSoFar: number,
): void => {
  const { productId, atMs, within } = signal;
  const { others, raise } = visit;
  const { landmarkMs, similarityHalfLifeMs, popularityHalfLifeMs } = settings;
  const share = within.kind === 'visit' ? shareOf(changes, signal, visit, settings, weightSoFar) : 1;
  const gain = growth(atMs, landmarkMs, similarityHalfLifeMs) * settings.weights[signal.action] * share;
  if (within.kind === 'visit') pairWithVisit(changes, productId, others, gain, settings.backward);
  else pairWithBasket(changes, productId, others, gain);
  increase(changes.masses, productId, gain);
  if (raise > 0)
    increase(changes.popularity, productId, growth(atMs, landmarkMs, popularityHalfLifeMs) * raise * share);
};

/** Appends the signal to its visit or basket, and to what its user has viewed or bought. */
const rememberStep = (
  changes: Changes,
  { action, within, userId, productId, atMs }: Signal,
  { before, others, isReload }: Visit,
  settings: SimilaritySettings,
): void => {
  const [visits, times, stepsMax] =
    within.kind === 'visit'
      ? [changes.visits, changes.interests, settings.visitProductsMax]
      : [changes.baskets, changes.purchases, settings.basketProductsMax];
  const step = {
    productId,
    weight: Math.max(settings.weights[action], before.weight),
    times: before.times + (isReload ? 0 : 1),
  };
  visits.set(within.id, [...others.slice(-(stepsMax - 1)), step]);
  if (userId !== null) remember(times, userId, productId, atMs);
  changes.learnedUpToMs = Math.max(changes.learnedUpToMs, atMs);
};

/** The share by which a visit's signal counts, in (0, 1]; adds its weight to the product's slice. */
const shareOf = (
  changes: Changes,
  signal: Signal,
  { before, raise }: Visit,
  settings: SimilaritySettings,
  weightSoFar: number,
): number => {
  const { productId, action, visitsTogether = 1 } = signal;
  const inSlice = rowOf(changes.weightInSlice, sliceOf(signal, settings));
  const weight = weightSoFar + (inSlice.get(productId) ?? 0);
  const ofVisit = raise > 0 ? 1 : 1 / (1 + before.times) ** 2;
  const share = ofVisit / Math.max(1, visitsTogether);
  increase(inSlice, productId, settings.weights[action] * share);
  return share / (1 + weight / settings.calmWeight);
};

const pairWithVisit = (
  { pairs }: Changes,
  productId: string,
  others: readonly Step[],
  gain: number,
  backward: number,
): void => {
  for (let distance = 1; distance <= others.length; distance += 1) {
    const earlier = (others[others.length - distance] as Step).productId;
    increase(rowOf(pairs, earlier), productId, gain / distance);
    increase(rowOf(pairs, productId), earlier, (gain * backward) / distance);
  }
};

const pairWithBasket = (
  { pairs }: Changes,
  productId: string,
  others: readonly Step[],
  gain: number,
): void => {
  for (const { productId: other } of others) {
    increase(rowOf(pairs, other), productId, gain);
    increase(rowOf(pairs, productId), other, gain);
  }
};

const rowOf = <K, V>(table: Map<K, Map<string, V>>, key: K): Map<string, V> => {
  const row = table.get(key) ?? new Map<string, V>();
  table.set(key, row);
  return row;
};

const increase = (sums: Map<string, number>, key: string, by: number): void => {
  sums.set(key, (sums.get(key) ?? 0) + by);
};

const remember = (
  times: Map<string, Map<string, number>>,
  userId: string,
  productId: string,
  atMs: number,
): void => {
  const row = rowOf(times, userId);
  row.set(productId, Math.max(row.get(productId) ?? 0, atMs));
};
