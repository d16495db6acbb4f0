/** Wakes those who wait for a change of one thing among many. */
export type KeyedBells = {
  /**
   * Resolves to true when the key's bell rings, after `waitMs`, or when `signal` aborts. To false, at once, when too many
   * wait already, of all, for this key or for this owner: do not ask again. All without an owner count as one.
   */
  wait(key: string, waitMs: number, signal?: AbortSignal, owner?: string): Promise<boolean>;
  ring(key: string): void;
  ringAll(): void;
};

export type WaiterBounds = {
  waitersMax: number;
  ofKeyMax?: number;
  ofOwnerMax?: number;
  /** Of all together who wait without an owner. */
  ofNobodyMax?: number;
};

export const createKeyedBells = (bounds: WaiterBounds): KeyedBells => {
  const { waitersMax, ofKeyMax = waitersMax, ofOwnerMax = waitersMax, ofNobodyMax = waitersMax } = bounds;
  const waiters = new Map<string, Set<() => void>>();
  const ofOwners = new Map<string | undefined, number>();
  let waiting = 0;

  const mayEnter = (key: string, owner: string | undefined): boolean =>
    waiting < waitersMax &&
    (waiters.get(key)?.size ?? 0) < ofKeyMax &&
    (ofOwners.get(owner) ?? 0) < (owner === undefined ? ofNobodyMax : ofOwnerMax);
  const enter = (key: string, owner: string | undefined, wake: () => void): void => {
    waiting += 1;
    ofOwners.set(owner, (ofOwners.get(owner) ?? 0) + 1);
    const wakes = waiters.get(key) ?? new Set();
    waiters.set(key, wakes.add(wake));
  };
  /** False when it has left before. */
  const leave = (key: string, owner: string | undefined, wake: () => void): boolean => {
    const wakes = waiters.get(key);
    if (wakes?.delete(wake) !== true) return false;
    waiting -= 1;
    const left = (ofOwners.get(owner) ?? 1) - 1;
    if (left > 0) ofOwners.set(owner, left);
    else ofOwners.delete(owner);
    if (wakes.size === 0) waiters.delete(key);
    return true;
  };
  const ring = (key: string): void => {
    for (const wake of waiters.get(key) ?? []) wake();
  };

  return {
    wait: (key, waitMs, signal, owner) =>
      new Promise((resolve) => {
        if (!mayEnter(key, owner) || signal?.aborted === true) return resolve(false);
        const wake = (): void => {
          if (!leave(key, owner, wake)) return;
          clearTimeout(timer);
          signal?.removeEventListener('abort', wake);
          resolve(true);
        };
        const timer = setTimeout(wake, waitMs);
        enter(key, owner, wake);
        signal?.addEventListener('abort', wake, { once: true });
      }),
    ring,
    ringAll: () => {
      for (const key of [...waiters.keys()]) ring(key);
    },
  };
};
