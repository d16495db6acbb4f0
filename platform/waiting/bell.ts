export type Bell = {
  /** Ends the current wait; without one, the next wait ends at once. Several rings count as one. */
  ring(): void;
  /** Resolves at the next ring or after `timeoutMs`, whichever comes first. One caller waits at a time. */
  wait(timeoutMs: number): Promise<void>;
};

/** Wakes the one loop that waits for something to do. */
export const createBell = (): Bell => {
  let rung = false;
  let answer: (() => void) | undefined;
  return {
    ring: () => {
      rung = true;
      answer?.();
    },
    wait: async (timeoutMs) => {
      if (!rung)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          answer = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      rung = false;
      answer = undefined;
    },
  };
};
