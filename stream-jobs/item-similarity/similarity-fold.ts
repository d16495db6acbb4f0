import type { IncomingRecord } from '#platform/messaging/broker';
import type { StreamFold } from '#platform/streams/fold-handler';
import type { ProductCreated, Sale, ShopperActivity, UserErased } from '#schemas/events';
import { visitsTogetherHeader } from '#schemas/topics';
import {
  type Changes,
  learn,
  noChanges,
  type Signal,
  type SimilaritySettings,
  signalOfActivity,
  signalOfSale,
  sliceOf,
} from './similarity.js';
import type { SimilarityStore } from './similarity-store.js';

export type SimilarityInput = Signal | { created: string } | { erased: string };

/**
 * The job's fold: the signal of each event, and the changes of a run of signals. Activity on a product that is not in
 * the catalogue is ignored. `knownAmong` returns which products are in it; it may wait a moment for products that were
 * created just before.
 */
export const similarityFold = (
  settings: SimilaritySettings,
  knownAmong: (store: SimilarityStore, signals: readonly Signal[]) => Promise<ReadonlySet<string>>,
): StreamFold<SimilarityInput, Changes, SimilarityStore> => ({
  inputOf: ({ type, value }, record) => {
    if (type === 'ProductCreated') return { created: (value as ProductCreated).productId };
    if (type === 'UserErased') return { erased: (value as UserErased).userId };
    const signal = signalOf(type, value);
    return signal && withRecord(signal, record);
  },
  changesOf: async (store, inputs) => {
    const changes = noChanges();
    for (const input of inputs) {
      if ('created' in input) changes.products.add(input.created);
      if ('erased' in input) changes.erased.add(input.erased);
    }
    const signals = await worthLearning(inputs, changes, (some) => knownAmong(store, some));
    const ids = (kind: 'visit' | 'basket') => distinct(signals.filter(isWithin(kind)).map(idOf));
    const [{ visits, baskets }, weightInSlice] = await Promise.all([
      store.load({ visits: ids('visit'), baskets: ids('basket') }),
      weightInSliceOf(store, signals.filter(isWithin('visit')), settings),
    ]);
    for (const signal of signals) {
      const { kind, id } = signal.within;
      const [fresh, stored] = kind === 'visit' ? [changes.visits, visits] : [changes.baskets, baskets];
      const soFar = weightInSlice.get(sliceOf(signal, settings))?.get(signal.productId);
      learn(changes, signal, fresh.get(id) ?? stored.get(id) ?? [], settings, soFar);
    }
    return changes;
  },
});

const signalOf = (type: string, value: unknown): Signal | null => {
  if (type === 'ShopperActivity') return signalOfActivity(value as ShopperActivity);
  if (type === 'Sale') return signalOfSale(value as Sale);
  return null;
};

const withRecord = (
  signal: Signal,
  { timestampMs, headers }: Pick<IncomingRecord, 'timestampMs' | 'headers'>,
): Signal => ({
  ...signal,
  // If a client's clock runs ahead, its events must not weigh more than current ones.
  atMs: Math.min(signal.atMs, timestampMs),
  appendedAtMs: timestampMs,
  visitsTogether: Math.max(1, Number(headers[visitsTogetherHeader]) || 1),
});

/**
 * Keeps sales, and activity on products of the catalogue. A sold product is in the catalogue, whichever event arrives
 * first.
 */
const worthLearning = async (
  inputs: readonly SimilarityInput[],
  { products }: Changes,
  knownAmong: (signals: readonly Signal[]) => Promise<ReadonlySet<string>>,
): Promise<Signal[]> => {
  const signals = inputs.filter((input): input is Signal => 'within' in input);
  const known = await knownAmong(
    signals.filter((signal) => isWithin('visit')(signal) && !products.has(signal.productId)),
  );
  return signals.filter(
    (signal) =>
      signal.within.kind === 'basket' || products.has(signal.productId) || known.has(signal.productId),
  );
};

const weightInSliceOf = async (
  store: SimilarityStore,
  signals: readonly Signal[],
  settings: SimilaritySettings,
): Promise<Map<number, Map<string, number>>> => {
  const slices = distinct(signals.map((signal) => sliceOf(signal, settings)));
  return new Map(
    await Promise.all(
      slices.map(async (slice) => {
        const inSlice = signals.filter((signal) => sliceOf(signal, settings) === slice);
        const products = distinct(inSlice.map(({ productId }) => productId));
        return [slice, await store.weightInSlice(slice, products)] as const;
      }),
    ),
  );
};

const isWithin =
  (kind: 'visit' | 'basket') =>
  ({ within }: Signal): boolean =>
    within.kind === kind;

const idOf = ({ within }: Signal): string => within.id;

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
