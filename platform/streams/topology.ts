import type { ReceivedEvent } from '#platform/messaging/events';
import type { Tx } from '#platform/postgres/tx';
import type { Span, WindowKind } from '#platform/streams/window';

/**
 * A windowed job as a plain value: which events it reads, by which key and in which windows it adds them up, and where
 * the rows go. `drawing.ts` draws it, `task.ts` computes it, `windowed-jobs.ts` runs it.
 *
 * `I` is what an event contributes, `A` the sum of a window, `R` a row of the result, `L` one of the late output. All
 * functions are pure.
 */
export type Topology<I, A, R, L = unknown> = {
  name: string;
  /** One sentence for the drawing. */
  purpose: string;
  /** By event type: what the event contributes. An event may contribute to several keys, or nothing. */
  sources: Readonly<Record<string, SourceOf<I>>>;
  /** What a key is, for the drawing. */
  keyedBy: string;
  window: WindowKind;
  /**
   * Rows of fixed windows of this size have the window's start in their ids, and those of another size its end too: after a
   * change of the size they are not taken for repeats of earlier ones. The size of `window` if unset. Where it is set it never
   * changes, because ids do with it.
   */
  usualSizeMs?: number;
  aggregate: Aggregate<I, A>;
  /**
   * `once`: a window's rows are written when it closes. `as it changes`: they are also written at each checkpoint in
   * which it has changed, with a higher revision, and replace the earlier ones. `in parts`: as `once`, but where there are
   * more than `windowsMax`, the rows of all are written and the windows go on from nothing: the rows of one window add up.
   */
  emits: 'once' | 'as it changes' | 'in parts';
  /** By how much an event may be older than a later one of its partition and still count. */
  outOfOrderMsMax: number;
  /** A window stays open for so long after the watermark has passed its end. What comes later is late. */
  latenessMs: number;
  /**
   * The most open windows, each counted with its `weight`. Beyond it the watermark is pushed to the end of the oldest
   * ones, which close: memory is bounded, and what arrives for them later is late. Not so `in parts`, where nothing is.
   */
  windowsMax: number;
  /**
   * Of how many events a sum is. Set where rows are written once: then beyond the bound windows close although the watermark
   * stays, and what comes for one of them later begins another one. Those that have been idle for longest close first, but
   * before them those of a crowd: very many of few events, as of somebody who invents keys.
   */
  eventsOf?(sum: A): number;
  /** How many windows a window counts as, where its sum may grow: one for each half kilobyte. 1 if unset. */
  weightOf?(sum: A): number;
  /**
   * True for a sum that has no row and never will: its window is let go at once. What comes for the key later begins
   * another one. Unset: a window stays until it closes.
   */
  isSettled?(sum: A): boolean;
  rows(window: WindowOf<A>): readonly R[];
  sink: Sink<R>;
  /** Unset: what is late is counted and left out. */
  late?: LateOutput<I, L> | undefined;
};

/**
 * Where late inputs go (Flink's side output of late data), each exactly once: the checkpoint that moves past its record
 * writes it, so nothing is both in a window and here, or in neither. No more than the records of a checkpoint contribute
 * are kept for it, since reading waits for that.
 */
export type LateOutput<I, L> = {
  /** None for what nobody wants to have: each row is an effect, and late events may be as many as somebody likes to send. */
  rows(late: LateInput<I>): readonly L[];
  sink: WritingSink<L>;
};

/** An input, the closed window that it missed, and the watermark then. One that missed several that overlap is late for each. */
export type LateInput<I> = Span & { key: string; input: I; atMs: number; watermarkMs: number };

/** Any topology, where its types do not matter. */
// biome-ignore lint/suspicious/noExplicitAny: a list of topologies holds different ones
export type AnyTopology = Topology<any, any, any, any>;

export type Contribution<I> = { key: string; input: I };

type SourceOf<I> = (
  // biome-ignore lint/suspicious/noExplicitAny: the table of events says which type each value has
  value: any,
  event: Pick<ReceivedEvent, 'eventId' | 'type' | 'key'>,
) => readonly Contribution<I>[];

/**
 * How inputs are added up. The result may not depend on the order of the inputs, since those of several partitions have
 * none. `add` and `merge` may change their first argument and return it.
 */
export type Aggregate<I, A> = {
  start(): A;
  add(sum: A, input: I, atMs: number): A;
  /** For gap windows: the sum of two windows that have met. */
  merge(into: A, other: A): A;
  /** To and from plain JSON; unset where the sum is JSON already. */
  toJson?(sum: A): unknown;
  fromJson?(json: unknown): A;
};

/** `revision` counts the versions of its rows from 1; `hasChanged` is false where the last version still holds. */
export type WindowOf<A> = Span & { key: string; sum: A; revision: number; hasChanged: boolean };

/** Where rows go, each exactly once in effect. */
export type Sink<R> = WritingSink<R> | PublishingSink<R>;

/** `write` appends rows to the transaction of the checkpoint that also stores state and progress. */
export type WritingSink<R> = {
  into: string;
  write(tx: Tx, rows: readonly WrittenRow<R>[]): Promise<void>;
};

/**
 * `publish` runs before that transaction and replaces earlier rows of the same window, so that a repeat changes nothing; it
 * throws a retriable fault while its engine is away.
 */
export type PublishingSink<R> = {
  into: string;
  /** Also called with no rows, to report the watermark. */
  publish(rows: readonly R[], as: PublishedAs): Promise<void>;
  /** While the engine is away, so many rows are kept for it: the last one of each window, of those that changed last. */
  rowsKeptMax: number;
};

export type PublishedAs = {
  /** Up to where in event time the rows so far are complete. */
  watermarkMs: number;
  /**
   * Of the process that computes the job: the next one to do so has a higher one. A sink refuses rows of a lower epoch than
   * it has seen, because a process that was replaced may not know it yet.
   */
  epoch: number;
};

/** A row with an id that is the same whenever it is computed again from the same records. */
export type WrittenRow<R> = { id: string; row: R };

/** Returns its argument; it exists so that the types of a topology are inferred from its parts. */
export const topology = <I, A, R, L = never>(parts: Topology<I, A, R, L>): Topology<I, A, R, L> => parts;
