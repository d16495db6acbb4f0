/** So long events of an import may wait to be sent, before it gives way to their sending. */
export const unsentMsMax = 1_000;
const lookEveryMs = 25;
/** A thousand lines are sent in less, unless nothing is. */
const waitMsMax = 5_000;

/** Resolves when the next lines may be written. */
export type ImportPace = () => Promise<void>;

/**
 * Has an import wait while what was written waits to be sent: a new price reaches the service that sells by it behind all
 * that was written before. Where nothing is sent, as when Kafka is away, the import goes on slowly.
 */
export const createImportPace =
  (
    isUnsent: (sinceMs: number) => Promise<boolean>,
    { monotonicMs, wait }: { monotonicMs(): number; wait(ms: number): Promise<unknown> },
  ): ImportPace =>
  async () => {
    const untilMs = monotonicMs() + waitMsMax;
    while ((await isUnsent(unsentMsMax)) && monotonicMs() < untilMs) await wait(lookEveryMs);
  };
