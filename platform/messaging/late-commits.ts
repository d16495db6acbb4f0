import type { TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';

/** Offsets of one assignment that are committed some time after their records were handled, many with one request. */
export type LateCommits = {
  /** The offset is committed within `delayMs`, if no later one of the partition takes its place. */
  note(at: TopicPartition, nextOffset: bigint): void;
  /** `nextOffset` is being committed by another way: what was noted for the partition is dropped, also if it is under way. */
  forget(at: TopicPartition, nextOffset: bigint): void;
  /** Commits what is noted now. Never rejects. */
  flush(): Promise<void>;
  /** Nothing is committed any more. */
  drop(): void;
};

export const createLateCommits = ({
  commit,
  delayMs,
  onFailure,
}: {
  commit(at: TopicPartition, nextOffset: bigint): Promise<void>;
  delayMs: number;
  /** A commit has failed; it is tried again after `delayMs`. */
  onFailure(at: TopicPartition, error: unknown): void;
}): LateCommits => {
  const noted = new Map<string, { at: TopicPartition; nextOffset: bigint }>();
  /** The last offset of each partition that was committed, or whose commit another way has begun. */
  const passed = new Map<string, bigint>();
  const pass = (at: TopicPartition, nextOffset: bigint): void => {
    if (nextOffset > (passed.get(partitionName(at)) ?? -1n)) passed.set(partitionName(at), nextOffset);
  };
  let timer: NodeJS.Timeout | undefined;
  let isDropped = false;

  const wait = (): void => {
    if (!isDropped && noted.size > 0) timer ??= setTimeout(() => void flush(), delayMs).unref();
  };
  const commitOne = async ({ at, nextOffset }: { at: TopicPartition; nextOffset: bigint }): Promise<void> => {
    try {
      await commit(at, nextOffset);
      pass(at, nextOffset);
    } catch (error) {
      if (isDropped) return;
      onFailure(at, error);
      // The same offset is noted again where the other way has failed.
      const isPast = nextOffset < (passed.get(partitionName(at)) ?? -1n);
      if (!isPast && !noted.has(partitionName(at))) noted.set(partitionName(at), { at, nextOffset });
    }
  };
  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const commits = [...noted.values()];
    noted.clear();
    await Promise.all(commits.map(commitOne));
    wait();
  };

  return {
    note: (at, nextOffset) => {
      if (isDropped) return;
      noted.set(partitionName(at), { at, nextOffset });
      wait();
    },
    forget: (at, nextOffset) => {
      noted.delete(partitionName(at));
      pass(at, nextOffset);
    },
    flush,
    drop: () => {
      isDropped = true;
      clearTimeout(timer);
      noted.clear();
    },
  };
};
