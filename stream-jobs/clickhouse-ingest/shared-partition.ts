import { assert } from '#platform/assert';
import type { BatchControl } from '#platform/messaging/broker';
import type { PartitionPipeline, PipelineProgress } from './partition-pipeline.js';

/** One pipeline that passes what it accepts to several, which load the same partition into different tables. */
export const sharePartition = (pipelines: readonly PartitionPipeline[]): PartitionPipeline => {
  const [first] = pipelines;
  assert(first !== undefined, 'a partition has a pipeline');
  if (pipelines.length === 1) return first;
  /** Where each table is. */
  const reached = pipelines.map(({ startOffset }) => startOffset);
  /** Null before the first commit. */
  let committed: number | null = null;

  /** Commits up to where all tables have the records, if that is further than what is committed. */
  const commitAll = async (nth: number, nextOffset: bigint, control: BatchControl): Promise<void> => {
    reached[nth] = Number(nextOffset);
    const all = Math.min(...reached);
    if (committed !== null && all <= committed) return;
    await control.commit(BigInt(all));
    committed = Math.max(all, committed ?? all);
  };

  const controlOf = (control: BatchControl, nth: number): BatchControl => ({
    isStale: () => control.isStale(),
    heartbeat: () => control.heartbeat(),
    commit: (nextOffset) => commitAll(nth, nextOffset, control),
    commitSoon: (nextOffset) => {
      reached[nth] = Number(nextOffset);
      control.commitSoon(BigInt(Math.min(...reached)));
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
