import { exploredPlaceMax } from '#schemas/recommendation-label';
import type { ShelvedCandidate } from './arrangement.js';
import type { Candidate } from './candidates.js';
import type { Exposure } from './exposure.js';

/** A product shown so often is known well enough: the models rank it by what shoppers did. */
const littleShownMax = 100;
/** No product comes by chance to a place before this one, counted from 0: the best places belong to the models. */
const firstPlace = 4;
/** So many of the little-shown products, the best ranked, may be chosen. */
const chosenAmongMax = 50;

export type Chance = {
  exposureOf(productId: string): Exposure;
  /** From 0 to 1, without 1. */
  random(): number;
};

/** A list with one product that was put there by chance; its place is counted from 0, null where none was. */
export type Explored = { items: Candidate[]; exploredPlace: number | null };

/**
 * Puts one little-shown product on a list, at any of its places from the fifth to the fifteenth. It is chosen by Thompson
 * sampling: each draws its click rate from what its showings and clicks leave open, and the highest draw wins. So a
 * product that nobody has seen gets its turn, and one that is shown in vain gets fewer and fewer.
 */
export const explored = (
  items: Candidate[],
  spares: readonly ShelvedCandidate[],
  { exposureOf, random }: Chance,
): Explored => {
  const places = Math.min(items.length, exploredPlaceMax + 1) - firstPlace;
  const listed = new Set(items.map(({ productId }) => productId));
  const littleShown = spares.filter(
    ({ productId }) => !listed.has(productId) && exposureOf(productId).shown < littleShownMax,
  );
  const chosen = drawn(littleShown.slice(0, chosenAmongMax), { exposureOf, random });
  if (chosen === undefined || places <= 0) return { items, exploredPlace: null };
  const exploredPlace = firstPlace + Math.floor(random() * places);
  const score = (items[exploredPlace - 1]!.score + items[exploredPlace]!.score) / 2;
  const product: Candidate = {
    productId: chosen.productId,
    score,
    reason: { kind: 'explored', because: [] },
  };
  return { items: items.toSpliced(exploredPlace, 0, product).slice(0, items.length), exploredPlace };
};

const drawn = (
  candidates: readonly ShelvedCandidate[],
  { exposureOf, random }: Chance,
): ShelvedCandidate | undefined => {
  let best: ShelvedCandidate | undefined;
  let bestRate = -1;
  for (const candidate of candidates) {
    const { shown, clicked } = exposureOf(candidate.productId);
    const showings = Math.round(shown);
    const clicks = Math.min(Math.round(clicked), showings);
    const rate = betaSample(1 + clicks, 1 + showings - clicks, random);
    if (rate <= bestRate) continue;
    best = candidate;
    bestRate = rate;
  }
  return best;
};

/** From the beta distribution with whole parameters, as a share of sums of exponential waits. */
const betaSample = (a: number, b: number, random: () => number): number => {
  const gamma = (count: number): number => {
    let sum = 0;
    for (let n = 0; n < count; n += 1) sum -= Math.log(1 - random());
    return sum;
  };
  const [first, second] = [gamma(a), gamma(b)];
  return first + second === 0 ? 0.5 : first / (first + second);
};
