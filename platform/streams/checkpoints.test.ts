import { expect, it } from 'vitest';
import { PlatformError } from '#platform/errors';
import type { BatchControl } from '#platform/messaging/broker';
import type { CheckpointStore } from '#platform/streams/checkpoint-store';
import { createCheckpoints } from '#platform/streams/checkpoints';
import type { Task } from '#platform/streams/task';
import { testHost } from '#platform/testing/test-host';

const store = {
  epochOf: () => 1n,
  verify: async () => {},
  store: async () => {},
} as unknown as CheckpointStore;

/** A partition whose commits fail. */
const refusing = (isStale: boolean) => {
  const asked: bigint[] = [];
  const putOff: bigint[] = [];
  const control = {
    isStale: () => isStale,
    commit: async (nextOffset: bigint) => {
      asked.push(nextOffset);
      throw new Error('the broker is away');
    },
    commitSoon: (nextOffset: bigint) => void putOff.push(nextOffset),
  } as unknown as BatchControl;
  return { asked, putOff, control };
};

const started = (
  onTestFinished: (end: () => Promise<void>) => void,
  tasks: readonly Task[] = [],
  checkpointStore = store,
) => {
  const stopping = new AbortController();
  const checkpoints = createCheckpoints(testHost('windows'), checkpointStore, tasks, {
    checkpointEveryMs: 5,
    recordsPerCheckpointMax: 1,
  });
  const running = checkpoints.run(stopping.signal, () => {});
  onTestFinished(async () => {
    stopping.abort();
    await running;
  });
  return checkpoints;
};

it('an offset that the broker did not take is tried again, also where no record follows', async ({
  onTestFinished,
}) => {
  const checkpoints = started(onTestFinished);
  const { putOff, control } = refusing(false);
  await checkpoints.handled({ topic: 'sales', partition: 0 }, 7n, 1, control);
  await expect.poll(() => putOff).toEqual([7n]);
});

it('an offset of a partition that has moved is not', async ({ onTestFinished }) => {
  const checkpoints = started(onTestFinished);
  const moved = refusing(true);
  await checkpoints.handled({ topic: 'sales', partition: 0 }, 7n, 1, moved.control);
  await expect.poll(() => moved.asked).toEqual([7n]);
  const other = refusing(false);
  await checkpoints.handled({ topic: 'sales', partition: 1 }, 3n, 1, other.control);
  await expect.poll(() => other.putOff).toEqual([3n]);
  expect([moved.asked, moved.putOff]).toEqual([[7n], []]);
});

it('the newest rows are published of those made while the engine was away', async ({ onTestFinished }) => {
  const published: (readonly unknown[])[] = [];
  const [rowsMade, rowsKeptMax] = [7, 3];
  let row = 0;
  const publish = async (rows: readonly unknown[]) => {
    if (row < rowsMade) throw new PlatformError('dependency_unavailable', 'away', { retriable: true });
    published.push(rows);
  };
  const task = {
    topology: { name: 'live', sink: { into: 'the engine', publish, rowsKeptMax } },
    ...{ watermarkMs: 0, windowsOpen: 0, advance: () => {} },
    hasNews: () => row < rowsMade,
  } as unknown as Task;
  const take = () => {
    row += 1;
    return { task: 'live', checkpoint: { rows: [{ row }], late: [] } };
  };
  started(onTestFinished, [task], { ...store, take } as unknown as CheckpointStore);
  await expect.poll(() => published).toEqual([[5, 6, 7]]);
});
