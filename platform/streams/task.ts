import type { TopicPartition } from '#platform/messaging/broker';
import type { ReceivedEvent } from '#platform/messaging/events';
import { partitionName } from '#platform/messaging/partition-name';
import { createOpenWindows, type StoredWindow, type WindowChanges } from '#platform/streams/open-windows';
import { stateAheadOfLog } from '#platform/streams/state-ahead-of-log';
import type { Contribution, LateInput, LateOutput, Topology, WindowOf } from '#platform/streams/topology';
import { createWatermarks, type Watermarks } from '#platform/streams/watermarks';
import type { Span } from '#platform/streams/window';

/** The next offset of a partition, as decimal text, and its newest event time. */
export type Place = readonly [nextOffset: string, newestMs: number | null];

/** What a task has computed since its last checkpoint, and what it needs to go on from here. */
export type Checkpoint<R> = {
  places: Readonly<Record<string, Place>>;
  /** Null before there is one. */
  watermarkMs: number | null;
  /** The watermark without the pushes of the bound; 0 before there is one. */
  reachedMs: number;
  changes: WindowChanges;
  rows: readonly TaskRow<R>[];
  /** Those of the late output. */
  late: readonly TaskRow<unknown>[];
};

/**
 * `place` is the same whenever the row is computed again: of a key, a window, a revision, and the row's number in it; of
 * a late input its record, its number there, the window that it missed, and the row's number.
 */
export type TaskRow<R> = { place: readonly string[]; row: R };

export type StoredTask = {
  places: Readonly<Record<string, Place>>;
  watermarkMs: number | null;
  /** Unset where it was not stored: then it was the watermark. */
  reachedMs?: number;
  windows: Iterable<StoredWindow>;
};

/** A partition that a task reads, and the offset that its next record will have. */
export type PartitionEnd = TopicPartition & { high: bigint };

export type TaskLane<I> = {
  /** The next offset to read; 0 at first. */
  readonly nextOffset: bigint;
  /**
   * Adds what a record contributes, once: a record before the next offset changes nothing. Returns how many of the
   * contributions came too late for a window, of several that overlap for at least one.
   */
  take(offset: bigint, atMs: number, contributions: readonly Contribution<I>[]): number;
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
  /** The watermark without the pushes of the bound, which closes the oldest windows where there are too many. */
  readonly reachedMs: number;
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
  /**
   * Goes on from what was stored. `read` are the partitions that the task reads: a place in another one is kept and not
   * waited for. Throws `state_ahead_of_log` where a place is past the end of its partition: then the records that it
   * counts are no longer those of the log.
   */
  restore(stored: StoredTask, read: readonly PartitionEnd[]): void;
};

// Over seventy lines: one task, whose windows, watermark, places and rows change together.
export const createTask = <I, A, R, L>(topology: Topology<I, A, R, L>, idleAfterMs: number): Task<I, R> => {
  const { sources, emits, windowsMax, eventsOf, sink } = topology;
  const windows = createOpenWindows(topology);
  const watermarks = createWatermarks({ outOfOrderMsMax: topology.outOfOrderMsMax, idleAfterMs });
  let rows: TaskRow<R>[] = [];
  const late = createLateRows(topology.late);
  let hasNews = false;
  let watermarkMs = Number.NEGATIVE_INFINITY;

  const closeDue = (): void => {
    watermarkMs = watermarks.current();
    for (const window of windows.close(watermarkMs)) {
      if (emits !== 'as it changes' || window.hasChanged) rows.push(...rowsOf(topology, window));
      hasNews = true;
    }
  };
  const writeEarly = (early: readonly WindowOf<A>[]): void => {
    if (early.length === 0) return;
    // No two parts of a window are written at the same place in the log, nor one there by a task that begins again.
    const part = `to ${lanes.recordsTaken()}`;
    for (const window of early) rows.push(...rowsOf(topology, window, part));
    hasNews = true;
  };

  const add: Add<I> = (at, offset, atMs, contributions) => {
    let lateOnes = 0;
    for (const contribution of contributions) {
      const { key, input } = contribution;
      const missed = windows.add(key, input, atMs, watermarkMs);
      hasNews = true;
      if (missed.length === 0) continue;
      lateOnes += 1;
      const from = [partitionName(at), `${offset}`, `${contributions.indexOf(contribution)}`];
      for (const span of missed) late.add(from, { ...span, key, input, atMs, watermarkMs });
    }
    return lateOnes;
  };
  const lanes = createLanes(watermarks, add);

  return {
    topology: topology as Topology<I, unknown, R>,
    watermarks,
    get watermarkMs() {
      return watermarkMs;
    },
    get reachedMs() {
      return watermarks.reached();
    },
    get windowsOpen() {
      return windows.size;
    },
    contributionsOf: (event) => sources[event.type]?.(event.value, event) ?? [],
    lane: lanes.of,
    advance: () => {
      closeDue();
      if (emits === 'in parts' && windows.weight > windowsMax) writeEarly(windows.empty());
      if (eventsOf !== undefined && windows.weight > windowsMax) writeEarly(windows.closeEarly(windowsMax));
      while (windows.weight > windowsMax) {
        watermarks.raise(windows.nextCloseMs() as number);
        closeDue();
      }
    },
    hasNews: () => hasNews,
    checkpoint: () => {
      if (emits === 'as it changes')
        for (const window of windows.revise()) rows.push(...rowsOf(topology, window));
      const made = rows;
      rows = [];
      hasNews = false;
      return {
        places: lanes.places(),
        watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
        reachedMs: Math.max(0, watermarks.reached()),
        changes: windows.changes(),
        rows: made,
        late: late.take(),
      };
    },
    everything: windows.everything,
    restore: ({ places, watermarkMs: storedMs, reachedMs, windows: stored }, read) => {
      lanes.restore(places, read);
      if (storedMs !== null) {
        watermarks.raise(storedMs);
        watermarks.restore(reachedMs ?? storedMs);
      }
      watermarkMs = storedMs ?? watermarkMs;
      // What is published is not in the transaction of the checkpoint: the engine may have missed it.
      windows.restore(stored, 'publish' in sink);
    },
  };
};

/** `part` names the rows of a window that may have others. */
const rowsOf = <A, R>(
  topology: Pick<Topology<never, A, R>, 'rows' | 'window' | 'usualSizeMs'>,
  window: WindowOf<A>,
  part = `${window.revision}`,
): TaskRow<R>[] => {
  const name = nameOf(topology, window);
  return topology.rows(window).map((row, nth) => ({ place: [window.key, name, part, `${nth}`], row }));
};

/** Which one of its key a window is. The end of a gap window moves while it is open, so it is no part of it. */
const nameOf = (
  { window, usualSizeMs }: Pick<Topology<never, unknown, unknown>, 'window' | 'usualSizeMs'>,
  { fromMs, toMs }: Span,
): string =>
  window.kind === 'gap' || toMs - fromMs === (usualSizeMs ?? window.sizeMs)
    ? `${fromMs}`
    : `${fromMs} to ${toMs}`;

/** The rows of the late output since the last checkpoint. `from` is where in the log the input is. */
const createLateRows = <I, L>(output: LateOutput<I, L> | undefined) => {
  let rows: TaskRow<L>[] = [];
  return {
    add: (from: readonly string[], late: LateInput<I>): void => {
      for (const [nth, row] of (output?.rows(late) ?? []).entries())
        rows.push({ place: [...from, `${late.fromMs}`, `${nth}`], row });
    },
    take: (): TaskRow<L>[] => {
      const made = rows;
      rows = [];
      return made;
    },
  };
};

/** Returns how many of the contributions were late. */
type Add<I> = (
  at: TopicPartition,
  offset: bigint,
  atMs: number,
  contributions: readonly Contribution<I>[],
) => number;

/** The task's place in each partition. */
const createLanes = <I>(watermarks: Watermarks, add: Add<I>) => {
  const lanes = new Map<string, TaskLane<I> & { at: TopicPartition }>();
  /** Of partitions that are not read now: a later version of the job may read them again. */
  let otherPlaces: Record<string, Place> = {};
  const of = (at: TopicPartition): TaskLane<I> => {
    const lane = lanes.get(partitionName(at)) ?? laneOn(at, watermarks.expect(at), add);
    lanes.set(partitionName(at), lane);
    return lane;
  };
  return {
    of,
    /** Up to where the log was taken, as one number that grows with each record. */
    recordsTaken: (): bigint => [...lanes.values()].reduce((sum, { nextOffset }) => sum + nextOffset, 0n),
    places: (): Record<string, Place> => ({
      ...otherPlaces,
      ...Object.fromEntries(
        [...lanes].map(([name, { at, nextOffset }]) => [
          name,
          [`${nextOffset}`, watermarks.newest(at) ?? null] as const,
        ]),
      ),
    }),
    restore: (places: Readonly<Record<string, Place>>, read: readonly PartitionEnd[]): void => {
      for (const at of read) {
        const nextOffset = BigInt(places[partitionName(at)]?.[0] ?? 0);
        if (nextOffset > at.high)
          throw stateAheadOfLog('the windows', at, { nextOffset, high: at.high }, { retriable: false });
      }
      otherPlaces = { ...places };
      for (const at of read) {
        const place = places[partitionName(at)];
        delete otherPlaces[partitionName(at)];
        if (place === undefined) continue;
        of(at).moveTo(BigInt(place[0]));
        if (place[1] !== null) watermarks.expect(at)(place[1]);
      }
    },
  };
};

const laneOn = <I>(
  at: TopicPartition,
  observe: (atMs: number) => void,
  add: Add<I>,
): TaskLane<I> & { at: TopicPartition } => {
  let next = 0n;
  return {
    at,
    get nextOffset() {
      return next;
    },
    take: (offset, atMs, contributions) => {
      if (offset < next) return 0;
      next = offset + 1n;
      const late = add(at, offset, atMs, contributions);
      observe(atMs);
      return late;
    },
    moveTo: (nextOffset) => {
      if (nextOffset > next) next = nextOffset;
    },
  };
};
