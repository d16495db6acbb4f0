/** How often something may be done. */
export type Allowance = {
  /** True if it may be done now; it then counts as done. */
  take(): boolean;
  /** True if `take` would be. */
  isLeft(): boolean;
};

/** Allows `perSecondMax` in each second of the monotonic clock. */
export const createAllowance = (
  perSecondMax: number,
  monotonicMs: () => number = () => performance.now(),
): Allowance => {
  let second = Number.NEGATIVE_INFINITY;
  let taken = 0;
  const isLeft = (): boolean => {
    const now = Math.floor(monotonicMs() / 1000);
    if (now !== second) {
      second = now;
      taken = 0;
    }
    return taken < perSecondMax;
  };
  return {
    isLeft,
    take: () => {
      if (!isLeft()) return false;
      taken += 1;
      return true;
    },
  };
};
