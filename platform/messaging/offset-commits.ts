import type { TopicPartition } from '#platform/messaging/broker';
import { createCollector } from '#platform/waiting/collector';

export type OffsetCommit = (at: TopicPartition, nextOffset: bigint) => Promise<void>;

export type TopicOffsets = { topic: string; partitions: { partition: number; offset: string }[] };

type Waiting = { at: TopicPartition; nextOffset: bigint; resolve(): void; reject(error: unknown): void };

/**
 * Commits offsets with one request at a time: the commits that come while one is under way, or in the same turn of the
 * loop, share the next one. When a request fails, all of its commits reject.
 */
export const createOffsetCommits = (send: (topics: TopicOffsets[]) => Promise<unknown>): OffsetCommit => {
  const collect = createCollector<Waiting>(async (waiting) => {
    const commits = waiting.splice(0);
    try {
      await send(offsetsOf(commits));
      for (const { resolve } of commits) resolve();
    } catch (error) {
      for (const { reject } of commits) reject(error);
    }
  });
  return (at, nextOffset) => new Promise((resolve, reject) => collect({ at, nextOffset, resolve, reject }));
};

/** The commits by topic; a partition's last one counts. */
const offsetsOf = (commits: readonly Waiting[]): TopicOffsets[] => {
  const topics = new Map<string, Map<number, bigint>>();
  for (const { at, nextOffset } of commits) {
    const partitions = topics.get(at.topic) ?? new Map<number, bigint>();
    topics.set(at.topic, partitions.set(at.partition, nextOffset));
  }
  return [...topics].map(([topic, partitions]) => ({
    topic,
    partitions: [...partitions].map(([partition, offset]) => ({ partition, offset: String(offset) })),
  }));
};
