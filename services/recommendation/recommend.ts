import type { SimilarityView } from '#schemas/similarity-state';
import {
  type Arrangement,
  arrange,
  firstAllowed,
  isWithin,
  type Judgement,
  keepsOrder,
  type Place,
  pinnedAt,
  type ShelvedCandidate,
} from './arrangement.js';
import { type Candidate, filledUp, type Reason } from './candidates.js';
import type { Catalogue, Exclusions, Shelf } from './catalogue-store.js';
import { type Chance, type Explored, explored } from './exploration.js';
import { type ListModel, type ModelRanking, rankByModel, withReasons } from './model-ranking.js';
import type { Question, Ranking } from './question.js';
import type { Rules } from './rules.js';
import { rankBySimilarity } from './similarity-ranking.js';

/**
 * Where the first products of a list come from: the models in this process; the similarities that the stream job keeps in
 * Redis, while the models are still learned again after a start; what is popular; or the catalogue.
 */
export type Source = 'model' | 'similarity' | 'popularity' | 'catalogue';

export type Sources = {
  model: ListModel;
  /** How the models are asked; `rankByModel` if unset. */
  ranking?: ModelRanking;
  similarity: SimilarityView;
  catalogue: Catalogue;
  rules(): Rules;
  /** Of every list; 0 if unset. */
  diversity?(): number;
  /** Without it no list has a product by chance. */
  chance?: Chance;
};

export type RankedBy = 'models' | 'similarity' | 'popularity';

export type Answer = {
  items: Candidate[];
  source: Source;
  rankedBy: RankedBy;
  /** The newest event time learned, epoch milliseconds; null before the first. */
  learnedUpToMs: number | null;
  ranking: Ranking;
  exploredPlace: Explored['exploredPlace'];
  /** Whether rules pin a product for such a list. */
  hasPins: boolean;
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
      ? (sources.ranking ?? rankByModel)(
          { ...question, diversity: sources.diversity?.() ?? 0 },
          model,
          isExplained,
        )
      : rankedBy === 'similarity'
        ? await rankBySimilarity(question, similarity)
        : rankByNothing(question);
  const { inView, cart, bought } = ranking;
  const exclusions: Exclusions = {
    productIds: [...question.exclude, ...cart, ...bought, ...(inView === null ? [] : [inView])],
    buyerId: scenario === 'reorder' ? null : (question.buyerId ?? null),
  };
  const besideIds = inView === null ? cart : [inView, ...cart];
  const near = besideIds.length === 0 ? undefined : await catalogue.shelves(besideIds);
  const shelfInView = (inView === null ? undefined : near?.get(inView)) ?? null;
  const place: Place = { scenario, inView: shelfInView, beside: [...(near?.values() ?? [])], limit };
  const rules = sources.rules();
  const parts = { rules, place, category, exclusions };
  // A pinned product keeps its place, so nothing is put before it.
  const hasPins = pinnedAt(rules, place).length > 0;
  const mayExplore =
    question.isExploring === true && rankedBy === 'models' && scenario !== 'reorder' && !hasPins;
  const chance = mayExplore ? (sources.chance ?? null) : null;
  const head = isExplained ? null : await listFromHead(ranking, parts, catalogue);
  const arrangement: Pick<Arrangement, 'items' | 'judgements'> =
    head === null ? await arranged(ranking, parts, catalogue) : { items: head, judgements: new Map() };
  // If the category is unknown or sold out, products of other categories are better than an empty page.
  if (arrangement.items.length === 0 && category !== undefined)
    return recommend({ ...question, category: undefined }, sources, isExplained);
  const { items: shown, exploredPlace } =
    chance === null
      ? { items: arrangement.items, exploredPlace: null }
      : explored(arrangement.items, await sparesFor(ranking, question, parts, sources), chance);
  const items = rankedBy === 'models' ? withReasons(shown, ranking) : shown;
  const { judgements } = arrangement;
  const source = sourceOf(items, rankedBy);
  const { learnedUpToMs } = ranking;
  return { items, judgements, source, rankedBy, learnedUpToMs, ranking, exploredPlace, hasPins };
};

/** What might be on the list too: the candidates behind it, and behind them new products that nobody has looked at yet. */
const sparesFor = async (
  ranking: Ranking,
  question: Question,
  parts: Parts,
  { model, catalogue }: Sources,
): Promise<ShelvedCandidate[]> => {
  const candidates = ranking.candidates();
  const known = new Set(candidates.map(({ productId }) => productId));
  const arrivals = rankByModel({ ...question, scenario: 'new-arrivals' }, model, false)
    .candidates()
    .filter(({ productId }) => !known.has(productId))
    .map((candidate) => ({ ...candidate, score: 0 }));
  const all = { ...ranking, candidates: () => [...candidates, ...arrivals] };
  return (await arranged(all, parts, catalogue)).spares();
};

type Parts = Pick<Gap, 'rules' | 'place' | 'category' | 'exclusions'>;

/** Those of the products that may be on the list. */
const shelvesFor = async (
  productIds: readonly string[],
  { category, exclusions }: Parts,
  catalogue: Catalogue,
): Promise<ReadonlyMap<string, Shelf>> => {
  const shelves = new Map<string, Shelf>();
  for (const shelf of await catalogue.sellable([...new Set(productIds)], exclusions))
    if (isWithin(shelf.category, category)) shelves.set(shelf.productId, shelf);
  return shelves;
};

const shelved = (candidates: readonly Candidate[], shelves: ReadonlyMap<string, Shelf>): ShelvedCandidate[] =>
  candidates.flatMap((candidate) => {
    const shelf = shelves.get(candidate.productId);
    return shelf === undefined ? [] : [{ ...candidate, shelf }];
  });

/**
 * The list of the first candidates alone; null where they do not fill it, or the rules change their order. Most lists are
 * filled by their first `limit`, so the others are looked at only where those do not.
 */
const listFromHead = async (
  ranking: Ranking,
  parts: Parts,
  catalogue: Catalogue,
): Promise<Candidate[] | null> => {
  const { rules, place } = parts;
  if (!keepsOrder(rules, place)) return null;
  const head = ranking.head();
  if (head.length < place.limit) return null;
  for (const count of new Set([place.limit, head.length])) {
    const first = head.slice(0, count);
    const shelves = await shelvesFor(
      first.map(({ productId }) => productId),
      parts,
      catalogue,
    );
    const items = firstAllowed(first, (productId) => shelves.get(productId), rules, place);
    if (items.length === place.limit) return items;
  }
  return null;
};

const arranged = async (ranking: Ranking, parts: Parts, catalogue: Catalogue): Promise<Arrangement> => {
  const { rules, place } = parts;
  const { trending } = ranking;
  const candidates = ranking.candidates();
  const pinned = place.scenario === 'new-arrivals' ? [] : pinnedAt(rules, place);
  const named = [...candidates.map(({ productId }) => productId), ...trending, ...pinned];
  const shelves = await shelvesFor(named, parts, catalogue);
  const shelvesOf = (ids: readonly string[]) => ids.flatMap((id) => shelves.get(id) ?? []);
  const gap = { ...parts, pinned: shelvesOf(pinned), trending: shelvesOf(trending) };
  return filled(shelved(candidates, shelves), gap, catalogue);
};

/** New arrivals are ranked by the models even where best sellers are asked for: best sellers are seldom new. */
const rankerOf = ({ scenario, isPopularity }: Question, model: ListModel): RankedBy => {
  if (isPopularity === true && scenario !== 'new-arrivals') return 'popularity';
  return model.isReady() || !(scenario === 'product' || scenario === 'home') ? 'models' : 'similarity';
};

/** What every visitor gets alike: only the best sellers with which a list is filled up. */
const rankByNothing = ({ productId, cart }: Question): Ranking => ({
  head: () => [],
  candidates: () => [],
  inView: productId ?? null,
  cart: cart ?? [],
  bought: [],
  trending: [],
  learnedUpToMs: null,
});

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
/** So many are looked at before a list stays empty, however short it is to be. */
const lookedAtBeforeEmpty = 10_000;

const filled = async (shown: readonly ShelvedCandidate[], gap: Gap, catalogue: Catalogue) => {
  const { rules, place } = gap;
  const known = new Set(shown.map(({ productId }) => productId));
  const pinned = gap.pinned.filter(({ productId }) => !known.has(productId));
  const withPinned = pinned.length === 0 ? shown : withFillers(shown, as('pinned', pinned));
  let arrangement = arrange(withPinned, rules, place);
  if (place.scenario === 'new-arrivals') return arrangement;
  for (const count of [...lookedAtMax.map((times) => times * place.limit), lookedAtBeforeEmpty]) {
    const wanted = count === lookedAtBeforeEmpty ? 1 : place.limit;
    if (arrangement.items.length >= wanted) break;
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
