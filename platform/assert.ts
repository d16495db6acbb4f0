/**
 * Crashes on a broken invariant. No code catches it: the process ends before it commits an offset, its supervisor
 * restarts it, and it reads the same record again.
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

/**
 * True for a broken invariant, which no code may swallow: pass it to `host.onFatal`. Recognised by name, across module
 * copies.
 */
export const isBrokenInvariant = (error: unknown): boolean =>
  error instanceof Error && error.name === 'AssertionError';
