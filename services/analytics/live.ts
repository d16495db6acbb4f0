import type { LiveSize, LiveWindow } from '#schemas/live-state';
import type { LiveReading, VersionedWindow } from './live-store.js';

/** A window as those who watch see it. */
export type LiveRow = {
  from: string;
  to: string;
  orders: number;
  gmv: LiveWindow['gmv'];
  refunds: LiveWindow['refunds'];
  visitors: number;
  /** Orders per visitor; null without visitors. */
  conversion: number | null;
};

export type LiveUpdate = {
  asOf: string;
  lagMs: number;
  tenSeconds: readonly LiveRow[];
  minutes: readonly LiveRow[];
};

/** A new watcher is sent the windows of the last minutes. */
const firstWindows: Record<LiveSize, number> = { tenSeconds: 30, minute: 15 };

/**
 * What has changed since the version `since`: all windows that were written after it. Without `since`, and where it is
 * not of this state (Redis was lost), the newest windows.
 */
export const updateSince = (
  { version, upToMs, windows }: LiveReading,
  since: number | undefined,
  nowMs: number,
): LiveUpdate => {
  const changed = (size: LiveSize): LiveRow[] => {
    const all = windows[size];
    const wanted =
      since === undefined || since > version
        ? all.slice(-firstWindows[size])
        : all.filter((window) => window.version > since);
    return wanted.map(rowOf);
  };
  // Before the first window everything so far is complete: it is nothing.
  const asOfMs = Math.min(nowMs, upToMs ?? nowMs);
  return {
    asOf: new Date(asOfMs).toISOString(),
    lagMs: nowMs - asOfMs,
    tenSeconds: changed('tenSeconds'),
    minutes: changed('minute'),
  };
};

const rowOf = ({ fromMs, toMs, orders, gmv, refunds, visitors }: VersionedWindow): LiveRow => ({
  from: new Date(fromMs).toISOString(),
  to: new Date(toMs).toISOString(),
  orders,
  gmv,
  refunds,
  visitors,
  conversion: visitors === 0 ? null : Math.round((orders / visitors) * 10_000) / 10_000,
});
