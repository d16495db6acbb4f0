import { expect, it } from 'vitest';
import type { ConsumerProgress, PartitionProgress } from '#platform/messaging/broker';
import { troubleOf } from './ingest.js';
import type { PipelineProgress } from './partition-pipeline.js';

const at = { topic: 'sales', partition: 3 };
const moving: PartitionProgress = {
  ...at,
  nextOffset: 5n,
  highWatermark: 9n,
  endAgeMs: 0,
  stalledForMs: 100,
  failures: 0,
  cause: undefined,
};
const assigned: ConsumerProgress = {
  partitions: [moving],
  unassignedForMs: 0,
  restarts: 0,
  trouble: undefined,
  lost: [],
};
const inserting: PipelineProgress = { ...at, insertedTo: 4, stalledForMs: 100, heldBy: undefined };

it('is in no trouble while work moves on', () => {
  expect(troubleOf(assigned, () => inserting)).toBeUndefined();
  expect(troubleOf({ ...assigned, partitions: [] }, () => undefined)).toBeUndefined();
});

it.each([
  ['a block is held', {}, { heldBy: 'connection refused' }, 'sales-3 is held: connection refused'],
  ['an insert lasts', {}, { stalledForMs: 20_000 }, 'sales-3 has not moved on for 20 s: no cause is known'],
  [
    'nothing is fetched although there is more',
    { partitions: [{ ...moving, stalledForMs: 30_000, cause: 'not readable' }] },
    {},
    'sales-3 has not moved on for 30 s: not readable',
  ],
  [
    'it is in no group',
    { unassignedForMs: 60_000, trouble: 'no coordinator' },
    {},
    'without partitions for 60 s: no coordinator',
  ],
] as const)('says where and why when %s', (_when, consumer, pipeline, words) => {
  expect(troubleOf({ ...assigned, ...consumer }, () => ({ ...inserting, ...pipeline }))).toBe(words);
});
