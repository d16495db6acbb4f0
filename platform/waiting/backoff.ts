export type Backoff = {
  /** The wait after the first failure. */
  minMs: number;
  /** No wait is longer. */
  maxMs: number;
  /**
   * 0 to 1: each wait is longer or shorter by up to this share, so that many callers do not retry at once. 0 if unset.
   */
  jitter?: number;
  /** In [0, 1); `Math.random` if unset. */
  random?: () => number;
};

/**
 * The wait in milliseconds after `failures` failures in a row (1 for the first): `minMs · 2^(failures − 1)`, at most
 * `maxMs`, then spread by `jitter`.
 */
export const backoffMs = (
  { minMs, maxMs, jitter = 0, random = Math.random }: Backoff,
  failures: number,
): number => {
  const exponent = Math.min(Math.max(0, failures - 1), 30);
  const waitMs = Math.min(minMs * 2 ** exponent, maxMs);
  return jitter === 0 ? waitMs : waitMs * (1 - jitter + 2 * jitter * random());
};
