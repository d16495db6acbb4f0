import type { WindowsSettings } from './topologies.js';

/** What the jobs do unless their settings say otherwise (`config.ts`). */
export const defaultSettings: WindowsSettings = {
  visitGapMs: 30 * 60_000,
  performanceWindowMs: 60 * 60_000,
  fraud: { orders: 5, declines: 3, amountMinor: 500_000 },
};
