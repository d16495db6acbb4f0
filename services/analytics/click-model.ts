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
  // A place that is certain to be looked at would stay so, so all begin below 1; only their ratios are determined.
  let examined = new Map(seen.map(({ place }) => [place, startsAt]));
  if (typical === 0) return atMostOne(examined);
  let pleases = new Map(seen.map(({ item }) => [item, Math.min(startsAt, typical / startsAt)]));
  for (let round = 0; round < roundsMax; round += 1) {
    const places = new Map<number, [number, number]>();
    const items = new Map<string, [number, number]>();
    for (const { item, place, shown, clicked } of seen) {
      const e = examined.get(place) as number;
      const p = pleases.get(item) as number;
      const missed = Math.max(0, shown - clicked);
      const none = Math.max(1e-12, 1 - e * p);
      addTo(places, place, clicked + (missed * e * (1 - p)) / none, clicked + missed);
      addTo(items, item, clicked + (missed * p * (1 - e)) / none, clicked + missed);
    }
    const next = new Map([...places].map(([place, [looked, shown]]) => [place, looked / shown]));
    const moved = Math.max(
      ...[...next].map(([place, share]) => Math.abs(share - (examined.get(place) ?? 0))),
    );
    examined = next;
    pleases = new Map(
      [...items].map(([item, [pleased, shown]]) => [
        item,
        (pleased + typical * priorShowings) / (shown + priorShowings),
      ]),
    );
    if (moved < settledAt) break;
  }
  return atMostOne(examined);
};

const atMostOne = (examined: ReadonlyMap<number, number>): Map<number, number> => {
  const most = Math.max(0, ...examined.values());
  return new Map([...examined].map(([place, share]) => [place, most === 0 ? 1 : share / most]));
};

const addTo = <K>(sums: Map<K, [number, number]>, key: K, some: number, all: number): void => {
  const sum = sums.get(key) ?? [0, 0];
  sum[0] += some;
  sum[1] += all;
  sums.set(key, sum);
};
