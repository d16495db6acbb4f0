/** Windows of so many events or more are not let go for having few. */
const enoughEvents = 6;

/**
 * The open windows in the order in which they are let go where there are too many: those of the fewest events first, of
 * equal ones that which began first. So who invents keys ends the windows of others only by as many events for each.
 */
export type FewestFirst<W> = {
  add(window: W): void;
  /** Takes out the next one; undefined where all have enough events. */
  next(): W | undefined;
};

/** `eventsOf` of a window only grows. What `isGone` is passed over. */
export const createFewestFirst = <W extends { isGone: boolean }>(
  eventsOf: (window: W) => number,
): FewestFirst<W> => {
  /** By the number of events as of when it was put there; each is looked at again when its turn comes. */
  let queues = Array.from({ length: enoughEvents }, () => createQueue<W>());
  let length = 0;
  let lengthMax = 1_000;

  const put = (window: W): void => {
    const events = eventsOf(window);
    if (events >= enoughEvents) return;
    (queues[events] as Queue<W>).push(window);
    length += 1;
  };
  /** Without those that are gone, so that they are forgotten where there are never too many. */
  const clean = (): void => {
    const all = queues.flatMap((queue) => queue.rest());
    queues = queues.map(() => createQueue<W>());
    length = 0;
    for (const window of all) if (!window.isGone) put(window);
    lengthMax = 2 * length + 1_000;
  };
  return {
    add: (window) => {
      put(window);
      if (length > lengthMax) clean();
    },
    next: () => {
      for (const [events, queue] of queues.entries())
        for (let window = queue.shift(); window !== undefined; window = queue.shift()) {
          length -= 1;
          if (window.isGone) continue;
          if (eventsOf(window) === events) return window;
          put(window);
        }
      return undefined;
    },
  };
};

type Queue<T> = ReturnType<typeof createQueue<T>>;

/** `shift` of a long array moves all of it. */
const createQueue = <T>() => {
  const items: T[] = [];
  let first = 0;
  return {
    push: (item: T): void => void items.push(item),
    shift: (): T | undefined => {
      const item = items[first];
      if (item === undefined) return undefined;
      first += 1;
      if (2 * first > items.length) {
        items.splice(0, first);
        first = 0;
      }
      return item;
    },
    rest: (): T[] => items.slice(first),
  };
};
