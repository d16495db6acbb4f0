import type { StreamFold } from '#platform/streams/fold-handler';
import type { Sale, ShopperActivity } from '#schemas/events';
import type { Step } from '#schemas/similarity-state';
import {
  type Changes,
  learn,
  noChanges,
  type Signal,
  type SimilaritySettings,
  signalOfActivity,
  signalOfSale,
} from './similarity.js';
import type { SimilarityStore } from './similarity-store.js';

/** What the job learns from each event, and how a run of them changes what is known. */
export const similarityFold = (
  settings: SimilaritySettings,
): StreamFold<Signal, Changes, SimilarityStore> => ({
  inputOf: ({ type, value }, appendedAtMs) => {
    const signal = signalOf(type, value);
    // A client's clock that runs ahead must not lend its events more weight than those of now.
    return signal && { ...signal, atMs: Math.min(signal.atMs, appendedAtMs) };
  },
  changesOf: async (store, signals) => {
    const ids = (kind: 'visit' | 'basket') => [
      ...new Set(signals.filter(({ within }) => within.kind === kind).map(({ within }) => within.id)),
    ];
    const known = await store.load({ visits: ids('visit'), baskets: ids('basket') });
    const changes = noChanges();
    for (const signal of signals) {
      const { kind, id } = signal.within;
      const [fresh, stored] =
        kind === 'visit' ? [changes.visits, known.visits] : [changes.baskets, known.baskets];
      const steps: readonly Step[] = fresh.get(id) ?? stored.get(id) ?? [];
      learn(changes, signal, steps, settings);
    }
    return changes;
  },
});

const signalOf = (type: string, value: unknown): Signal | null => {
  if (type === 'ShopperActivity') return signalOfActivity(value as ShopperActivity);
  if (type === 'Sale') return signalOfSale(value as Sale);
  return null;
};
