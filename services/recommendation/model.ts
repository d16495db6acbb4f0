import { createBoundedMap } from '#platform/bounded-map';
import type { Activity } from '#recommenders/activity';
import type { Recommender } from '#recommenders/recommender';
import type {
  ModelPromoted,
  OrderConfirmed,
  ProductCreated,
  ProductDeleted,
  ProductUpdated,
  ShopperActivity,
  UserErased,
} from '#schemas/events';
import { type CalmJson, createCalm } from './calm.js';
import { createExposures, type Exposure, type ExposureJson } from './exposure.js';

/** The models, fed with the shop's events. */
export type Model = Pick<
  Recommender,
  'contest' | 'recommend' | 'rank' | 'reasons' | 'explain' | 'visitOf'
> & {
  /**
   * `appendedAtMs`: when Kafka got the event, epoch milliseconds; no client's clock may run ahead of it. `visitsTogether`:
   * how many visits its request reported; 1 if unset.
   */
  take(event: { type: string; value: unknown }, appendedAtMs: number, visitsTogether?: number): void;
  /** The time of the newest event learned, epoch milliseconds; null before the first. */
  learnedUpToMs(): number | null;
  /** How often lists have shown a product, and shoppers clicked on it there; each report counts by its weight. */
  exposureOf(productId: string): Exposure;
  /** How many events it has taken. */
  changes(): number;
  /** Its whole state, a line after the other; see `Recommender`. */
  snapshot(): Iterable<string>;
  /** For each line in their order, before anything is learned. */
  restore(line: string): void;
  /** Whether the lines were restored that every snapshot ends with. */
  isRestored(): boolean;
};

type Own = {
  calm: CalmJson;
  learnedUpToMs: number | null;
  exposures: ExposureJson;
  /** Unset in a snapshot from before. */
  exposureCalm?: CalmJson;
  erased: readonly string[];
};
/** Of the accounts that were erased, the last ones. */
const erasedMax = 100_000;
const smallPrefix = '["small",';
const ownPrefix = '["model",';

export const createModel = (recommender: Recommender): Model => {
  const calm = createCalm();
  /** Of its own, because a list shows many products that nobody then views. */
  const exposureCalm = createCalm();
  const exposures = createExposures();
  // What they did is on other topics than the erasure, and may be read after it: after a start without a snapshot all is.
  const erased = createBoundedMap<true>(erasedMax);
  let learnedUpToMs: number | null = null;
  let changes = 0;
  let hasSmall = false;
  let hasOwn = false;

  const learn = (activity: Activity): void => {
    if (activity.userId === undefined || erased.get(activity.userId) === undefined)
      recommender.learn(activity);
    learnedUpToMs = Math.max(learnedUpToMs ?? 0, activity.atMs);
  };
  const noteExposure = (
    { type, product_id }: ShopperActivity,
    appendedAtMs: number,
    visitsTogether: number,
  ): void => {
    const what = exposedBy[type];
    if (what === undefined || product_id === null) return;
    // A showing and a click of the same time weigh the same, so that the rate of clicks stays what it is.
    exposures.note(product_id, what, exposureCalm.weigh(product_id, visitsTogether, appendedAtMs));
  };
  const list = ({ productId, name, category, createdAt, active }: ProductCreated | ProductUpdated): void => {
    if (active) recommender.addProduct({ id: productId, name, category, createdAtMs: createdAt });
    else recommender.removeProduct(productId);
  };

  return {
    contest: recommender.contest,
    recommend: recommender.recommend,
    rank: recommender.rank,
    reasons: recommender.reasons,
    explain: recommender.explain,
    visitOf: recommender.visitOf,
    learnedUpToMs: () => learnedUpToMs,
    exposureOf: exposures.of,
    changes: () => changes,
    *snapshot() {
      yield* recommender.snapshot();
      const own: Own = {
        calm: calm.toJson(),
        learnedUpToMs,
        exposures: exposures.toJson(),
        exposureCalm: exposureCalm.toJson(),
        erased: erased.keys(),
      };
      yield JSON.stringify(['model', own]);
    },
    restore: (line) => {
      if (!line.startsWith(ownPrefix)) {
        recommender.restore(line);
        hasSmall ||= line.startsWith(smallPrefix);
        return;
      }
      const [, own] = JSON.parse(line) as [string, Own];
      calm.restore(own.calm);
      learnedUpToMs = own.learnedUpToMs;
      exposures.restore(own.exposures);
      if (own.exposureCalm !== undefined) exposureCalm.restore(own.exposureCalm);
      for (const userId of own.erased) erased.set(userId, true);
      hasOwn = true;
    },
    isRestored: () => hasSmall && hasOwn,
    take: ({ type, value }, appendedAtMs, visitsTogether = 1) => {
      changes += 1;
      if (type === 'ShopperActivity') {
        noteExposure(value as ShopperActivity, appendedAtMs, visitsTogether);
        const activity = activityOf(value as ShopperActivity, appendedAtMs);
        const [productId] = activity?.productIds ?? [];
        if (activity !== null && productId !== undefined)
          learn({ ...activity, weight: calm.weigh(productId, visitsTogether, appendedAtMs) });
      } else if (type === 'OrderConfirmed') {
        const { userId, lines, occurredAt } = value as OrderConfirmed;
        const productIds = lines.map(({ productId }) => productId);
        learn({
          kind: 'bought',
          productIds,
          userId: userId ?? undefined,
          atMs: Math.min(occurredAt, appendedAtMs),
        });
      } else if (type === 'ProductCreated' || type === 'ProductUpdated') {
        list(value as ProductCreated | ProductUpdated);
      } else if (type === 'ProductDeleted') {
        recommender.removeProduct((value as ProductDeleted).productId);
      } else if (type === 'UserErased') {
        const { userId } = value as UserErased;
        erased.set(userId, true);
        recommender.forgetUser(userId);
      } else if (type === 'ModelPromoted') {
        recommender.contest.promote((value as ModelPromoted).model);
      }
    },
  };
};

const kinds: Readonly<Record<string, Activity['kind']>> = {
  product_viewed: 'viewed',
  product_added: 'added',
  product_removed: 'removed',
};

const exposedBy: Readonly<Record<string, keyof Exposure>> = {
  recommendation_shown: 'shown',
  recommendation_clicked: 'clicked',
};

const activityOf = (activity: ShopperActivity, appendedAtMs: number): Activity | null => {
  const kind = kinds[activity.type];
  if (kind === undefined || activity.product_id === null) return null;
  return {
    kind,
    productIds: [activity.product_id],
    visitId: activity.visit_id,
    userId: activity.user_id ?? undefined,
    atMs: Math.min(activity.occurred_at, appendedAtMs),
  };
};
