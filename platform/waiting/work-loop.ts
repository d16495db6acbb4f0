import { createBell } from '#platform/waiting/bell';

export type WorkLoop = {
  /** Something may be to do: ends the rest. */
  ring(): void;
  start(): Promise<void>;
  /** Resolves when the work that runs has ended. */
  stop(): Promise<void>;
};

/**
 * Calls `work` again and again: at once where it resolves to true, because there may be more to do, and otherwise at the
 * next ring, or after `restMs`. A failure is handed to `onFailure`, and then it rests too.
 */
export const createWorkLoop = ({
  work,
  restMs,
  onFailure,
}: {
  work: () => Promise<boolean>;
  restMs: number;
  onFailure: (error: unknown) => void;
}): WorkLoop => {
  const bell = createBell();
  let isStopping = false;
  let finished: Promise<void> = Promise.resolve();

  const run = async (): Promise<void> => {
    while (!isStopping) {
      const mayBeMore = await work().catch((error: unknown) => {
        onFailure(error);
        return false;
      });
      if (!mayBeMore && !isStopping) await bell.wait(restMs);
    }
  };

  return {
    ring: bell.ring,
    start: async () => {
      finished = run();
    },
    stop: async () => {
      isStopping = true;
      bell.ring();
      await finished;
    },
  };
};
