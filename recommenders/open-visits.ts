/** The visits that go on: at most `visitsMax`, the ones with the latest events. */
export type OpenVisit = {
  /** The visit's number in the visit index. */
  number: number;
  /** The items in the order of the visit, a repeat without another item in between once; the latest `stepsMax`. */
  items: number[];
  /** What lies in the cart, oldest first. */
  cart: number[];
};

export type OpenVisits = {
  get(visitId: string): OpenVisit | undefined;
  set(visitId: string, visit: OpenVisit): void;
  /** Ends the visits with these numbers. */
  close(numbers: ReadonlySet<number>): void;
  entries(): Iterable<[string, OpenVisit]>;
  restore(entry: [string, OpenVisit]): void;
};

const stepsMax = 50;
const cartMax = 50;

export const createOpenVisits = (visitsMax: number): OpenVisits => {
  const visits = new Map<string, OpenVisit>();
  const set = (visitId: string, visit: OpenVisit): void => {
    visits.delete(visitId);
    visits.set(visitId, visit);
    if (visits.size > visitsMax) visits.delete(visits.keys().next().value as string);
  };
  return {
    get: (visitId) => visits.get(visitId),
    set,
    close: (numbers) => {
      for (const [visitId, { number }] of visits) if (numbers.has(number)) visits.delete(visitId);
    },
    entries: () => visits.entries(),
    restore: ([visitId, visit]) => void visits.set(visitId, visit),
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
