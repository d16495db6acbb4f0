/** So many events of imports may wait at a time: as many as are sent in some minutes. */
export const keptMax = 200_000;
const lookEveryMs = 100;
/** A thousand lines are sent in less, unless nothing is. */
const waitMsMax = 5_000;

/** Resolves when the next lines may be written. */
export type ImportPace = () => Promise<void>;

/**
 * Has an import wait while very much of it waits to be sent. Where nothing is sent, as when Kafka is away, the import goes on
 * slowly.
 */
export const createImportPace =
  (
    countKept: () => Promise<number>,
    { monotonicMs, wait }: { monotonicMs(): number; wait(ms: number): Promise<unknown> },
  ): ImportPace =>
  async () => {
    const untilMs = monotonicMs() + waitMsMax;
    while ((await countKept()) >= keptMax && monotonicMs() < untilMs) await wait(lookEveryMs);
  };
