import type { TopicPartition } from '#platform/messaging/broker';
import type { ReceivedEvent } from '#platform/messaging/events';
import { createOpenWindows, type StoredWindow, type WindowChanges } from '#platform/streams/open-windows';
import type { Contribution, Topology, WindowOf } from '#platform/streams/topology';
import { createWatermarks, type Watermarks } from '#platform/streams/watermarks';

/** The next offset of a partition, as decimal text, and its newest event time. */
export type Place = readonly [nextOffset: string, newestMs: number | null];

/** What a task has computed since its last checkpoint, and what it needs to go on from here. */
export type Checkpoint<R> = {
  places: Readonly<Record<string, Place>>;
  /** Null before there is one. */
  watermarkMs: number | null;
  changes: WindowChanges;
  rows: readonly TaskRow<R>[];
};

/** `place` is the same whenever the row is computed again: of a key, a window, a revision, and the row's number in it. */
export type TaskRow<R> = { place: readonly string[]; row: R };

export type StoredTask = {
  places: Readonly<Record<string, Place>>;
  watermarkMs: number | null;
  windows: Iterable<StoredWindow>;
};

/** A contribution that came too late for `windows` windows, of which it is in none. */
export type Late = { key: string; atMs: number; windows: number };

export type TaskLane<I> = {
  /** The next offset to read; 0 at first. */
  readonly nextOffset: bigint;
  /** Adds what a record contributes, once: a record before the next offset changes nothing. */
  take(offset: bigint, atMs: number, contributions: readonly Contribution<I>[]): Late[];
  /** The records before `nextOffset` are handled, also those that contribute nothing. */
  moveTo(nextOffset: bigint): void;
};

/**
 * A running topology: its open windows, its watermark and its place in each partition. It has no effects and reads no
 * clock: equal calls give equal rows.
 */
export type Task<I = unknown, R = unknown> = {
  readonly topology: Topology<I, unknown, R>;
  readonly watermarks: Watermarks;
  readonly windowsOpen: number;
  /** As of the last `advance`; minus infinity before there is one. */
  readonly watermarkMs: number;
  /** Throws what a source throws. */
  contributionsOf(event: ReceivedEvent): readonly Contribution<I>[];
  /** Its place in a partition. From the first call on the watermark waits for the partition. */
  lane(at: TopicPartition): TaskLane<I>;
  /** Closes the windows that the watermark has passed, and the oldest ones while there are more than allowed. */
  advance(): void;
  /** True when a checkpoint would store more than new offsets. */
  hasNews(): boolean;
  checkpoint(): Checkpoint<R>;
  /** Every open window, for a snapshot. As of the last `checkpoint`. */
  everything(): StoredWindow[];
  restore(stored: StoredTask): void;
};

export const createTask = <I, A, R>(topology: Topology<I, A, R>, idleAfterMs: number): Task<I, R> => {
  const { sources, emits, windowsMax } = topology;
  const windows = createOpenWindows(topology);
  const watermarks = createWatermarks({ outOfOrderMsMax: topology.outOfOrderMsMax, idleAfterMs });
  const lanes = new Map<string, TaskLane<I> & { at: TopicPartition }>();
  let rows: TaskRow<R>[] = [];
  let hasNews = false;
  let watermarkMs = Number.NEGATIVE_INFINITY;

  const emit = (window: WindowOf<A>): void => {
    for (const [nth, row] of topology.rows(window).entries())
      rows.push({ place: [window.key, `${window.fromMs}`, `${window.revision}`, `${nth}`], row });
  };
  const closeDue = (): void => {
    watermarkMs = watermarks.current();
    for (const window of windows.close(watermarkMs)) {
      if (emits === 'once' || window.hasChanged) emit(window);
      hasNews = true;
    }
  };

  const createLane = (at: TopicPartition): TaskLane<I> & { at: TopicPartition } => {
    let next = 0n;
    const observe = watermarks.expect(at);
    return {
      at,
      get nextOffset() {
        return next;
      },
      take: (offset, atMs, contributions) => {
        if (offset < next) return [];
        next = offset + 1n;
        const late: Late[] = [];
        for (const { key, input } of contributions) {
          const missed = windows.add(key, input, atMs, watermarkMs);
          if (missed > 0) late.push({ key, atMs, windows: missed });
          hasNews = true;
        }
        observe(atMs);
        return late;
      },
      moveTo: (nextOffset) => {
        if (nextOffset > next) next = nextOffset;
      },
    };
  };
  const laneOf = (at: TopicPartition): TaskLane<I> => {
    const name = nameOf(at);
    const lane = lanes.get(name) ?? createLane(at);
    lanes.set(name, lane);
    return lane;
  };

  return {
    topology: topology as Topology<I, unknown, R>,
    watermarks,
    get watermarkMs() {
      return watermarkMs;
    },
    get windowsOpen() {
      return windows.size;
    },
    contributionsOf: (event) => sources[event.type]?.(event.value, event) ?? [],
    lane: laneOf,
    advance: () => {
      closeDue();
      while (windows.size > windowsMax) {
        watermarks.raise(windows.nextCloseMs() as number);
        closeDue();
      }
    },
    hasNews: () => hasNews,
    checkpoint: () => {
      if (emits === 'as it changes') for (const window of windows.revise()) emit(window);
      const made = rows;
      rows = [];
      hasNews = false;
      return {
        places: Object.fromEntries(
          [...lanes].map(([name, { at, nextOffset }]): [string, Place] => [
            name,
            [`${nextOffset}`, watermarks.newest(at) ?? null],
          ]),
        ),
        watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
        changes: windows.changes(),
        rows: made,
      };
    },
    everything: windows.everything,
    restore: ({ places, watermarkMs: storedMs, windows: stored }) => {
      for (const [name, [offset, newestMs]] of Object.entries(places)) {
        const at = partitionOf(name);
        laneOf(at).moveTo(BigInt(offset));
        if (newestMs !== null) watermarks.expect(at)(newestMs);
      }
      if (storedMs !== null) watermarks.raise(storedMs);
      watermarkMs = storedMs ?? watermarkMs;
      windows.restore(stored);
    },
  };
};

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

const partitionOf = (name: string): TopicPartition => {
  const slashAt = name.lastIndexOf('/');
  return { topic: name.slice(0, slashAt), partition: Number(name.slice(slashAt + 1)) };
};
