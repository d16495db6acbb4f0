/** The event time up to which an answer is complete (epoch ms), and how far that is behind now (ms). */
export type Completeness = { asOfMs: number; lagMs: number };

/** `version` is the same as long as nothing that an answer is made of is ingested, so that it need not be made again. */
export type Reading = Completeness & { version: string };

/** An answer of several parts is as complete as the least complete one. */
export const leastComplete = (readings: readonly Reading[]): Reading =>
  readings.reduce((least, reading) => (reading.asOfMs < least.asOfMs ? reading : least));
