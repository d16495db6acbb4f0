import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import type { Contest } from '#recommenders/contest';
import { parameterSets } from '#recommenders/parameter-sets';
import { standingIn } from './model-routes.js';
import type { Promotion, PromotionStore } from './promotion-store.js';

type Deps = {
  db: Database;
  promotions: PromotionStore;
  contest: Pick<Contest, 'days' | 'live'>;
};

const everyMs = 60_000;

/** Promotes the set that is furthest ahead of those that are better beyond doubt; resolves to null if there is none. */
export const promoteTheProven = async ({ db, promotions, contest }: Deps): Promise<Promotion | null> => {
  const [best] = parameterSets
    .filter(({ id }) => id !== contest.live)
    .map(({ id }) => ({ id, standing: standingIn(contest, id) }))
    .filter(({ standing }) => standing.isBetterBeyondDoubt)
    .sort((a, b) => (b.standing.ahead?.value ?? 0) - (a.standing.ahead?.value ?? 0));
  if (best === undefined) return null;
  return inTransaction(db, async (tx) => {
    const live = await promotions.lockLive(tx);
    // Another instance was first, or this one has not learned yet what is live.
    if (live.model !== contest.live) return null;
    const reason = 'It was better beyond doubt.';
    return promotions.promote(tx, live, {
      model: best.id,
      evidence: best.standing,
      reason,
      promotedBy: null,
    });
  });
};

/** Looks once a minute, while it is wanted. */
export const createPromotionWorker = (host: Host, deps: Deps, isWanted: () => boolean): Component => {
  const look = async (): Promise<void> => {
    if (!isWanted()) return;
    const promotion = await promoteTheProven(deps);
    if (promotion !== null) host.logger.info({ promotion }, 'a model was promoted');
  };
  return createPeriodicWork({
    name: 'promotions',
    everyMs,
    work: look,
    onFailure: (error) => host.logger.warn({ err: error }, 'no model could be promoted'),
  });
};
