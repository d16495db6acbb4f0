export type Admission = {
  /** Runs `work` once a place is free, in the order of the calls; settles as `work` does. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** How many run now. */
  readonly running: number;
  /** How many wait for a place. */
  readonly waiting: number;
};

/** Runs at most `runningMax` at once. Its queue is not bounded, so the number of callers has to be. */
export const createAdmission = (runningMax: number): Admission => {
  const queue: Array<() => void> = [];
  let running = 0;
  const leave = (): void => {
    const next = queue.shift();
    // The free place goes directly to the next in the queue, so that a new caller cannot take it first.
    if (next !== undefined) next();
    else running -= 1;
  };
  return {
    run: async (work) => {
      if (running < runningMax) running += 1;
      else await new Promise<void>((resolve) => queue.push(resolve));
      try {
        return await work();
      } finally {
        leave();
      }
    },
    get running() {
      return running;
    },
    get waiting() {
      return queue.length;
    },
  };
};
