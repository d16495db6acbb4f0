import type { BatchControl, TopicPartition } from '#platform/messaging/broker';
import type { Task } from '#platform/streams/task';
import { endsWithin } from '#platform/waiting/deadline';

const lookAgainMs = 500;

/**
 * Keeps partitions together in event time, so that a backlog is read in about the order in which it arose and the open
 * windows stay few: a partition that is too far ahead of the one that lags most waits.
 */
export type Alignment = {
  /** Up to which event time the partition may be read now. */
  limitMs(at: TopicPartition, tasks: readonly Task[]): number;
  /** Resolves to true when the event may be handled, to false when the partition belongs to another member. */
  wait(at: TopicPartition, atMs: number, tasks: readonly Task[], control: BatchControl): Promise<boolean>;
  /** Some partition has made progress. */
  moved(): void;
};

export const createAlignment = (aheadMsMax: number): Alignment => {
  let wake = (): void => {};
  let movement = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const moved = (): void => {
    wake();
    movement = new Promise((resolve) => {
      wake = resolve;
    });
  };
  const limitMs: Alignment['limitMs'] = (at, tasks) =>
    Math.min(...tasks.map(({ watermarks }) => watermarks.without(at) + aheadMsMax));
  return {
    limitMs,
    wait: async (at, atMs, tasks, control) => {
      for (const { watermarks } of tasks) watermarks.peek(at, atMs);
      moved();
      while (atMs > limitMs(at, tasks)) {
        await endsWithin(lookAgainMs, movement);
        if (control.isStale()) return false;
        await control.heartbeat();
      }
      return true;
    },
    moved,
  };
};
