/**
 * The layout in Redis of the figures that stream-jobs/windows writes and services/analytics sends to those who watch. A
 * change of this file affects both.
 */
export const liveSizes = { tenSeconds: 10_000, minute: 60_000 } as const;

export type LiveSize = keyof typeof liveSizes;

/** One window of the live figures. Amounts are minor units; those of different currencies are never added up. */
export type LiveWindow = {
  fromMs: number;
  toMs: number;
  /** Orders confirmed. */
  orders: number;
  gmv: readonly { currency: string; amountMinor: number }[];
  /** Positive. */
  refunds: readonly { currency: string; amountMinor: number }[];
  /** Visits with an action; an estimate within some percent beyond 8,192. */
  visitors: number;
};

export const liveKeys = {
  /** Hash: start of the window (epoch ms) → `<version> <LiveWindow as JSON>`. */
  windows: (size: LiveSize) => `live:${size}`,
  /**
   * Hash: `version`, the highest one given to a window so far, about the time at which it was written (epoch ms);
   * `<size>`, the event time up to which the windows of a size are complete; and `<size>Epoch`, of the process that writes
   * them.
   */
  meta: 'live:meta',
  /** So many windows of each size are kept. */
  windowsKeptMax: 90,
  ttlMs: 2 * 60 * 60 * 1000,
} as const;
