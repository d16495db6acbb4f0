import { setTimeout as timer } from 'node:timers/promises';

/**
 * Resolves after `ms`, or at once when `signal` is aborted, so a caller checks the signal afterwards. The timer keeps
 * the process alive unless `keepsAlive` is false.
 */
export const sleep = async (
  ms: number,
  { signal, keepsAlive = true }: { signal?: AbortSignal; keepsAlive?: boolean } = {},
): Promise<void> => {
  if (signal?.aborted) return;
  await timer(ms, undefined, { ref: keepsAlive, ...(signal === undefined ? {} : { signal }) }).catch(
    (error) => {
      if (!signal?.aborted) throw error;
    },
  );
};
