import { sleep } from '#platform/waiting/sleep';
import type { Signal } from './similarity.js';
import type { SimilarityStore } from './similarity-store.js';

/**
 * A product's creation and its first view are on two topics, so the view may be read first. An unknown product is
 * looked up again while its signal is younger than this.
 */
const youngMs = 2_000;
const lookAgainMs = 100;

/**
 * Returns which products of these signals are in the catalogue. If some are missing, it waits while their signals are
 * younger than two seconds by Kafka's clock, two seconds in all. So unknown ids delay the job a little and never block
 * it.
 */
export const knownAmong =
  (nowMs: () => number) =>
  async (store: SimilarityStore, signals: readonly Signal[]): Promise<ReadonlySet<string>> => {
    const products = [...new Set(signals.map(({ productId }) => productId))];
    const giveUpAtMs = performance.now() + youngMs;
    for (;;) {
      const known = await store.known(products);
      const isYoung = ({ productId, appendedAtMs = 0 }: Signal) =>
        !known.has(productId) && nowMs() - appendedAtMs < youngMs;
      if (!signals.some(isYoung) || performance.now() >= giveUpAtMs) return known;
      await sleep(lookAgainMs);
    }
  };
