/** Calls pass while it is closed, none while it is open; half open lets one call through to try. */
export type CircuitState = 'closed' | 'open' | 'half_open';

export type Circuit = {
  /**
   * 0 if a call may be made now; else after how many milliseconds to ask again. A call that may be made is to be
   * followed by `succeed` or `fail`.
   */
  restMs(): number;
  succeed(): void;
  fail(): void;
  state(): CircuitState;
};

/** How long the others wait while one call tries a provider that was away. */
const trialRestMs = 250;

/**
 * Opens after `failuresMax` failures in a row, lets one call through after `openMs`, and closes when it succeeds. A call
 * that began before the circuit opened counts too: an answer is an answer. A call whose caller went away counts as
 * nothing.
 */
export const createCircuit = ({
  failuresMax,
  openMs,
  monotonicMs,
}: {
  failuresMax: number;
  openMs: number;
  monotonicMs: () => number;
}): Circuit => {
  let failures = 0;
  let openedAtMs: number | undefined;
  let triedAtMs: number | undefined;

  const open = (): void => {
    openedAtMs = monotonicMs();
    triedAtMs = undefined;
  };

  return {
    restMs: () => {
      if (openedAtMs === undefined) return 0;
      const leftMs = openedAtMs + openMs - monotonicMs();
      if (leftMs > 0) return leftMs;
      // A trial without an end, because its process lost it, is followed by another one.
      if (triedAtMs !== undefined && monotonicMs() - triedAtMs < openMs) return trialRestMs;
      triedAtMs = monotonicMs();
      return 0;
    },
    succeed: () => {
      failures = 0;
      openedAtMs = undefined;
      triedAtMs = undefined;
    },
    fail: () => {
      failures += 1;
      if (openedAtMs !== undefined ? triedAtMs !== undefined : failures >= failuresMax) open();
    },
    state: () => {
      if (openedAtMs === undefined) return 'closed';
      return monotonicMs() - openedAtMs >= openMs ? 'half_open' : 'open';
    },
  };
};
