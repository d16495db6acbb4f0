export type Backoff = {
  /** How long to wait before the next start, given how long the process has lived. */
  afterDeath(livedMs: number): number;
};

export type BackoffOptions = { firstMs: number; mostMs: number; stableMs: number };

/** Doubles from `firstMs` to `mostMs`. It starts again at `firstMs` after a process has run for `stableMs` or more. */
export const createBackoff = ({ firstMs, mostMs, stableMs }: BackoffOptions): Backoff => {
  let nextMs = firstMs;
  return {
    afterDeath(livedMs) {
      if (livedMs >= stableMs) nextMs = firstMs;
      const waitMs = nextMs;
      nextMs = Math.min(nextMs * 2, mostMs);
      return waitMs;
    },
  };
};
