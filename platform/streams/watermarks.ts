import type { TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';

/**
 * The event time up to which a task has all events: no later event is expected before it. Each partition has a mark, and
 * the watermark is the lowest of them.
 */
export type Watermarks = {
  /** From now on the watermark waits for this partition. Returns what reports the time (epoch ms) of each of its events. */
  expect(at: TopicPartition): (atMs: number) => void;
  /**
   * Whether the partition has no record left, at this moment. One that has none for `idleAfterMs` does not hold the
   * watermark: its mark follows the clock.
   */
  look(at: TopicPartition, isDrained: boolean, now: { wallMs: number; monotonicMs: number }): void;
  /** Epoch ms; it never steps back. Minus infinity until every partition has had an event or was idle. */
  current(): number;
  /**
   * The time of an event that was read and has to wait for the other partitions: it is as good as handled, because it is
   * the next one of its partition.
   */
  peek(at: TopicPartition, atMs: number): void;
  /** The lowest mark of the other partitions. */
  without(at: TopicPartition): number;
  /** Pushes the watermark to `atMs` or beyond: what comes before it is late. */
  raise(atMs: number): void;
  /** The newest event time of the partition, read or waiting; undefined before its first event. */
  newest(at: TopicPartition): number | undefined;
};

type Mark = { newestMs: number; clockMs: number; drainedSinceMs: number | undefined };

export type WatermarkBounds = {
  /** By how much an event may be older than a later one of its partition and still be in time. */
  outOfOrderMsMax: number;
  /** Longer than an event takes from its source to its partition. */
  idleAfterMs: number;
};

const never = Number.NEGATIVE_INFINITY;

export const createWatermarks = ({ outOfOrderMsMax, idleAfterMs }: WatermarkBounds): Watermarks => {
  const marks = new Map<string, Mark>();
  let raisedToMs = never;

  const markOf = (at: TopicPartition): Mark => {
    const name = partitionName(at);
    let mark = marks.get(name);
    if (mark === undefined) {
      mark = { newestMs: never, clockMs: never, drainedSinceMs: undefined };
      marks.set(name, mark);
    }
    return mark;
  };
  const lowest = (except?: Mark): number => {
    let low = Number.POSITIVE_INFINITY;
    for (const mark of marks.values()) if (mark !== except) low = Math.min(low, markMs(mark));
    return low;
  };
  const markMs = ({ newestMs, clockMs }: Mark) => Math.max(newestMs - outOfOrderMsMax, clockMs);

  return {
    expect: (at) => {
      const mark = markOf(at);
      return (atMs) => {
        if (atMs > mark.newestMs) mark.newestMs = atMs;
        mark.drainedSinceMs = undefined;
      };
    },
    look: (at, isDrained, { wallMs, monotonicMs }) => {
      const mark = markOf(at);
      if (!isDrained) mark.drainedSinceMs = undefined;
      else mark.drainedSinceMs ??= monotonicMs;
      if (mark.drainedSinceMs !== undefined && monotonicMs - mark.drainedSinceMs >= idleAfterMs)
        mark.clockMs = Math.max(mark.clockMs, wallMs - idleAfterMs - outOfOrderMsMax);
    },
    current: () => {
      if (marks.size > 0) raisedToMs = Math.max(raisedToMs, lowest());
      return raisedToMs;
    },
    peek: (at, atMs) => {
      const mark = markOf(at);
      mark.newestMs = Math.max(mark.newestMs, atMs);
    },
    without: (at) => lowest(markOf(at)),
    raise: (atMs) => {
      raisedToMs = Math.max(raisedToMs, atMs);
    },
    newest: (at) => {
      const newestMs = marks.get(partitionName(at))?.newestMs;
      return newestMs === never ? undefined : newestMs;
    },
  };
};
