import { createCrowds } from '#platform/streams/crowds';
import type { Topology, WindowOf } from '#platform/streams/topology';
import { overlaps, type Span, spansOf } from '#platform/streams/window';
import { createSlots, type Placed } from '#platform/streams/window-slots';

/** An open window as it is stored: its number, key, bounds, revision and sum as JSON. */
export type StoredWindow = readonly [
  id: number,
  key: string,
  fromMs: number,
  toMs: number,
  revision: number,
  sum: unknown,
];

export type WindowChanges = { put: readonly StoredWindow[]; removed: readonly number[] };

/**
 * The keyed state of a task: every open window with its sum. It is the pure core: it reads no clock and has no effect
 * outside of itself.
 */
export type OpenWindows<I, A> = {
  readonly size: number;
  /** The sum of the windows' weights, as of `Topology.weightOf`. */
  readonly weight: number;
  /** The windows for which the input was too late: they are closed, so it is in none of them. */
  add(key: string, input: I, atMs: number, watermarkMs: number): readonly Span[];
  /** Removes the windows that end, with the lateness, at or before the watermark, and returns them by their end. */
  close(watermarkMs: number): WindowOf<A>[];
  /**
   * Removes windows until the weight is allowed, and returns them by their end: what comes for one of them later begins
   * another one. Where very many have few events, these go first, else those that end first: of gap windows those that have
   * been idle for longest.
   */
  closeEarly(weightMax: number): WindowOf<A>[];
  /** Removes every window, and returns them by their end: what comes for one of them later begins it anew. */
  empty(): WindowOf<A>[];
  /** The watermark that closes the oldest windows; undefined where none is open. */
  nextCloseMs(): number | undefined;
  /** The windows that have changed since the last call, each with its next revision. */
  revise(): WindowOf<A>[];
  /** The difference to the last call, for the changelog. */
  changes(): WindowChanges;
  everything(): StoredWindow[];
  /**
   * `isUnseen`: their rows may not have reached the sink, so the next `revise` returns them again, under the same revision
   * where nothing has come since.
   */
  restore(windows: Iterable<StoredWindow>, isUnseen: boolean): void;
};

type Open<A> = Span & {
  id: number;
  key: string;
  sum: A;
  weight: number;
  revision: number;
  /** As far as they matter to the crowds. */
  events: number;
  isGone: boolean;
  /** Not in the changelog yet. */
  isDirty: boolean;
  /** Not in the rows yet. */
  isUnseen: boolean;
  isStored: boolean;
};

/**
 * More than this part of the windows with equally few events is a crowd: somebody invents keys. In a shop that is merely busy
 * it is visitors who have left, and the first of them are let go.
 */
const crowdPartMax = 1 / 4;
/**
 * So it is where more than this part have few events, of whatever number: keys may be invented with one event and with two,
 * three and four. The part that is left is room for long visits. With more of it, a shop where most visits are short would
 * have too little room for those of them that go on.
 */
const fewPartMax = 2 / 3;

/** What nearly every input misses: made once. */
const none: readonly Span[] = [];

/** A window that goes early stays in its slot until there are more of them than of open ones, and so many. */
const goneMax = 1_000;

// Over seventy lines: the open windows and every way in which they change.
export const createOpenWindows = <I, A>(
  topology: Pick<
    Topology<I, A, unknown>,
    'window' | 'aggregate' | 'latenessMs' | 'emits' | 'weightOf' | 'eventsOf' | 'isSettled'
  >,
): OpenWindows<I, A> => {
  const {
    window,
    aggregate,
    latenessMs,
    emits,
    eventsOf,
    weightOf = () => 1,
    isSettled = () => false,
  } = topology;
  const index = createIndex<Open<A>>();
  const news = createNews(topology);
  const crowds = eventsOf && createCrowds<Open<A>>();
  let nextId = 1;
  let weight = 0;

  const weigh = (open: Open<A>): void => {
    const now = weightOf(open.sum);
    weight += now - open.weight;
    open.weight = now;
  };
  const remove = (open: Open<A>): void => {
    index.remove(open);
    weight -= open.weight;
    crowds?.leave(open);
    news.removed(open);
  };
  const closedByEnd = (opens: Open<A>[]): WindowOf<A>[] =>
    opens.sort(byEndThenKey).map((open) => closed(open, emits));
  const take = (opens: Open<A>[]): WindowOf<A>[] => {
    for (const open of opens) remove(open);
    return closedByEnd(opens);
  };
  const absorb = (into: Open<A>, other: Open<A>): void => {
    into.sum = aggregate.merge(into.sum, other.sum);
    // The rows of both were written, and those of the sum have to replace them.
    into.revision = Math.max(into.revision, other.revision);
    crowds?.grow(into, other.events);
    widen(into, other);
    remove(other);
  };
  const begin = (key: string, span: Span): Open<A> => {
    return index.insert({
      ...span,
      id: nextId++,
      key,
      sum: aggregate.start(),
      weight: 0,
      revision: 0,
      ...fresh,
      events: 1,
    });
  };
  /** The open window of the key into which the span falls, after those that the span connects have become one. */
  const findOf = (key: string, span: Span): Open<A> | undefined => {
    const others = index.of(key);
    // Where the size was changed, others may begin with it.
    if (window.kind === 'fixed')
      return others.find(({ fromMs, toMs }) => fromMs === span.fromMs && toMs === span.toMs);
    const [first, ...met] = others.filter((open) => overlaps(open, span));
    for (const other of met) absorb(first as Open<A>, other);
    if (first !== undefined) widen(first, span);
    return first;
  };
  return {
    get size() {
      return index.size;
    },
    get weight() {
      return weight;
    },
    add: (key, input, atMs, watermarkMs) => {
      let missed = none;
      for (const span of spansOf(window, atMs)) {
        const found = findOf(key, span);
        if (found === undefined && span.toMs + latenessMs <= watermarkMs) {
          missed = [...missed, span];
          continue;
        }
        const open = found ?? begin(key, span);
        open.sum = aggregate.add(open.sum, input, atMs);
        if (found === undefined) crowds?.add(open);
        else crowds?.grow(open, 1);
        weigh(open);
        if (isSettled(open.sum)) remove(open);
        else news.touched(open);
      }
      return missed;
    },
    close: (watermarkMs) => take(index.due(watermarkMs - latenessMs)),
    closeEarly: (weightMax) => {
      const early: Open<A>[] = [];
      const isTooMuch = () => weight > weightMax;
      const letGo = (open: Open<A>): void => {
        remove(open);
        early.push(open);
      };
      while (isTooMuch()) {
        const open = crowds?.next(index.size * crowdPartMax, index.size * fewPartMax);
        if (open === undefined) break;
        letGo(open);
      }
      index.takeFirst(isTooMuch, letGo);
      return closedByEnd(early);
    },
    empty: () => take(index.all()),
    nextCloseMs: () => {
      const endMs = index.earliestEndMs();
      return endMs === undefined ? undefined : endMs + latenessMs;
    },
    revise: news.revise,
    changes: news.take,
    everything: () => index.all().map((open) => toStored(aggregate, open)),
    restore: (windows, isUnseen) => {
      for (const stored of windows) {
        const open = fromStored(aggregate, stored);
        index.insert(open);
        open.events = eventsOf?.(open.sum) ?? 0;
        crowds?.add(open);
        weigh(open);
        if (isUnseen) news.unseen(open);
        nextId = Math.max(nextId, open.id + 1);
      }
    },
  };
};

/** Open windows by key, and by the slot of their end. */
const createIndex = <W extends Placed & { key: string }>() => {
  const byKey = new Map<string, W[]>();
  const slots = createSlots<W>();
  const none: W[] = [];
  let size = 0;
  return {
    get size() {
      return size;
    },
    of: (key: string): readonly W[] => byKey.get(key) ?? none,
    all: (): W[] => [...byKey.values()].flat(),
    insert: (open: W): W => {
      const others = byKey.get(open.key);
      if (others === undefined) byKey.set(open.key, [open]);
      else others.push(open);
      slots.add(open);
      size += 1;
      if (slots.held > 2 * size + goneMax) slots.keepOnly([...byKey.values()].flat());
      return open;
    },
    remove: (open: W): void => {
      const others = byKey.get(open.key) as W[];
      if (others.length === 1) byKey.delete(open.key);
      else others.splice(others.indexOf(open), 1);
      open.isGone = true;
      size -= 1;
    },
    due: slots.due,
    takeFirst: slots.takeFirst,
    earliestEndMs: slots.earliestEndMs,
  };
};

/** What has changed: since the last revision, for rows that replace each other, and since the last checkpoint. */
const createNews = <A>({ aggregate, emits }: Pick<Topology<never, A, unknown>, 'aggregate' | 'emits'>) => {
  let dirty: Open<A>[] = [];
  let unseen: Open<A>[] = [];
  let removed: number[] = [];
  const isNowUnseen = (open: Open<A>): void => {
    if (!open.isUnseen && emits === 'as it changes') unseen.push(open);
    open.isUnseen = true;
  };
  return {
    touched: (open: Open<A>): void => {
      if (!open.isDirty) dirty.push(open);
      open.isDirty = true;
      isNowUnseen(open);
    },
    unseen: isNowUnseen,
    removed: (open: Open<A>): void => {
      if (open.isStored) removed.push(open.id);
    },
    revise: (): WindowOf<A>[] => {
      const seen = unseen.filter((open) => !open.isGone);
      unseen = [];
      for (const open of seen) {
        if (open.isDirty) open.revision += 1;
        open.isUnseen = false;
      }
      return seen.map((open) => ({ ...shown(open), hasChanged: true }));
    },
    take: (): WindowChanges => {
      const put = dirty.filter((open) => !open.isGone).map((open) => toStored(aggregate, open));
      for (const open of dirty) {
        open.isDirty = false;
        open.isStored = true;
      }
      const gone = removed;
      dirty = [];
      removed = [];
      return { put, removed: gone };
    },
  };
};

const toStored = <A>(
  { toJson }: Pick<Topology<never, A, unknown>['aggregate'], 'toJson'>,
  { id, key, fromMs, toMs, revision, sum }: Open<A>,
): StoredWindow => [id, key, fromMs, toMs, revision, toJson === undefined ? sum : toJson(sum)];

const fromStored = <A>(
  { fromJson }: Pick<Topology<never, A, unknown>['aggregate'], 'fromJson'>,
  [id, key, fromMs, toMs, revision, json]: StoredWindow,
): Open<A> => {
  const sum = fromJson === undefined ? (json as A) : fromJson(json);
  return { id, key, fromMs, toMs, weight: 0, revision, sum, ...fresh, isStored: true };
};

const fresh = { events: 0, isGone: false, isDirty: false, isUnseen: false, isStored: false };

const widen = (open: Span, span: Span): void => {
  open.fromMs = Math.min(open.fromMs, span.fromMs);
  open.toMs = Math.max(open.toMs, span.toMs);
};

const shown = <A>({ key, fromMs, toMs, sum, revision }: Open<A>) => ({ key, fromMs, toMs, sum, revision });

/** Rows that are written once have one version, also where nothing has come since the last restart. */
const closed = <A>(open: Open<A>, emits: Topology<never, A, unknown>['emits']): WindowOf<A> => ({
  ...shown(open),
  revision: emits !== 'as it changes' ? 1 : open.revision + (open.isDirty ? 1 : 0),
  hasChanged: open.isUnseen,
});

const byEndThenKey = (a: Open<unknown>, b: Open<unknown>): number =>
  a.toMs - b.toMs || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.fromMs - b.fromMs);
