/** Bounds how many requests wait for Kafka, so that what needs no Kafka finds a place while it is away. */
export type SendBound = {
  /** Gives what is to be called at the end of the wait; undefined where too many wait already. */
  enter(): (() => void) | undefined;
};

/** So many do not wait at once where the first of them has waited for `slowMs`. */
const slowlyMax = 100;
const slowMs = 2_000;

export const createSendBound = (waitingMax: number, monotonicMs: () => number): SendBound => {
  /** In the order of their times. */
  const waiting = new Set<{ sinceMs: number }>();
  return {
    enter: () => {
      const nowMs = monotonicMs();
      const [first] = waiting;
      const isSlow = first !== undefined && nowMs - first.sinceMs > slowMs;
      if (waiting.size >= (isSlow ? Math.min(slowlyMax, waitingMax) : waitingMax)) return undefined;
      const own = { sinceMs: nowMs };
      waiting.add(own);
      return () => void waiting.delete(own);
    },
  };
};
