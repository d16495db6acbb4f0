/** Wakes those who wait for a change of one thing among many. */
export type KeyedBells = {
  /**
   * Resolves to true when the key's bell rings, after `waitMs`, or when `signal` aborts. To false, at once, when too many
   * wait already, of all or for this key: do not ask again.
   */
  wait(key: string, waitMs: number, signal?: AbortSignal): Promise<boolean>;
  ring(key: string): void;
  ringAll(): void;
};

export const createKeyedBells = (waitersMax: number, waitersOfKeyMax = waitersMax): KeyedBells => {
  const waiters = new Map<string, Set<() => void>>();
  let waiting = 0;

  const enter = (key: string, wake: () => void): void => {
    waiting += 1;
    const wakes = waiters.get(key) ?? new Set();
    waiters.set(key, wakes.add(wake));
  };
  /** False when it has left before. */
  const leave = (key: string, wake: () => void): boolean => {
    const wakes = waiters.get(key);
    if (wakes?.delete(wake) !== true) return false;
    waiting -= 1;
    if (wakes.size === 0) waiters.delete(key);
    return true;
  };
  const ring = (key: string): void => {
    for (const wake of waiters.get(key) ?? []) wake();
  };

  return {
    wait: (key, waitMs, signal) =>
      new Promise((resolve) => {
        const ofKey = waiters.get(key)?.size ?? 0;
        if (waiting >= waitersMax || ofKey >= waitersOfKeyMax || signal?.aborted === true)
          return resolve(false);
        const wake = (): void => {
          if (!leave(key, wake)) return;
          clearTimeout(timer);
          signal?.removeEventListener('abort', wake);
          resolve(true);
        };
        const timer = setTimeout(wake, waitMs);
        enter(key, wake);
        signal?.addEventListener('abort', wake, { once: true });
      }),
    ring,
    ringAll: () => {
      for (const key of [...waiters.keys()]) ring(key);
    },
  };
};
