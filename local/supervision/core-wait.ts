import { readdirSync, readFileSync } from 'node:fs';

/**
 * Milliseconds for which the threads of a process have been ready to run and had no core, added up; 0 where the
 * kernel does not count it. The figure of a thread goes with the thread, so the sum may also fall.
 */
const coreWaitMs = (pid: number | undefined): number => {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
      .reduce((sum, text) => sum + Number(text.split(' ')[1]) / 1e6, 0);
  } catch {
    return 0;
  }
};

/** What time without a core counts in a patient clock. */
const shareWithoutCore = 1 / 8;

/**
 * Milliseconds since the call of this function. A stretch of `lookEveryMs` or more between two questions counts an
 * eighth if the process waited for a core for most of it: what is silent then may only be slow. A process that hangs, or
 * that computes for ever, hardly waits for a core.
 */
export const startPatientClock = (
  pid: number | undefined,
  lookEveryMs: number,
  waitMsOf = coreWaitMs,
): (() => number) => {
  let last = { atMs: performance.now(), waitMs: waitMsOf(pid) };
  let countedMs = 0;
  return () => {
    const sinceMs = performance.now() - last.atMs;
    if (sinceMs < lookEveryMs) return countedMs + sinceMs;
    const now = { atMs: last.atMs + sinceMs, waitMs: waitMsOf(pid) };
    countedMs += now.waitMs - last.waitMs > sinceMs / 2 ? sinceMs * shareWithoutCore : sinceMs;
    last = now;
    return countedMs;
  };
};
