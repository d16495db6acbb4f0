import { isUnsent } from '#platform/outbox/backlog';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { giveWay } from '#platform/waiting/loop-share';
import { sleep } from '#platform/waiting/sleep';
import { createWorkLoop } from '#platform/waiting/work-loop';
import { keptCount, release } from './imported-events-store.js';

/** So long events may wait to be sent, before those of an import give way to their sending. */
const unsentMsMax = 1_000;
const releasedAtOnceMax = 1_000;
const lookEveryMs = 25;
const restMs = 5_000;
/** While the event loop is busy, or claimed by those who sell. */
const yieldMs = 100;
/** Of the time of imports that follow one another, in which their events wait for the end; then they are sent beside them. */
const heldBackMsMax = 30_000;

export type ImportedEventsWorker = Component & {
  /** An import begins. Call what it returns when it has ended. */
  begin(): () => void;
};

/**
 * Appends the events of imports to the outbox, a thousand at a time, when nothing there has waited for a second: a new
 * price reaches the service that sells by it behind all that was appended before. While imports are being written here
 * nothing is appended, for as long as 30 s, because all that would follow takes more than the import itself.
 */
export const createImportedEventsWorker = (
  { logger, metrics, stopping, clock }: Pick<Host, 'logger' | 'metrics' | 'stopping' | 'clock'>,
  db: Database,
): ImportedEventsWorker => {
  const running = new Set<symbol>();
  /** When the first of the imports began that have overlapped since. */
  let begunAtMs = 0;
  const isHeldBack = (): boolean => running.size > 0 && clock.monotonicMs() - begunAtMs < heldBackMsMax;
  const waiting = metrics.gauge(
    'imported_events_waiting',
    'Events of imports that are not in the outbox yet, or some more.',
  );
  const loop = createWorkLoop({
    restMs,
    work: async () => {
      const kept = await keptCount(db);
      waiting.set(kept);
      if (kept === 0 || isHeldBack()) return false;
      await giveWay(yieldMs);
      while (!stopping.aborted && (await isUnsent(db, unsentMsMax)))
        await sleep(lookEveryMs, { signal: stopping });
      return !stopping.aborted && (await release(db, releasedAtOnceMax)) > 0;
    },
    onFailure: (error) => logger.warn({ err: error }, 'events of an import cannot be appended yet'),
  });
  return {
    name: 'imported-events',
    start: loop.start,
    stop: loop.stop,
    begin: () => {
      if (running.size === 0) begunAtMs = clock.monotonicMs();
      const imported = Symbol('an import');
      running.add(imported);
      return () => {
        running.delete(imported);
        loop.ring();
      };
    },
  };
};
