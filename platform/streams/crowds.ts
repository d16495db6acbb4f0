/** Windows of so many events or more are no crowd. */
const enoughEvents = 6;

/**
 * The open windows by their number of events, as far as these are few. Who invents very many keys makes windows of one
 * event each, or of a few: they are a crowd, and are let go before those of others.
 */
export type Crowds<W> = {
  add(window: W): void;
  /** Its `events` become so many more. */
  grow(window: W, by: number): void;
  /** It is gone. */
  leave(window: W): void;
  /**
   * Takes out one of the largest crowd: that which has waited for longest. Where no crowd has more than `sizeMax` windows,
   * but all together have more than `fewMax`, it takes out the one that ends first of those that have waited for longest in
   * their crowds. Undefined where neither is so.
   */
  next(sizeMax: number, fewMax: number): W | undefined;
};

/** Only `grow` changes the `events` of a window, which count no further than they matter. */
export const createCrowds = <W extends { events: number; toMs: number; isGone: boolean }>(): Crowds<W> => {
  const sizes = Array.from({ length: enoughEvents }, () => 0);
  /** Each window is in the queue of every number of events that it has had; the last one counts. */
  const queues = Array.from({ length: enoughEvents }, () => createQueue<W>());
  let length = 0;
  let lengthMax = 1_000;

  const isIn = (events: number, window: W): boolean => !window.isGone && window.events === events;
  const count = ({ events }: W, by: 1 | -1): void => {
    if (events < enoughEvents) sizes[events] = (sizes[events] as number) + by;
  };
  /** Without those that have left a queue, so that they are forgotten where there are never too many. */
  const clean = (): void => {
    for (const [events, queue] of queues.entries()) queue.keep((window) => isIn(events, window));
    length = sizes.reduce((sum, size) => sum + size, 0);
    lengthMax = 2 * length + 1_000;
  };
  const add = (window: W): void => {
    if (window.events >= enoughEvents) return;
    count(window, 1);
    queues[window.events]?.push(window);
    length += 1;
    if (length > lengthMax) clean();
  };
  /** The window of so many events that has waited for longest. */
  const firstOf = (events: number): W | undefined => {
    const queue = queues[events] as Queue<W>;
    for (let window = queue.first(); window !== undefined; window = queue.first()) {
      if (isIn(events, window)) return window;
      queue.shift();
      length -= 1;
    }
    return undefined;
  };
  const takeOut = (window: W | undefined): W | undefined => {
    if (window === undefined) return undefined;
    queues[window.events]?.shift();
    length -= 1;
    return window;
  };
  /** Not from the largest crowd: where all are small, that would remove who has just come before who has left. */
  const endsFirst = (): W | undefined => {
    let found: W | undefined;
    for (const events of sizes.keys()) {
      const first = firstOf(events);
      if (first !== undefined && (found === undefined || first.toMs < found.toMs)) found = first;
    }
    return found;
  };
  return {
    add,
    grow: (window, by) => {
      if (window.events >= enoughEvents) return;
      count(window, -1);
      window.events = Math.min(window.events + by, enoughEvents);
      add(window);
    },
    leave: (window) => count(window, -1),
    next: (sizeMax, fewMax) => {
      const size = Math.max(...sizes);
      if (size > sizeMax) return takeOut(firstOf(sizes.indexOf(size)));
      const few = sizes.reduce((sum, each) => sum + each, 0);
      return few > fewMax ? takeOut(endsFirst()) : undefined;
    },
  };
};

type Queue<T> = ReturnType<typeof createQueue<T>>;

/** `shift` of a long array moves all of it. */
const createQueue = <T>() => {
  let items: T[] = [];
  let first = 0;
  return {
    push: (item: T): void => void items.push(item),
    first: (): T | undefined => items[first],
    shift: (): void => {
      first += 1;
      if (2 * first > items.length) {
        items.splice(0, first);
        first = 0;
      }
    },
    keep: (isWanted: (item: T) => boolean): void => {
      items = items.filter((item, nth) => nth >= first && isWanted(item));
      first = 0;
    },
  };
};
