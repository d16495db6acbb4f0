import type { Clock } from '#platform/clock';
import type { SentUpTo } from './live.js';

/** Asks an outbox how far it is, each time that it is read and once at a time. */
export type OutboxWatch = {
  /** What it has said while it was watched, oldest first. Waits for an answer only where nobody had watched before. */
  read(): Promise<readonly SentUpTo[]>;
};

/** Figures that are further behind than this are taken for as complete as the oldest answer says. */
const keptMs = 10 * 60_000;
/** Nobody watches where nobody has asked for so long. */
const pauseMs = 5_000;

/** `unsent` says what of the time before now (ms) the outbox may not have sent yet; infinite while it does not answer. */
export const watchOutbox = (
  unsent: () => Promise<number>,
  clock: Pick<Clock, 'nowMs' | 'monotonicMs'>,
): OutboxWatch => {
  let said: readonly SentUpTo[] = [];
  let asking: Promise<void> | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;

  const ask = async (isResumed: boolean): Promise<void> => {
    const fromMs = clock.nowMs();
    const unsentMs = await unsent();
    const atMs = clock.nowMs();
    if (!Number.isFinite(unsentMs)) return;
    const before = said.filter((one) => !isResumed && one.atMs <= atMs && one.atMs >= atMs - keptMs);
    said = [...before, { atMs, upToMs: fromMs - unsentMs }];
  };

  return {
    read: async () => {
      const isResumed = clock.monotonicMs() - askedAtMs > pauseMs;
      askedAtMs = clock.monotonicMs();
      asking ??= ask(isResumed).finally(() => {
        asking = undefined;
      });
      if (isResumed || said.length === 0) await asking;
      return said;
    },
  };
};
