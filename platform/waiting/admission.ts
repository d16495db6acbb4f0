export type Admission = {
  /** Runs `work` once a place is free, in the order of the calls; its outcome is the work's. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** How many run now. */
  readonly running: number;
  /** How many wait for a place. */
  readonly waiting: number;
};

/** At most `runningMax` at once. The queue has no bound of its own: bound the callers. */
export const createAdmission = (runningMax: number): Admission => {
  const queue: Array<() => void> = [];
  let running = 0;
  const leave = (): void => {
    const next = queue.shift();
    // The place passes on directly, so that a newcomer cannot take it first.
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
