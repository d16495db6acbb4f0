/** A half-open stretch of event time, epoch milliseconds: `fromMs` belongs to it, `toMs` does not. */
export type Span = { fromMs: number; toMs: number };

/**
 * Which windows an event belongs to. Fixed windows begin at multiples of `advanceMs`, so each event is in
 * `sizeMs / advanceMs` of them. A gap window holds the events of a key of which each is at most `gapMs` after the one before.
 */
export type WindowKind =
  | { kind: 'fixed'; sizeMs: number; advanceMs: number }
  | { kind: 'gap'; gapMs: number };

/** Windows of this size, one after the other. */
export const tumbling = (sizeMs: number): WindowKind => hopping({ sizeMs, advanceMs: sizeMs });

/** Windows of this size of which one begins every `advanceMs`, a divisor of the size. */
export const hopping = ({ sizeMs, advanceMs }: { sizeMs: number; advanceMs: number }): WindowKind => {
  if (!(advanceMs > 0 && sizeMs % advanceMs === 0))
    throw new RangeError(`${advanceMs} ms do not divide ${sizeMs} ms`);
  return { kind: 'fixed', sizeMs, advanceMs };
};

/** One window for as long as a key's events follow each other within `gapMs`. */
export const gap = (gapMs: number): WindowKind => ({ kind: 'gap', gapMs });

/** The windows of one event, earliest first. That of a gap window grows when it meets another one of its key. */
export const spansOf = (window: WindowKind, atMs: number): Span[] => {
  // Two events that lie exactly `gapMs` apart share a window, as in Flink.
  if (window.kind === 'gap') return [{ fromMs: atMs, toMs: atMs + window.gapMs + 1 }];
  const { sizeMs, advanceMs } = window;
  const spans: Span[] = [];
  const last = Math.floor(atMs / advanceMs) * advanceMs;
  for (let fromMs = last - sizeMs + advanceMs; fromMs <= last; fromMs += advanceMs)
    spans.push({ fromMs, toMs: fromMs + sizeMs });
  return spans;
};

export const overlaps = (a: Span, b: Span): boolean => a.fromMs < b.toMs && b.fromMs < a.toMs;

/** In words, for drawings: `10 s`, `1 h every 5 min`, `30 min of silence`. */
export const windowInWords = (window: WindowKind): string => {
  if (window.kind === 'gap') return `until ${durationInWords(window.gapMs)} of silence`;
  const { sizeMs, advanceMs } = window;
  return sizeMs === advanceMs
    ? `every ${durationInWords(sizeMs)}`
    : `${durationInWords(sizeMs)}, every ${durationInWords(advanceMs)}`;
};

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const durationInWords = (ms: number): string => {
  const [name, size] = units.find(([, unitMs]) => ms >= unitMs && ms % unitMs === 0) ?? ['ms', 1];
  return `${ms / size} ${name}`;
};
