/** The visits that go on: at most `visitsMax` of either kind, the ones with the latest events. */
export type OpenVisit = {
  /** The visit's number in the visit index; one of its own below 0 while nothing of the visit is there. */
  number: number;
  /** The items in the order of the visit, a repeat without another item in between once; the latest `stepsMax`. */
  items: number[];
  /** What lies in the cart, oldest first. */
  cart: number[];
};

export type OpenVisits = {
  get(visitId: string): OpenVisit | undefined;
  set(visitId: string, visit: OpenVisit): void;
  /** The number of a visit that is not in the index. */
  numberOutside(): number;
  /** Ends the visits with these numbers. */
  close(numbers: ReadonlySet<number>): void;
  entries(): Iterable<[string, OpenVisit]>;
  restore(entry: [string, OpenVisit]): void;
};

const stepsMax = 50;
const cartMax = 50;

export const createOpenVisits = (visitsMax: number): OpenVisits => {
  const indexed = new Map<string, OpenVisit>();
  // Apart from the others: one sender may report thousands at a time, and takes none of the places of those.
  const outside = new Map<string, OpenVisit>();
  const both = [indexed, outside];
  let lastOutside = 0;
  const set = (visitId: string, visit: OpenVisit): void => {
    for (const visits of both) visits.delete(visitId);
    const visits = visit.number < 0 ? outside : indexed;
    visits.set(visitId, visit);
    if (visits.size > visitsMax) visits.delete(visits.keys().next().value as string);
  };
  return {
    get: (visitId) => indexed.get(visitId) ?? outside.get(visitId),
    set,
    numberOutside: () => {
      lastOutside -= 1;
      return lastOutside;
    },
    close: (numbers) => {
      for (const visits of both)
        for (const [visitId, { number }] of visits) if (numbers.has(number)) visits.delete(visitId);
    },
    *entries() {
      for (const visits of both) yield* visits;
    },
    restore: ([visitId, visit]) => {
      lastOutside = Math.min(lastOutside, visit.number);
      set(visitId, visit);
    },
  };
};

export const addStep = (visit: OpenVisit, item: number): void => {
  visit.items.push(item);
  if (visit.items.length > stepsMax) visit.items.shift();
};

export const addToCart = (visit: OpenVisit, item: number): void => {
  if (visit.cart.includes(item)) return;
  visit.cart.push(item);
  if (visit.cart.length > cartMax) visit.cart.shift();
};

export const removeFromCart = (visit: OpenVisit, item: number): void => {
  visit.cart = visit.cart.filter((other) => other !== item);
};
