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

/** Publishes the rows of `made`, one at each checkpoint, to an engine that is away until the last of them. */
const publishedAfterwards = async (
  onTestFinished: (end: () => Promise<void>) => void,
  rowsKeptMax: number,
  made: readonly { window: string; row: string }[],
) => {
  const published: (readonly unknown[])[] = [];
  let taken = 0;
  const publish = async (rows: readonly unknown[]) => {
    if (taken < made.length) throw new PlatformError('dependency_unavailable', 'away', { retriable: true });
    published.push(rows);
  };
  const task = {
    topology: { name: 'live', sink: { into: 'the engine', publish, rowsKeptMax } },
    ...{ watermarkMs: 0, windowsOpen: 0, advance: () => {} },
    hasNews: () => taken < made.length,
  } as unknown as Task;
  const take = () => {
    const { window, row } = made[taken] as (typeof made)[number];
    taken += 1;
    return {
      task: 'live',
      checkpoint: { rows: [{ place: ['shop', window, `${taken}`, '0'], row }], late: [] },
    };
  };
  started(onTestFinished, [task], { ...store, take } as unknown as CheckpointStore);
  await expect.poll(() => published).toHaveLength(1);
  return published[0];
};

it('the newest rows are published of those made while the engine was away', async ({ onTestFinished }) => {
  const made = ['1', '2', '3', '4', '5', '6', '7'].map((row) => ({ window: `window ${row}`, row }));
  expect(await publishedAfterwards(onTestFinished, 3, made)).toEqual(['5', '6', '7']);
});

it('of a window that changed often meanwhile the last row counts, so that none is left as it was before', async ({
  onTestFinished,
}) => {
  const rows = ['a1', 'a2', 'b1', 'b2', 'b3', 'b4', 'a3', 'b5', 'b6', 'c1', 'c2', 'c3'];
  const made = rows.map((row) => ({ window: row.slice(0, 1), row }));
  expect(await publishedAfterwards(onTestFinished, 3, made)).toEqual(['a3', 'b6', 'c3']);
});

it('stops without the checkpoint that the database, which is away, does not take', async () => {
  let tries = 0;
  const refuse = async () => {
    tries += 1;
    throw new PlatformError('dependency_unavailable', 'away', { retriable: true });
  };
  const stopping = new AbortController();
  const checkpoints = createCheckpoints(testHost('windows'), { ...store, store: refuse }, [], {
    checkpointEveryMs: 5,
    recordsPerCheckpointMax: 1,
  });
  const running = checkpoints.run(stopping.signal, () => {});
  const { asked, control } = refusing(false);
  const handled = checkpoints.handled({ topic: 'sales', partition: 0 }, 7n, 1, control);
  await expect.poll(() => tries).toBeGreaterThan(0);
  stopping.abort();
  await running;
  await handled;
  const triesBefore = tries;
  await checkpoints.handled({ topic: 'sales', partition: 0 }, 8n, 1, control);
  expect({ tries, asked }).toEqual({ tries: triesBefore, asked: [] });
}, 10_000);
