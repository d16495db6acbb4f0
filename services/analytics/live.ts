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

/** What an outbox said at `atMs`: all that it sends of the time before `upToMs` was in Kafka then. Epoch ms. */
export type SentUpTo = { atMs: number; upToMs: number };

/**
 * The event time up to which the figures are complete, where the jobs had counted up to `countedUpToMs` all that Kafka had.
 * Their figures have what was in Kafka at a moment once they have come past that moment, so an answer of the outbox counts
 * from then on; until the first one has, the oldest. Null where nothing is known.
 */
export const completeUpTo = (countedUpToMs: number | null, sent: readonly SentUpTo[]): number | null => {
  const counts = sent.findLast(({ atMs }) => countedUpToMs !== null && atMs <= countedUpToMs) ?? sent[0];
  return countedUpToMs === null || counts === undefined ? null : Math.min(countedUpToMs, counts.upToMs);
};

/** A new watcher is sent what the dashboard draws: ten minutes by ten seconds, and half an hour by minutes. */
const firstWindows: Record<LiveSize, number> = { tenSeconds: 60, minute: 30 };

/**
 * What has changed since the version `since`: all windows that were written after it. Without `since`, and where it is
 * not of this state (Redis was lost), the newest windows.
 */
export const updateSince = (
  { version, windows }: Pick<LiveReading, 'version' | 'windows'>,
  since: number | undefined,
  { upToMs, nowMs }: { upToMs: number; nowMs: number },
): LiveUpdate => {
  const changed = (size: LiveSize): LiveRow[] => {
    const all = windows[size];
    const wanted =
      since === undefined || since > version
        ? all.slice(-firstWindows[size])
        : all.filter((window) => window.version > since);
    return wanted.map(rowOf);
  };
  const asOfMs = Math.min(nowMs, upToMs);
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
