import { type FaultCode, PlatformError } from '#platform/errors';

/**
 * Settles as `work` does, or after `timeoutMs` rejects with a retriable fault with `code`. The work itself goes on:
 * pass it a signal where it can be ended. A failure of the work after the deadline is ignored.
 */
export const within = async <T>(
  timeoutMs: number,
  work: Promise<T>,
  { code = 'dependency_timeout', what = 'no answer' }: { code?: FaultCode; what?: string } = {},
): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new PlatformError(code, `${what} in ${timeoutMs} ms`, { retriable: true })),
      timeoutMs,
    );
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** Waits until `work` has settled, or `waitMs` have passed; true when it has settled. Otherwise the work goes on. */
export const endsWithin = async (waitMs: number, work: Promise<unknown>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, waitMs, false);
  });
  const ended = work.then(
    () => true,
    () => true,
  );
  const hasEnded = await Promise.race([ended, late]);
  clearTimeout(timer);
  return hasEnded;
};
