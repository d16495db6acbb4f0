import { createBoundedMap } from '#platform/bounded-map';
import type { Clock } from '#platform/clock';
import type { Query } from '#recommenders/activity';
import type { Contest } from '#recommenders/contest';
import type { Recommender } from '#recommenders/recommender';
import type { Candidate, Reason } from './candidates.js';
import { headOf, type Question, type Ranking } from './question.js';

/** The models, as far as lists need them. */
export type ListModel = Pick<Recommender, 'rank' | 'reasons' | 'explain' | 'visitOf'> & {
  /** The live parameter set, and the others. */
  contest: Pick<Contest, 'as' | 'live'>;
  learnedUpToMs(): number | null;
  /** Changes with every event that was learned. */
  changes(): number;
  /** False while they have not yet learned again what was on the log at the start. */
  isReady(): boolean;
};

/** Asks the models. `isExplained` adds what each score is made of. */
export type ModelRanking = (question: Question, model: ListModel, isExplained: boolean) => Ranking;

/**
 * The models do not know the stock, so they are asked for more products than are shown: first for the head of the list, and
 * for so many where that does not fill it.
 */
const allOf = (limit: number): number => 4 * limit + 100;

const queryOf = (question: Question, limit: number): Query => ({
  ...question,
  atMs: question.nowMs,
  limit,
});

/** Stands for the reason of a product that the models ranked until the list is made: few of them come to be on it. */
const found: Reason = { kind: 'popular', because: [] };

type Visit = ReturnType<ListModel['visitOf']>;
const noVisit: Visit = { seen: [], cart: [] };
const visitOf = ({ visitId }: Question, model: ListModel): Visit =>
  visitId === undefined ? noVisit : model.visitOf(visitId);

type Ranked = Required<Pick<Ranking, 'head' | 'candidates' | 'learnedUpToMs' | 'reasonsOf'>>;

const rank = (question: Question, model: ListModel): Ranked => {
  const { limit, parameterSet = model.contest.live } = question;
  const best = (count: number) => () => {
    const logits = model.contest.as(parameterSet, () => model.rank(queryOf(question, count)));
    // As shares of the best one's odds: positive, and falling as the list goes on.
    const highest = logits[0]?.score ?? 0;
    return logits.map(
      ({ productId, score }): Candidate => ({ productId, score: Math.exp(score - highest), reason: found }),
    );
  };
  return {
    head: once(best(headOf(limit))),
    candidates: once(best(allOf(limit))),
    learnedUpToMs: model.learnedUpToMs(),
    reasonsOf: (productIds) => model.reasons(queryOf(question, limit), productIds),
  };
};

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
};

const placed = (question: Question, visit: Visit, ranked: Ranked): Ranking => {
  const { scenario, productId, cart } = question;
  const isBesideOne = scenario === 'product' || scenario === 'similar';
  return {
    ...ranked,
    inView: productId ?? (isBesideOne ? (visit.seen.at(-1) ?? null) : null),
    cart: cart ?? (scenario === 'cart' ? visit.cart : []),
    bought: [],
    trending: [],
  };
};

export const rankByModel: ModelRanking = (question, model, isExplained) => ({
  ...placed(question, visitOf(question, model), rank(question, model)),
  ...(isExplained ? { explained: model.explain(queryOf(question, allOf(question.limit))) } : {}),
});

const keptMax = 1_000;
/** What was ranked before the last event was learned is used so long, and what is as new as the models so long. */
const changedAgeMsMax = 1_000;
const unchangedAgeMsMax = 10_000;

/** Keeps for a short time what is ranked for nobody in particular, because everybody gets the same. */
export const createSharedRanking = ({ monotonicMs }: Pick<Clock, 'monotonicMs'>): ModelRanking => {
  const kept = createBoundedMap<{ ranked: Ranked; atMs: number; changes: number }>(keptMax);
  return (question, model, isExplained) => {
    const visit = visitOf(question, model);
    if (isExplained || !isForEverybody(question, visit)) return rankByModel(question, model, isExplained);
    const nowMs = monotonicMs();
    const changes = model.changes();
    const key = keyOf(question, model);
    const known = kept.get(key);
    const ageMsMax = known?.changes === changes ? unchangedAgeMsMax : changedAgeMsMax;
    if (known !== undefined && nowMs - known.atMs < ageMsMax) return placed(question, visit, known.ranked);
    // Lists are made of it later too, for others: by then the visit that was unknown may be known.
    const ranked = withKeptReasons(rank({ ...question, visitId: undefined }, model));
    kept.set(key, { ranked, atMs: nowMs, changes });
    return placed(question, visit, ranked);
  };
};

const isForEverybody = ({ userId, exclude, cart }: Question, { seen, cart: inCart }: Visit): boolean =>
  userId === undefined &&
  exclude.length === 0 &&
  (cart === undefined || cart.length <= 1) &&
  seen.length === 0 &&
  inCart.length === 0;

const keyOf = (question: Question, { contest }: ListModel): string => {
  const { parameterSet = contest.live, scenario, limit, diversity, productId, cart } = question;
  return JSON.stringify([parameterSet, scenario, limit, diversity, productId, cart]);
};

const withKeptReasons = (ranked: Ranked): Ranked => {
  const kept = new Map<string, Reason>();
  return {
    ...ranked,
    reasonsOf: (productIds) => {
      const missing = productIds.filter((id) => !kept.has(id));
      if (missing.length > 0)
        for (const [nth, reason] of ranked.reasonsOf(missing).entries()) kept.set(missing[nth]!, reason);
      return productIds.map((id) => kept.get(id)!);
    },
  };
};

/** Gives the products that the models ranked their reasons. */
export const withReasons = (items: readonly Candidate[], { reasonsOf }: Ranking): Candidate[] => {
  const ids = items.filter(({ reason }) => reason === found).map(({ productId }) => productId);
  const reasons = reasonsOf?.(ids) ?? [];
  let next = 0;
  return items.map((item) => (item.reason === found ? { ...item, reason: reasons[next++] ?? found } : item));
};
