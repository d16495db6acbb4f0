import { sleep } from '#platform/waiting/sleep';

/** Work that may take a share of the time only, so that others who need the same cores find them free. */
export type TimeBudget = {
  /** Waits until there is time left, then runs `work` and counts how long it took; settles as `work` does. */
  run<T>(work: () => Promise<T>): Promise<T>;
};

/**
 * A budget that grows by `share` (0 to 1) of the time that passes, up to `burstMs`. Work may overdraw it, since nobody can say
 * before how long it will take, and what follows then waits until the debt is paid. One after the other: what runs beside
 * other work of the same budget waits for the debt of both.
 */
export const createTimeBudget = (
  { share, burstMs }: { share: number; burstMs: number },
  { monotonicMs = () => performance.now(), wait = (ms: number) => sleep(ms) } = {},
): TimeBudget => {
  let leftMs = burstMs;
  let countedAtMs = monotonicMs();
  const grow = (): void => {
    const nowMs = monotonicMs();
    leftMs = Math.min(burstMs, leftMs + (nowMs - countedAtMs) * share);
    countedAtMs = nowMs;
  };
  return {
    run: async (work) => {
      grow();
      if (leftMs < 0) await wait(-leftMs / share);
      const beganAtMs = monotonicMs();
      try {
        return await work();
      } finally {
        grow();
        leftMs -= monotonicMs() - beganAtMs;
      }
    },
  };
};
