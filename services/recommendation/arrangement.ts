import type { Scenario } from '#recommenders/activity';
import type { Candidate } from './candidates.js';
import type { Shelf } from './catalogue-store.js';
import type { Rules, Target } from './rules.js';

/** A candidate that may be shown, with what the rules ask of its product. */
export type ShelvedCandidate = Candidate & { shelf: Shelf };

/** Where the list stands: rules of other scenarios do not hold, and some rules compare with what is beside the list. */
export type Place = {
  scenario: Scenario;
  /** Null where no product is in view, or an unknown one. */
  inView: Shelf | null;
  /** The product in view and those in the cart, as far as they are known. */
  beside: readonly Shelf[];
  limit: number;
};

/** What the rules did to one candidate. Rules are named by their place: `boost[0]`. */
export type Judgement = {
  /** With the factors of boosts. */
  score: number;
  movedBy: string[];
  /** Null for a candidate that no rule has removed. */
  removedBy: string | null;
};

export type Arrangement = {
  items: Candidate[];
  judgements: ReadonlyMap<string, Judgement>;
  /** Those of the others, the best first, of which the rules would allow one more on this list. */
  spares(): ShelvedCandidate[];
};

type Judged = ShelvedCandidate & { judgement: Judgement; isBuried: boolean };

/**
 * Orders candidates by the rules: `exclude`, bands and `neverWith` remove; `boost` multiplies scores; `bury` puts behind all
 * others; of the rest, the best that caps and groups allow are taken, and pins take their places among them. Of equal
 * scores the earlier candidate stays first. Pinned products count in the caps and are not held by them;
 * a pin behind the end of the list does nothing. The scores of the answer fall.
 */
export const arrange = (candidates: readonly ShelvedCandidate[], rules: Rules, place: Place): Arrangement => {
  const removerOf = removing(rules, place);
  const boostsOf = matching(rules.boost, place.scenario);
  const buriesOf = matching(rules.bury, place.scenario);
  const judged = candidates.map((candidate): Judged => {
    const boosts = boostsOf(candidate.shelf);
    const buries = buriesOf(candidate.shelf);
    const judgement = {
      score: boosts.reduce((product, nth) => boosted(product, rules.boost[nth]!.factor), candidate.score),
      movedBy: [...boosts.map((nth) => `boost[${nth}]`), ...buries.map((nth) => `bury[${nth}]`)],
      removedBy: removerOf(candidate.shelf),
    };
    return { ...candidate, judgement, isBuried: buries.length > 0 };
  });
  const ranked = judged
    .filter(({ judgement }) => judgement.removedBy === null)
    .sort((a, b) => Number(a.isBuried) - Number(b.isBuried) || b.judgement.score - a.judgement.score);
  const room = createRoom(rules, place);
  const items = laid(ranked, rules, place, room);
  return {
    items: withFallingScores(items),
    judgements: new Map(judged.map(({ productId, judgement }) => [productId, judgement])),
    spares: () => {
      const shown = new Set(items);
      return ranked.filter(
        (one) =>
          !shown.has(one) &&
          !one.isBuried &&
          one.judgement.removedBy === null &&
          room.refusalOf(one.shelf) === null,
      );
    },
  };
};

/** A hundred boosts of one product reach beyond what a number can be, and an answer cannot hold infinity. */
const boosted = (score: number, factor: number): number => Math.min(Number.MAX_VALUE, score * factor);

/** The list where rules keep the order: the first that they allow. `shelfOf` knows those that may be shown. */
export const firstAllowed = (
  candidates: readonly Candidate[],
  shelfOf: (productId: string) => Shelf | undefined,
  rules: Rules,
  place: Place,
): Candidate[] => {
  const removerOf = removing(rules, place);
  const room = createRoom(rules, place);
  const items: Candidate[] = [];
  for (const candidate of candidates) {
    if (items.length === place.limit) break;
    const shelf = shelfOf(candidate.productId);
    if (shelf === undefined || removerOf(shelf) !== null || room.refusalOf(shelf) !== null) continue;
    room.take(shelf);
    items.push(candidate);
  }
  return items;
};

/** True where rules only remove candidates of this list: then the first that may be shown are the list. */
export const keepsOrder = (rules: Rules, place: Place): boolean =>
  ![...rules.boost, ...rules.bury].some((rule) => holdsFor(rule, place.scenario)) &&
  pinsAt(rules, place).size === 0;

/** The products that pins name for this list. They are candidates wherever they may be shown. */
export const pinnedAt = (rules: Rules, place: Place): string[] => [...pinsAt(rules, place).keys()];

const pinsAt = (rules: Rules, place: Place): Map<string, { position: number; nth: number }> => {
  const pins = new Map<string, { position: number; nth: number }>();
  for (const [nth, { productId, position, scenarios, beside }] of rules.pin.entries()) {
    if (!holdsFor({ scenarios }, place.scenario) || pins.has(productId) || position > place.limit) continue;
    if (beside !== undefined && !place.beside.some((shelf) => isMatch(beside, shelf))) continue;
    pins.set(productId, { position, nth });
  }
  return pins;
};

/** What removes a product from every place of the list; null if nothing does. */
const removing = (rules: Rules, place: Place): ((shelf: Shelf) => string | null) => {
  const { scenario, beside, inView } = place;
  const exclusionsOf = matching(rules.exclude, scenario);
  const bands = [...rules.priceBand.entries()].filter(([, band]) => holdsFor(band, scenario));
  const { pairs, ageRestricted, sameGroup } = rules.neverWith;
  const against = [...pairs.entries()].filter(([, pair]) =>
    beside.some((shelf) => isMatch(pair.beside, shelf)),
  );
  const hidesAgeRestricted = ageRestricted && !beside.some((shelf) => shelf.ageRestricted);
  const groups = new Set(
    sameGroup && scenario !== 'reorder' ? beside.flatMap(({ groupId }) => groupId ?? []) : [],
  );
  return (shelf) => {
    const [exclusion] = exclusionsOf(shelf);
    if (exclusion !== undefined) return `exclude[${exclusion}]`;
    if (hidesAgeRestricted && shelf.ageRestricted) return 'neverWith.ageRestricted';
    if (shelf.groupId !== null && groups.has(shelf.groupId)) return 'neverWith.sameGroup';
    const pair = against.find(([, { products }]) => isMatch(products, shelf));
    if (pair !== undefined) return `neverWith.pairs[${pair[0]}]`;
    const band = bands.find(([, one]) => isOutside(one, shelf, inView));
    return band === undefined ? null : `priceBand[${band[0]}]`;
  };
};

/** The best that caps and groups allow, with the pinned ones in their places. */
const laid = (ranked: readonly Judged[], rules: Rules, place: Place, room: Room): Judged[] => {
  const pins = pinsAt(rules, place);
  const wanted = ranked
    .flatMap((item) => {
      const pin = pins.get(item.productId);
      return pin === undefined ? [] : [{ item, ...pin }];
    })
    .sort((a, b) => a.position - b.position || a.nth - b.nth);
  const pinned = new Map<Judged, number>();
  let next = 1;
  for (const { item, position, nth } of wanted) {
    const at = Math.max(next, position);
    // Those that others push behind the end are left to their rank.
    if (at > place.limit) break;
    item.judgement.removedBy = room.refusalOfGroup(item.shelf);
    if (item.judgement.removedBy !== null) continue;
    item.judgement.movedBy.push(`pin[${nth}]`);
    room.take(item.shelf);
    pinned.set(item, at);
    next = at + 1;
  }
  const items: Judged[] = [];
  for (const item of ranked) {
    if (items.length >= place.limit) break;
    if (pinned.has(item) || item.judgement.removedBy !== null) continue;
    item.judgement.removedBy = room.refusalOf(item.shelf);
    if (item.judgement.removedBy !== null) continue;
    room.take(item.shelf);
    items.push(item);
  }
  for (const [item, at] of pinned) items.splice(at - 1, 0, item);
  return items.slice(0, place.limit);
};

export type Room = ReturnType<typeof createRoom>;

/** What a list still has room for, while it is filled. */
export const createRoom = (rules: Rules, { scenario }: Pick<Place, 'scenario'>) => {
  const categories = new Map<string, number>();
  const brands = new Map<string, number>();
  const groups = new Set<string>();
  const isOneOfGroup = rules.neverWith.sameGroup && scenario !== 'reorder';
  const brandOf = ({ brand }: Shelf): string | null => brand?.toLowerCase() ?? null;
  const isFull = (counts: Map<string, number>, key: string, max: number | null): boolean =>
    max !== null && (counts.get(key) ?? 0) >= max;

  const count = (counts: Map<string, number>, key: string, max: number | null): void => {
    if (max !== null) counts.set(key, 1 + (counts.get(key) ?? 0));
  };

  const refusalOfGroup = ({ groupId }: Shelf): string | null =>
    isOneOfGroup && groupId !== null && groups.has(groupId) ? 'neverWith.sameGroup' : null;
  return {
    refusalOfGroup,
    refusalOf: (shelf: Shelf): string | null => {
      const brand = brandOf(shelf);
      if (isFull(categories, shelf.category, rules.maxPerCategory)) return 'maxPerCategory';
      if (brand !== null && isFull(brands, brand, rules.maxPerBrand)) return 'maxPerBrand';
      return refusalOfGroup(shelf);
    },
    take: (shelf: Shelf): void => {
      const brand = brandOf(shelf);
      count(categories, shelf.category, rules.maxPerCategory);
      if (brand !== null) count(brands, brand, rules.maxPerBrand);
      if (shelf.groupId !== null) groups.add(shelf.groupId);
    },
  };
};

const withFallingScores = (items: readonly Judged[]): Candidate[] => {
  const scores = items.map(({ judgement }) => judgement.score);
  // A place that was moved up by a rule takes over at least the score of the place below.
  for (let nth = scores.length - 2; nth >= 0; nth -= 1)
    if (!items[nth + 1]!.isBuried) scores[nth] = Math.max(scores[nth]!, scores[nth + 1]!);
  for (let nth = 1; nth < scores.length; nth += 1) scores[nth] = Math.min(scores[nth]!, scores[nth - 1]!);
  return items.map(({ productId, reason }, nth) => ({ productId, reason, score: scores[nth]! }));
};

type Scoped = { scenarios?: readonly Scenario[] | undefined };

const holdsFor = ({ scenarios }: Scoped, scenario: Scenario): boolean =>
  scenarios === undefined || scenarios.includes(scenario);

/** The places of the rules that hold for a product, lowest first. Rules about one product are found by its id. */
const matching = (rules: readonly (Target & Scoped)[], scenario: Scenario): ((shelf: Shelf) => number[]) => {
  const byProduct = new Map<string, number[]>();
  const others: number[] = [];
  for (const [nth, rule] of rules.entries()) {
    if (!holdsFor(rule, scenario)) continue;
    if (rule.productId === undefined) others.push(nth);
    else byProduct.set(rule.productId, [...(byProduct.get(rule.productId) ?? []), nth]);
  }
  if (byProduct.size === 0 && others.length === 0) return () => [];
  return (shelf) =>
    [...(byProduct.get(shelf.productId) ?? []), ...others]
      .filter((nth) => isMatch(rules[nth]!, shelf))
      .sort((a, b) => a - b);
};

const isMatch = ({ productId, category, brand }: Target, shelf: Shelf): boolean =>
  (productId === undefined || shelf.productId === productId) &&
  (category === undefined || isWithin(shelf.category, category)) &&
  (brand === undefined || shelf.brand?.toLowerCase() === brand.toLowerCase());

/** True for a category and those below it; for every category where none is wanted. */
export const isWithin = (category: string, wanted: string | undefined): boolean =>
  wanted === undefined || category === wanted || category.startsWith(`${wanted}/`);

type Band = Rules['priceBand'][number];

const isOutside = (band: Band, shelf: Shelf, inView: Shelf | null): boolean => {
  const { priceMinor, currency } = shelf;
  if (priceMinor === null || (band.currency !== undefined && band.currency !== currency)) return false;
  if (priceMinor < (band.minMinor ?? 0) || priceMinor > (band.maxMinor ?? Number.POSITIVE_INFINITY))
    return true;
  const other = inView?.currency === currency ? inView.priceMinor : null;
  if (other === null) return false;
  return (
    priceMinor < (band.minRatio ?? 0) * other ||
    (band.maxRatio !== undefined && priceMinor > band.maxRatio * other)
  );
};
