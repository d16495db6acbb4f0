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
   * Whether the partition has no record left, at this moment. One that has none for `idleAfterMs`, or none but such that are
   * older than its mark, does not hold the watermark: its mark follows the clock. When the clock was set back, it cannot, and
   * follows the other partitions.
   */
  look(at: TopicPartition, isDrained: boolean, now: { wallMs: number; monotonicMs: number }): void;
  /** Epoch ms; it never steps back. Minus infinity until every partition has had an event or was idle. */
  current(): number;
  /**
   * The time of an event that was read and has to wait for the other partitions: it is as good as handled, because it is
   * the next one of its partition.
   */
  peek(at: TopicPartition, atMs: number): void;
  /** The lowest mark of the others, without those ahead of a clock that was set back: they are idle. */
  without(at: TopicPartition): number;
  /** Pushes the watermark to `atMs` or beyond, for a bound: what comes before it is late. */
  raise(atMs: number): void;
  /** `current` without what `raise` added: how far the events and the clock have brought it. */
  reached(): number;
  /** It goes on from `reachedMs`. */
  restore(reachedMs: number): void;
  /** The newest event time of the partition, read or waiting; undefined before its first event. */
  newest(at: TopicPartition): number | undefined;
};

type Mark = {
  newestMs: number;
  clockMs: number;
  drainedSinceMs: number | undefined;
  /** Idle, and later than the clock, which was set back. */
  isAheadOfClock: boolean;
};

export type WatermarkBounds = {
  /** By how much an event may be older than a later one of its partition and still be in time. */
  outOfOrderMsMax: number;
  /** Longer than an event takes from its source to its partition. */
  idleAfterMs: number;
};

const never = Number.NEGATIVE_INFINITY;

// Over seventy lines: the marks of all partitions, what moves them and what is read from them.
export const createWatermarks = ({ outOfOrderMsMax, idleAfterMs }: WatermarkBounds): Watermarks => {
  const marks = new Map<string, Mark>();
  let raisedToMs = never;
  let reachedMs = never;

  const markOf = (at: TopicPartition): Mark => {
    const name = partitionName(at);
    let mark = marks.get(name);
    if (mark === undefined) {
      mark = { newestMs: never, clockMs: never, drainedSinceMs: undefined, isAheadOfClock: false };
      marks.set(name, mark);
    }
    return mark;
  };
  const lowestOf = (isWanted: (mark: Mark) => boolean): number => {
    let low = Number.POSITIVE_INFINITY;
    for (const mark of marks.values()) if (isWanted(mark)) low = Math.min(low, markMs(mark));
    return low;
  };
  const lowest = (): number => {
    const waitedForMs = lowestOf(({ isAheadOfClock }) => !isAheadOfClock);
    const aheadMs = lowestOf(({ isAheadOfClock }) => isAheadOfClock);
    return waitedForMs === Number.POSITIVE_INFINITY
      ? aheadMs
      : Math.min(waitedForMs, Math.max(aheadMs, waitedForMs - idleAfterMs));
  };
  const reached = (): number => {
    if (marks.size > 0) reachedMs = Math.max(reachedMs, lowest());
    return reachedMs;
  };
  const markMs = ({ newestMs, clockMs }: Mark) => Math.max(newestMs - outOfOrderMsMax, clockMs);

  return {
    expect: (at) => {
      const mark = markOf(at);
      return (atMs) => {
        // One that is older says nothing of those to come: whoever keeps sending old events does not hold the watermark.
        if (atMs > Math.max(markMs(mark), reachedMs)) {
          mark.drainedSinceMs = undefined;
          mark.isAheadOfClock = false;
        }
        if (atMs > mark.newestMs) mark.newestMs = atMs;
      };
    },
    look: (at, isDrained, { wallMs, monotonicMs }) => {
      const mark = markOf(at);
      if (!isDrained) mark.drainedSinceMs = undefined;
      else mark.drainedSinceMs ??= monotonicMs;
      const isIdle = mark.drainedSinceMs !== undefined && monotonicMs - mark.drainedSinceMs >= idleAfterMs;
      const followedMs = wallMs - idleAfterMs - outOfOrderMsMax;
      mark.isAheadOfClock = isIdle && markMs(mark) > followedMs;
      if (isIdle) mark.clockMs = Math.max(mark.clockMs, followedMs);
    },
    current: () => Math.max(raisedToMs, reached()),
    reached,
    restore: (atMs) => {
      reachedMs = Math.max(reachedMs, atMs);
    },
    peek: (at, atMs) => {
      const mark = markOf(at);
      mark.newestMs = Math.max(mark.newestMs, atMs);
    },
    without: (at) => {
      const own = markOf(at);
      return lowestOf((mark) => mark !== own && !mark.isAheadOfClock);
    },
    raise: (atMs) => {
      raisedToMs = Math.max(raisedToMs, atMs);
    },
    newest: (at) => {
      const newestMs = marks.get(partitionName(at))?.newestMs;
      return newestMs === never ? undefined : newestMs;
    },
  };
};
