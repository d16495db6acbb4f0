import type { Host } from '#platform/service-host';

/** Shows, each time that events were applied, how old the newest of them was. */
export const createEventLag = ({ metrics, clock }: Pick<Host, 'metrics' | 'clock'>) => {
  const lag = metrics.gauge(
    'stream_event_lag_seconds',
    'From the newest event applied to the moment it was applied.',
    ['job'],
  );
  return (jobs: readonly string[], applied: readonly { atMs: number }[]): void => {
    if (applied.length === 0) return;
    const newestMs = applied.reduce((newest, { atMs }) => Math.max(newest, atMs), Number.NEGATIVE_INFINITY);
    for (const job of jobs) lag.set({ job }, Math.max(0, (clock.nowMs() - newestMs) / 1000));
  };
};
