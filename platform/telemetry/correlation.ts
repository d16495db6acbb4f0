import { AsyncLocalStorage } from 'node:async_hooks';

export type Correlation = {
  /** The whole undertaking (an HTTP request and all that follows from it, a saga): the same on every hop. */
  correlationId: string;
  /** The event that led here; unset where an HTTP request did. */
  causationId?: string;
};

const storage = new AsyncLocalStorage<Correlation>();

export const currentCorrelation = (): Correlation | undefined => storage.getStore();

/** Runs `fn`, and everything it awaits, under this correlation. */
export const withCorrelation = <T>(correlation: Correlation, fn: () => T): T => storage.run(correlation, fn);
