import { sleep } from '#platform/waiting/sleep';

export type EventuallyOptions = {
  /** 10 s if unset. */
  timeoutMs?: number;
  /**
   * If unset 50 ms, later a tenth of the time waited so far, at most half a second: to look costs the machine on which
   * everything that is waited for has to happen.
   */
  everyMs?: number;
  /** The message of the error at the deadline, or a function that makes it; the last failure is appended. */
  message?: string | (() => string);
};

/**
 * Waits for a condition: calls `attempt` until it neither throws nor returns `false`, and resolves to its result.
 * Rejects at the deadline with the last failure as its cause.
 */
export const eventually = async <T>(
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<T> => {
  const { timeoutMs = 10_000, everyMs, message = 'the condition did not come true' } = options;
  const beganAtMs = performance.now();
  const deadlineMs = beganAtMs + timeoutMs;
  let lastFailure: unknown;
  while (true) {
    try {
      const answer = await attempt();
      if (answer !== false) return answer;
      lastFailure = new Error('it was false');
    } catch (error) {
      lastFailure = error;
    }
    if (performance.now() >= deadlineMs) {
      const last = lastFailure instanceof Error ? lastFailure.message : String(lastFailure);
      const hoped = typeof message === 'function' ? message() : message;
      throw new Error(`${hoped} (within ${timeoutMs} ms; last: ${last})`, { cause: lastFailure });
    }
    await sleep(everyMs ?? patienceMs(performance.now() - beganAtMs));
  }
};

const patienceMs = (waitedMs: number): number => Math.min(500, Math.max(50, waitedMs / 10));
