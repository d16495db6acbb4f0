import { randomBytes, randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { createPartitioner } from '#platform/messaging/kafkajs-partitioner';

const partitionMetadata = Array.from({ length: 6 }, (_, partitionId) => ({
  partitionId,
  partitionErrorCode: 0,
  leader: 1,
  replicas: [1],
  isr: [1],
}));
const ours = createPartitioner();
const usual = kafkajs.Partitioners.DefaultPartitioner();

const place = (by: typeof ours, key: string | Buffer | null, partition?: number) =>
  by({
    topic: 'things',
    partitionMetadata,
    message: { key, value: null, ...(partition === undefined ? {} : { partition }) },
  });

describe('the partition of a record', () => {
  test("is that of kafkajs's partitioner, whatever the length and the bytes of its key", () => {
    const lengths = Array.from({ length: 200 }, (_, length) => randomBytes(length % 70));
    for (const key of [...lengths, '', 'a', 'ключ-🔑', ...Array.from({ length: 200 }, () => randomUUID())])
      expect([key, place(ours, key)]).toEqual([key, place(usual, key)]);
  });

  test('is the one that it names', () => {
    expect(place(ours, 'key', 4)).toBe(4);
    expect(place(ours, null, 3)).toBe(3);
  });

  test('is each in turn without a key', () => {
    const placed = Array.from({ length: 6 }, () => place(ours, null));
    expect(new Set(placed).size).toBe(6);
  });
});
