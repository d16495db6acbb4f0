import { describe, expect, it } from 'vitest';
import type { BatchControl, RecordBatch } from '#platform/messaging/broker';
import type { PartitionPipeline } from './partition-pipeline.js';
import { sharePartition } from './shared-partition.js';

const batch: RecordBatch = { topic: 'products', partition: 0, records: [], highWatermark: 100n };

/** Two pipelines of one partition, the controls that they are given, and what is committed. */
const setUp = async (...starts: number[]) => {
  const controls: BatchControl[] = [];
  const pipelines = starts.map(
    (startOffset, nth): PartitionPipeline => ({
      startOffset,
      accept: async (_batch, control) => {
        controls[nth] = control;
      },
      drained: async () => {},
      end: async () => {},
      progress: () => {
        throw new Error('not asked for');
      },
    }),
  );
  const committed: bigint[] = [];
  const putOff: bigint[] = [];
  const at = { failures: 0 };
  const shared = sharePartition(pipelines);
  await shared.accept(batch, {
    isStale: () => false,
    heartbeat: async () => {},
    commitSoon: (nextOffset) => void putOff.push(nextOffset),
    commit: async (nextOffset) => {
      if (at.failures > 0) {
        at.failures -= 1;
        throw new Error('not confirmed');
      }
      committed.push(nextOffset);
    },
  });
  const commit = (nth: number, nextOffset: bigint) => controls[nth]?.commit(nextOffset);
  const commitSoon = (nth: number, nextOffset: bigint) => controls[nth]?.commitSoon(nextOffset);
  return { shared, commit, commitSoon, committed, putOff, at };
};

describe('a partition of two tables', () => {
  it('is read from where the one behind is', async () => {
    expect((await setUp(10, 5)).shared.startOffset).toBe(5);
  });

  it('is committed up to where both have the records', async () => {
    const { commit, committed } = await setUp(5, 5);
    await commit(0, 20n);
    await commit(1, 10n);
    await commit(1, 30n);
    await commit(0, 25n);
    expect(committed).toEqual([5n, 10n, 20n, 25n]);
  });

  it('is committed again where that has failed', async () => {
    const { commit, committed, at } = await setUp(5, 5);
    await commit(0, 20n);
    at.failures = 1;
    await expect(commit(1, 20n)).rejects.toThrow('not confirmed');
    await commit(1, 20n);
    expect(committed).toEqual([5n, 20n]);
  });

  it('puts a commit off up to where both have the records', async () => {
    const { commit, commitSoon, putOff, at } = await setUp(5, 5);
    await commit(0, 20n);
    at.failures = 1;
    await expect(commit(1, 10n)).rejects.toThrow('not confirmed');
    commitSoon(1, 10n);
    commitSoon(1, 30n);
    expect(putOff).toEqual([10n, 20n]);
  });
});
