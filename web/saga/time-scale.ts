/** Places instants on a line so that bursts of milliseconds can be read beside days of waiting. */

export type Fold = { fromMs: number; toMs: number; fromX: number; toX: number };

export type TimeScale = {
  /** 0 to `width`; times outside are moved to the ends. */
  x(atMs: number): number;
  /** The idle stretches that were given a fixed width. */
  folds: readonly Fold[];
  width: number;
};

const foldWidth = 48;
/** Nothing shorter is idle time. */
const foldMsMin = 2_000;
/** A gap is folded when it is so many times as long as all shorter gaps together. */
const foldFactor = 3;

/** `opened` are the starts of folds that are shown at their true length. */
export const timeScale = (
  instants: readonly number[],
  width: number,
  opened: ReadonlySet<number> = new Set(),
): TimeScale => {
  const times = [...new Set(instants)].sort((a, b) => a - b);
  const gaps = times.slice(1).map((toMs, at) => ({ fromMs: times[at] as number, toMs }));
  const folded = new Set(foldedOf(gaps).filter(({ fromMs }) => !opened.has(fromMs)));
  const foldsWidth = Math.min(foldWidth, width / 2 / Math.max(1, folded.size));
  const trueMs = gaps.reduce((sum, gap) => sum + (folded.has(gap) ? 0 : gap.toMs - gap.fromMs), 0);
  const perMs = trueMs === 0 ? 0 : (width - folded.size * foldsWidth) / trueMs;
  let x = 0;
  const pieces = gaps.map((gap) => {
    const fromX = x;
    x += folded.has(gap) ? foldsWidth : (gap.toMs - gap.fromMs) * perMs;
    return { ...gap, fromX, toX: x };
  });
  const find = (atMs: number): number => {
    const piece = pieces.find(({ toMs }) => atMs <= toMs);
    if (piece === undefined) return x;
    if (atMs <= piece.fromMs) return piece.fromX;
    return piece.fromX + ((atMs - piece.fromMs) / (piece.toMs - piece.fromMs)) * (piece.toX - piece.fromX);
  };
  return { x: find, width, folds: pieces.filter((_, at) => folded.has(gaps[at] as (typeof gaps)[number])) };
};

const foldedOf = <G extends { fromMs: number; toMs: number }>(gaps: readonly G[]): G[] => {
  const byLength = [...gaps].sort((a, b) => a.toMs - a.fromMs - (b.toMs - b.fromMs));
  let shorterMs = 0;
  for (const [at, { fromMs, toMs }] of byLength.entries()) {
    const ms = toMs - fromMs;
    if (at > 0 && ms >= foldMsMin && ms > foldFactor * shorterMs) return byLength.slice(at);
    shorterMs += ms;
  }
  return [];
};
