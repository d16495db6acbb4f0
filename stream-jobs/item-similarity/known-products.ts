import { sleep } from '#platform/waiting/sleep';
import type { Signal } from './similarity.js';
import type { SimilarityStore } from './similarity-store.js';

/**
 * A product's creation and the first look at it are on two topics, so that the look may be read first. What is younger
 * than this and not known is looked up again.
 */
const youngMs = 2_000;
const lookAgainMs = 100;

/**
 * Which products of these signals are in the catalogue. Waits for those it does not find while they are younger than
 * two seconds, by Kafka's clock and two seconds in all: unknown ids delay what is learned and hold nothing up.
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
