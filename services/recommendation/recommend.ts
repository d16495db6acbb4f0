import type { Query } from '#recommenders/activity';
import type { Contest } from '#recommenders/contest';
import type { Recommender } from '#recommenders/recommender';
import type { SimilarityView } from '#schemas/similarity-state';
import {
  arrange,
  isWithin,
  type Judgement,
  type Place,
  pinnedAt,
  type ShelvedCandidate,
} from './arrangement.js';
import { type Candidate, filledUp, type Reason } from './candidates.js';
import type { Catalogue, Exclusions, Shelf } from './catalogue-store.js';
import type { Question, Ranking } from './question.js';
import type { Rules } from './rules.js';
import { rankBySimilarity } from './similarity-ranking.js';

/**
 * Where the first products of a list come from: the models in this process; the similarities that the stream job keeps in
 * Redis, while the models are still learned again after a start; what is popular; or the catalogue.
 */
export type Source = 'model' | 'similarity' | 'popularity' | 'catalogue';

/** The models, as far as lists need them. */
export type ListModel = Pick<Recommender, 'rank' | 'reasons' | 'explain' | 'visitOf'> & {
  /** The live parameter set, and the others. */
  contest: Pick<Contest, 'as' | 'live'>;
  learnedUpToMs(): number | null;
  /** False while they have not yet learned again what was on the log at the start. */
  isReady(): boolean;
};

export type Sources = { model: ListModel; similarity: SimilarityView; catalogue: Catalogue; rules(): Rules };

export type RankedBy = 'models' | 'similarity' | 'popularity';

export type Answer = {
  items: Candidate[];
  source: Source;
  rankedBy: RankedBy;
  /** The newest event time learned, epoch milliseconds; null before the first. */
  learnedUpToMs: number | null;
  ranking: Ranking;
  /** What the rules did to each candidate that may be shown. */
  judgements: ReadonlyMap<string, Judgement>;
};

/**
 * Takes the products that the models, or else the similarities, rank first, keeps those that may be shown, arranges them
 * by the rules, and fills up the list with products that are popular in the category, then popular in general, then best
 * sellers and the newest products. New arrivals are not filled up: a list of them holds nothing else. Empty otherwise
 * only when no product may be shown.
 */
export const recommend = async (
  question: Question,
  sources: Sources,
  isExplained = false,
): Promise<Answer> => {
  const { scenario, limit, category } = question;
  const { model, similarity, catalogue } = sources;
  const rankedBy = rankerOf(question, model);
  const ranking =
    rankedBy === 'models'
      ? rankByModel(question, model, isExplained)
      : rankedBy === 'similarity'
        ? await rankBySimilarity(question, similarity)
        : rankByNothing(question);
  const { candidates, inView, cart, bought, trending } = ranking;
  const exclusions: Exclusions = {
    productIds: [...question.exclude, ...cart, ...bought, ...(inView === null ? [] : [inView])],
    buyerId: scenario === 'reorder' ? null : (question.buyerId ?? null),
  };
  const besideIds = inView === null ? cart : [inView, ...cart];
  const near = besideIds.length === 0 ? undefined : await catalogue.shelves(besideIds);
  const shelfInView = (inView === null ? undefined : near?.get(inView)) ?? null;
  const place: Place = { scenario, inView: shelfInView, beside: [...(near?.values() ?? [])], limit };
  const rules = sources.rules();
  const pinned = scenario === 'new-arrivals' ? [] : pinnedAt(rules, place);
  const named = [...candidates.map(({ productId }) => productId), ...trending, ...pinned];
  const shelves = new Map(
    (await catalogue.sellable([...new Set(named)], exclusions))
      .filter((shelf) => isWithin(shelf.category, category))
      .map((shelf) => [shelf.productId, shelf]),
  );
  const shown = candidates.flatMap((candidate): ShelvedCandidate[] => {
    const shelf = shelves.get(candidate.productId);
    return shelf === undefined ? [] : [{ ...candidate, shelf }];
  });
  const shelvesOf = (ids: readonly string[]) => ids.flatMap((id) => shelves.get(id) ?? []);
  const arrangement = await filled(
    shown,
    { rules, place, pinned: shelvesOf(pinned), trending: shelvesOf(trending), category, exclusions },
    catalogue,
  );
  // If the category is unknown or sold out, products of other categories are better than an empty page.
  if (arrangement.items.length === 0 && category !== undefined)
    return recommend({ ...question, category: undefined }, sources, isExplained);
  const items = rankedBy === 'models' ? withReasons(arrangement.items, question, model) : arrangement.items;
  const { judgements } = arrangement;
  const source = sourceOf(items, rankedBy);
  return { items, judgements, source, rankedBy, learnedUpToMs: ranking.learnedUpToMs, ranking };
};

/** Stands for the reason of a product that the models ranked until the list is made: few of them come to be on it. */
const found: Reason = { kind: 'popular', because: [] };

const withReasons = (items: readonly Candidate[], question: Question, model: ListModel): Candidate[] => {
  const ids = items.filter(({ reason }) => reason === found).map(({ productId }) => productId);
  const reasons = model.reasons(queryOf(question), ids);
  const reasonById = new Map(ids.map((id, nth) => [id, reasons[nth]!]));
  return items.map((item) => ({ ...item, reason: reasonById.get(item.productId) ?? item.reason }));
};

/** New arrivals are ranked by the models even where best sellers are asked for: best sellers are seldom new. */
const rankerOf = ({ scenario, isPopularity }: Question, model: ListModel): RankedBy => {
  if (isPopularity === true && scenario !== 'new-arrivals') return 'popularity';
  return model.isReady() || !(scenario === 'product' || scenario === 'home') ? 'models' : 'similarity';
};

/** What every visitor gets alike: only the best sellers with which a list is filled up. */
const rankByNothing = ({ productId, cart }: Question): Ranking => ({
  candidates: [],
  inView: productId ?? null,
  cart: cart ?? [],
  bought: [],
  trending: [],
  learnedUpToMs: null,
});

/** The models do not know the stock, so they are asked for more products than are shown. */
const askedFor = (limit: number): number => 4 * limit + 100;

const queryOf = (question: Question): Query => ({
  ...question,
  atMs: question.nowMs,
  limit: askedFor(question.limit),
});

const rankByModel = (question: Question, model: ListModel, isExplained: boolean): Ranking => {
  const { scenario, visitId, productId } = question;
  const query = queryOf(question);
  const visit = visitId === undefined ? { seen: [], cart: [] } : model.visitOf(visitId);
  const isBesideOne = scenario === 'product' || scenario === 'similar';
  // Logits as shares of the best one's odds: positive, and falling as the list goes on.
  const logits = model.contest.as(question.parameterSet ?? model.contest.live, () => model.rank(query));
  const best = logits.reduce((max, { score }) => Math.max(max, score), Number.NEGATIVE_INFINITY);
  const candidates = logits.map((product) => ({
    productId: product.productId,
    score: Math.exp(product.score - best),
    reason: found,
  }));
  return {
    candidates,
    inView: productId ?? (isBesideOne ? (visit.seen.at(-1) ?? null) : null),
    cart: question.cart ?? (scenario === 'cart' ? visit.cart : []),
    bought: [],
    trending: [],
    learnedUpToMs: model.learnedUpToMs(),
    ...(isExplained ? { explained: model.explain(query) } : {}),
  };
};

type Gap = {
  rules: Rules;
  place: Place;
  pinned: readonly Shelf[];
  /** Products that are popular now and may be shown, best first. */
  trending: readonly Shelf[];
  category: string | undefined;
  exclusions: Exclusions;
};

/** Rules may leave out many best sellers, so more and more are looked at until the list is full. */
const lookedAtMax = [1, 10, 50];

const filled = async (shown: readonly ShelvedCandidate[], gap: Gap, catalogue: Catalogue) => {
  const { rules, place } = gap;
  const known = new Set(shown.map(({ productId }) => productId));
  const pinned = gap.pinned.filter(({ productId }) => !known.has(productId));
  const withPinned = pinned.length === 0 ? shown : withFillers(shown, as('pinned', pinned));
  let arrangement = arrange(withPinned, rules, place);
  if (place.scenario === 'new-arrivals') return arrangement;
  for (const times of lookedAtMax) {
    if (arrangement.items.length >= place.limit) break;
    const count = times * place.limit;
    const { fillers, isAll } = await fillersFor(gap, catalogue, count);
    arrangement = arrange(withFillers(withPinned, fillers), rules, place);
    if (isAll) break;
  }
  return arrangement;
};

type Filler = { shelf: Shelf; reason: Reason };

const as = (kind: Reason['kind'], shelves: readonly Shelf[], because: readonly string[] = []): Filler[] =>
  shelves.map((shelf) => ({ shelf, reason: { kind, because } }));

const withFillers = (
  shown: readonly ShelvedCandidate[],
  fillers: readonly Filler[],
): readonly ShelvedCandidate[] => {
  const shelves = new Map([...fillers, ...shown].map(({ shelf }) => [shelf.productId, shelf]));
  const products = fillers.map(({ shelf, reason }) => ({ productId: shelf.productId, reason }));
  return filledUp(shown, products, shown.length + fillers.length).map((candidate) => ({
    ...candidate,
    shelf: shelves.get(candidate.productId)!,
  }));
};

const fillersFor = async (
  { place, category, trending, exclusions }: Gap,
  catalogue: Catalogue,
  count: number,
): Promise<{ fillers: Filler[]; isAll: boolean }> => {
  const { inView } = place;
  const near = inView !== null && inView.category !== '' && isWithin(inView.category, category);
  const [bestNear, best] = await Promise.all([
    near ? catalogue.bestsellers(inView.category, exclusions, count) : [],
    trending.length >= count ? null : catalogue.bestsellers(category ?? null, exclusions, count),
  ]);
  const because = inView === null ? [] : [inView.productId];
  return {
    fillers: [
      ...as(
        'popular_in_category',
        near ? trending.filter((shelf) => isWithin(shelf.category, inView.category)) : [],
        because,
      ),
      ...as('popular_in_category', bestNear, because),
      ...as('popular', trending),
      ...as('catalogue', best ?? []),
    ],
    isAll: best !== null && best.length < count,
  };
};

const learnedKinds: ReadonlySet<Reason['kind']> = new Set([
  'seen_together',
  'seen_earlier',
  'bought_together',
  'bought_before',
  'similar',
]);

const sourceOf = (items: readonly Candidate[], rankedBy: RankedBy): Source => {
  if (rankedBy === 'popularity') return 'popularity';
  if (items.some(({ reason }) => learnedKinds.has(reason.kind)))
    return rankedBy === 'models' ? 'model' : 'similarity';
  return items.some(({ reason: { kind } }) => kind === 'popular' || kind === 'popular_in_category')
    ? 'popularity'
    : 'catalogue';
};
