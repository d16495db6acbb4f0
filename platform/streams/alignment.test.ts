import { expect, it } from 'vitest';
import type { BatchControl } from '#platform/messaging/broker';
import { createAlignment } from '#platform/streams/alignment';
import type { Task } from '#platform/streams/task';
import { createWatermarks } from '#platform/streams/watermarks';

const [first, second] = [0, 1].map((partition) => ({ topic: 't', partition })) as [At, At];
type At = { topic: string; partition: number };

/** A partition that belongs to another member after some looks. */
const movesAfter = (looks: number): BatchControl => {
  let looked = 0;
  return {
    isStale: () => looked >= looks,
    heartbeat: async () => {
      looked += 1;
    },
  } as unknown as BatchControl;
};

it('partitions that are both ahead of what was handled do not wait for each other: the one behind goes on', async () => {
  const watermarks = createWatermarks({ outOfOrderMsMax: 0, idleAfterMs: 1_000 });
  for (const at of [first, second]) watermarks.expect(at)(0);
  const tasks = [{ watermarks } as unknown as Task];
  const alignment = createAlignment(1_000);
  const passed: number[] = [];
  const read = async (at: At, timesMs: readonly number[]) => {
    for (const atMs of timesMs) {
      expect(await alignment.wait(at, atMs, tasks, movesAfter(3))).toBe(true);
      passed.push(atMs);
    }
  };
  await Promise.all([read(first, [20_000, 20_001]), read(second, [10_000, 19_500])]);
  expect(passed).toEqual([10_000, 19_500, 20_000, 20_001]);
});
