/** How often something may be done. */
export type Allowance = {
  /** True if it may be done now; it then counts as done. */
  take(): boolean;
};

/** Allows `perSecondMax` in each second of the monotonic clock. */
export const createAllowance = (
  perSecondMax: number,
  monotonicMs: () => number = () => performance.now(),
): Allowance => {
  let second = Number.NEGATIVE_INFINITY;
  let taken = 0;
  return {
    take: () => {
      const now = Math.floor(monotonicMs() / 1000);
      if (now !== second) {
        second = now;
        taken = 0;
      }
      taken += 1;
      return taken <= perSecondMax;
    },
  };
};
