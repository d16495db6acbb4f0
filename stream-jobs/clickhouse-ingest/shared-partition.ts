import { assert } from '#platform/assert';
import type { BatchControl } from '#platform/messaging/broker';
import type { PartitionPipeline, PipelineProgress } from './partition-pipeline.js';

/** One pipeline that passes what it accepts to several, which load the same partition into different tables. */
export const sharePartition = (pipelines: readonly PartitionPipeline[]): PartitionPipeline => {
  const [first] = pipelines;
  assert(first !== undefined, 'a partition has a pipeline');
  if (pipelines.length === 1) return first;
  const committed = pipelines.map(({ startOffset }) => startOffset);

  /** Up to which offset all tables have the records now; null if that has not changed. */
  const moved = (nth: number, nextOffset: bigint): bigint | null => {
    const before = Math.min(...committed);
    committed[nth] = Number(nextOffset);
    const now = Math.min(...committed);
    return now > before ? BigInt(now) : null;
  };

  const controlOf = (control: BatchControl, nth: number): BatchControl => ({
    isStale: () => control.isStale(),
    heartbeat: () => control.heartbeat(),
    commit: async (nextOffset) => {
      const all = moved(nth, nextOffset);
      if (all !== null) await control.commit(all);
    },
    commitSoon: (nextOffset) => {
      const all = moved(nth, nextOffset);
      if (all !== null) control.commitSoon(all);
    },
  });

  return {
    // A pipeline ignores what its table has already.
    startOffset: Math.min(...pipelines.map(({ startOffset }) => startOffset)),
    accept: async (batch, control) => {
      for (const [nth, pipeline] of pipelines.entries())
        await pipeline.accept(batch, controlOf(control, nth));
    },
    drained: async () => {
      await Promise.all(pipelines.map((pipeline) => pipeline.drained()));
    },
    end: async () => {
      await Promise.all(pipelines.map((pipeline) => pipeline.end()));
    },
    progress: () => pipelines.map((pipeline) => pipeline.progress()).reduce(behind),
  };
};

/** The one that is in trouble, or else the one that is behind. */
const behind = (one: PipelineProgress, other: PipelineProgress): PipelineProgress => {
  if ((one.heldBy === undefined) !== (other.heldBy === undefined))
    return one.heldBy === undefined ? other : one;
  return one.insertedTo <= other.insertedTo ? one : other;
};
