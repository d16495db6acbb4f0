import { AsyncLocalStorage } from 'node:async_hooks';

export type Correlation = {
  /** Identifies an HTTP request and everything that follows from it; the same in every service. */
  correlationId: string;
  /** The event that caused the current work; unset where an HTTP request did. */
  causationId?: string;
};

const storage = new AsyncLocalStorage<Correlation>();

export const currentCorrelation = (): Correlation | undefined => storage.getStore();

/** Runs `fn`, and everything it awaits, under this correlation. */
export const withCorrelation = <T>(correlation: Correlation, fn: () => T): T => storage.run(correlation, fn);
