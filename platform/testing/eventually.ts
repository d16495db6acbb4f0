import { sleep } from '#platform/waiting/sleep';
export type EventuallyOptions = {
  /** 10 s if unset. */
  timeoutMs?: number;
  /** 50 ms if unset. */
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
  const { timeoutMs = 10_000, everyMs = 50, message = 'the condition did not come true' } = options;
  const deadlineMs = performance.now() + timeoutMs;
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
    await sleep(everyMs);
  }
};
