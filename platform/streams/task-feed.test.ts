import { expect, test } from 'vitest';
import { createTrials } from '#platform/messaging/trials';
import { createTask } from '#platform/streams/task';
import { createTaskFeed } from '#platform/streams/task-feed';
import { topology } from '#platform/streams/topology';
import { tumbling } from '#platform/streams/window';
import { testHost } from '#platform/testing/test-host';

const at = { topic: 't', partition: 0 };
const task = createTask(
  topology({
    name: 'counts',
    purpose: '',
    sources: {},
    keyedBy: 'key',
    window: tumbling(1_000),
    aggregate: { start: () => 0, add: (sum, more: number) => sum + more, merge: (a, b) => a + b },
    emits: 'once',
    outOfOrderMsMax: 0,
    latenessMs: 0,
    windowsMax: 10,
    rows: () => [],
    sink: { into: '', write: async () => {} },
  }),
  1,
);
const feed = createTaskFeed(testHost(), {
  tasks: [task as never],
  topicsOf: () => [at.topic],
  reader: { prepare: async () => {}, read: async () => null },
  wants: () => true,
  timeOf: () => 0,
  trials: createTrials({ park: async () => {} } as never, 'group'),
  checkpoints: { handled: async () => {}, run: async () => {} },
  limits: { aheadMsMax: 1_000, repeatsWithinRecordsMax: 10 },
});
const control = {
  commit: async () => {},
  commitSoon: () => {},
  heartbeat: async () => {},
  isStale: () => false,
};

test('a topic that was made anew while it was read is not left out until the old place: the process ends', async () => {
  task.lane(at).moveTo(5n);
  await feed.handle({ ...at, records: [], highWatermark: 5n }, control);
  await expect(feed.handle({ ...at, records: [], highWatermark: 4n }, control)).rejects.toThrow(
    'the next offset 5 of t/0 is not past its end, 4',
  );
});
