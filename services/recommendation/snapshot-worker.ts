import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import type { ModelReplica } from './model-replica.js';
import type { SnapshotStore } from './snapshot-store.js';

const checkedEveryMs = 30_000;
/** A snapshot is due after so long, if anything was learned; later where snapshots take long. */
const dueAfterMs = 5 * 60_000;
/** An erased user is in older snapshots, so a newer one replaces them sooner. */
const dueAfterErasureMs = 60_000;
/** Of the time at most one part in so many goes into snapshots. */
const shareOfTime = 50;
/** Only a snapshot that takes no longer is taken when the service stops. */
const atStopMsMax = 2_000;

type Deps = { replica: ModelReplica; snapshots: Pick<SnapshotStore, 'hasSince'> };

/** Takes snapshots of the models from time to time and at the end, so that the next start goes on from there. */
export const createSnapshotWorker = (
  host: Pick<Host, 'clock' | 'logger'>,
  { replica, snapshots }: Deps,
): Component => {
  const { model } = replica;
  let lastMs = Number.NEGATIVE_INFINITY;
  let lastTookMs = 0;
  let changes = 0;

  const take = async (): Promise<void> => {
    const { clock } = host;
    const startedAtMs = clock.monotonicMs();
    const before = model.changes();
    await replica.takeSnapshot();
    changes = before;
    lastMs = clock.monotonicMs();
    lastTookMs = lastMs - startedAtMs;
  };

  const isDue = async (): Promise<boolean> => {
    if (!model.isReady() || model.changes() === changes) return false;
    const sinceMs = host.clock.monotonicMs() - lastMs;
    if (model.hasErasedSinceSnapshot() && sinceMs >= dueAfterErasureMs) return true;
    const dueMs = Math.max(dueAfterMs, shareOfTime * lastTookMs);
    return sinceMs >= dueMs && !(await snapshots.hasSince(host.clock.nowMs() - dueMs));
  };

  const checking = createPeriodicWork({
    name: 'model-snapshots',
    everyMs: checkedEveryMs,
    work: async () => {
      if (await isDue()) await take();
    },
    onFailure: (error) => host.logger.warn({ err: error }, 'no snapshot of the models was taken'),
  });

  return {
    ...checking,
    stop: async () => {
      await checking.stop();
      if (model.changes() === changes || !model.isReady() || lastTookMs > atStopMsMax) return;
      await take().catch((error: unknown) =>
        host.logger.warn({ err: error }, 'no last snapshot of the models was taken'),
      );
    },
  };
};
