export type TwinSettings = {
  prefix: string;
  visitGapSeconds: number;
  performanceWindowSeconds: number;
  /** How many events are on the topics. */
  sent: number;
};

/** Rows by what they are of, and by an identity that both sides give them. */
export type Measured = { rows: Readonly<Record<string, Map<string, unknown>>>; cpuSeconds: number };
