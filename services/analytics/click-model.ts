/** How often a product was shown at a place (from 0) of a list, and clicked there. */
export type PlaceCount = { item: string; place: number; shown: number; clicked: number };

const roundsMax = 200;
const settledAt = 1e-5;
const startsAt = 0.5;
/** One showing of a typical product is added to each, so that a product shown once is not certain to please. */
const priorShowings = 1;

/**
 * How much more often a shopper looks at each place than at the place that is seen most, in (0, 1]: the position-based click
 * model, P(click on i at place k) = examined(k) * pleases(i), fitted by expectation and maximisation (Richardson et al.
 * 2007; Chuklin, Markov and de Rijke, "Click Models for Web Search", 2015). It can divide the two only because products are
 * shown at different places. What a model puts first for one visitor because it fits him counts as bias of the place,
 * so the correction is a bound: the true rates lie between it and the plain ones.
 */
export const examinationOf = (counts: readonly PlaceCount[]): Map<number, number> => {
  const seen = counts.filter(({ shown }) => shown > 0);
  const shownAll = seen.reduce((sum, { shown }) => sum + shown, 0);
  const typical = seen.reduce((sum, { clicked }) => sum + clicked, 0) / Math.max(1, shownAll);
  const [places, placeOf] = numbered(seen.map(({ place }) => place));
  const [items, itemOf] = numbered(seen.map(({ item }) => item));
  // A place that is certain to be looked at would stay so, so all begin below 1; only their ratios are determined.
  const examined = new Float64Array(places.length).fill(startsAt);
  if (typical === 0) return atMostOne(places, examined);
  const pleases = new Float64Array(items.length).fill(Math.min(startsAt, typical / startsAt));
  const looked = new Float64Array(places.length);
  const pleased = new Float64Array(items.length);
  const shownAt = new Float64Array(places.length);
  const shownOf = new Float64Array(items.length);
  const clickedTimes = Float64Array.from(seen, ({ clicked }) => clicked);
  const missedTimes = Float64Array.from(seen, ({ shown, clicked }) => Math.max(0, shown - clicked));
  for (let nth = 0; nth < seen.length; nth += 1) {
    const times = at(clickedTimes, nth) + at(missedTimes, nth);
    add(shownAt, at(placeOf, nth), times);
    add(shownOf, at(itemOf, nth), times);
  }
  for (let round = 0; round < roundsMax; round += 1) {
    looked.fill(0);
    pleased.fill(0);
    for (let nth = 0; nth < seen.length; nth += 1) {
      const place = at(placeOf, nth);
      const item = at(itemOf, nth);
      const clicked = at(clickedTimes, nth);
      const missed = at(missedTimes, nth);
      const e = at(examined, place);
      const p = at(pleases, item);
      const none = Math.max(1e-12, 1 - e * p);
      add(looked, place, clicked + (missed * e * (1 - p)) / none);
      add(pleased, item, clicked + (missed * p * (1 - e)) / none);
    }
    let moved = 0;
    for (let place = 0; place < places.length; place += 1) {
      const share = at(looked, place) / at(shownAt, place);
      moved = Math.max(moved, Math.abs(share - at(examined, place)));
      examined[place] = share;
    }
    for (let item = 0; item < items.length; item += 1)
      pleases[item] = (at(pleased, item) + typical * priorShowings) / (at(shownOf, item) + priorShowings);
    if (moved < settledAt) break;
  }
  return atMostOne(places, examined);
};

/** The different values, and which of them each is. */
const numbered = <T>(values: readonly T[]): [T[], Uint32Array] => {
  const numbers = new Map<T, number>();
  for (const value of values) if (!numbers.has(value)) numbers.set(value, numbers.size);
  return [[...numbers.keys()], Uint32Array.from(values, (value) => numbers.get(value) ?? 0)];
};

const at = (of: Float64Array | Uint32Array, place: number): number => of[place] as number;

const add = (to: Float64Array, place: number, some: number): void => {
  to[place] = at(to, place) + some;
};

const atMostOne = (places: readonly number[], examined: Float64Array): Map<number, number> => {
  const most = examined.reduce((max, share) => Math.max(max, share), 0);
  return new Map(places.map((place, nth) => [place, most === 0 ? 1 : at(examined, nth) / most]));
};
