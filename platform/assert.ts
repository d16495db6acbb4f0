/**
 * Crashes on a broken invariant. Nobody catches it: the process dies before it commits an offset, is
 * restarted by its supervisor and reads the same record again.
 */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(invariant);
}

export class AssertionError extends Error {
  constructor(invariant: string) {
    super(`broken invariant: ${invariant}`);
    this.name = 'AssertionError';
  }
}

/** True for what nobody may swallow: hand it to `host.onFatal`. Recognised by name, across module copies. */
export const isBrokenInvariant = (error: unknown): boolean =>
  error instanceof Error && error.name === 'AssertionError';
