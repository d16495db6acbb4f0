const retryMsMin = 100;
const retryMsMax = 2_000;

/** How long to rest after so many failures in a row, twice as long each time, before the same is tried again. */
export const retryRestMs = (failures: number): number => Math.min(retryMsMin * 2 ** failures, retryMsMax);
