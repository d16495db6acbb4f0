import type { Component } from '#platform/service-host';

type PeriodicWorkOptions = {
  name: string;
  everyMs: number;
  work(): Promise<unknown>;
  /** Receives what `work` rejects with. The next round comes all the same. */
  onFailure(error: unknown): void;
};

/**
 * Calls `work` again and again, first after `everyMs`. Rounds never overlap: while one takes longer, the next ones are left
 * out. `stop` waits for the round under way.
 */
export const createPeriodicWork = ({ name, everyMs, work, onFailure }: PeriodicWorkOptions): Component => {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  const round = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      onFailure(error);
    }
  };
  return {
    name,
    start: async () => {
      timer = setInterval(() => {
        running ??= round().finally(() => {
          running = undefined;
        });
      }, everyMs);
    },
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
};
