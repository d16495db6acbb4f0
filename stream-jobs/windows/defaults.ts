import { performanceWindowMsAsDefault, visitGapMsAsDefault } from '#schemas/window-times';
import type { WindowsSettings } from './topologies.js';

/** What the jobs do unless their settings say otherwise (`config.ts`). */
export const defaultSettings: WindowsSettings = {
  visitGapMs: visitGapMsAsDefault,
  performanceWindowMs: performanceWindowMsAsDefault,
  fraud: { orders: 5, declines: 3, amountMinor: 500_000 },
};
