import { useEffect, useState } from 'react';
import { classes } from './classes.ts';
import { formatDuration, timeFormats } from './time.ts';

const amberMs = 30_000;
const redMs = 300_000;

/** The time of now, once a second while the page is seen. */
export const useNow = (everyMs = 1000): number => {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && setNowMs(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowMs;
};

/**
 * The age of a figure: `asOf` is the event time up to which it is complete. It counts up while no new answer comes, and
 * says by word as well as by colour when it is behind.
 */
export const Freshness = ({
  asOf,
  lagMs,
  answeredAtMs,
  isWhole = false,
  isCutOff = false,
  zone,
}: {
  asOf: string | undefined;
  /** What the server itself is behind. */
  lagMs: number;
  /** When the server said so, by the clock of this machine, which may be another than the server's; 0 before an answer. */
  answeredAtMs: number;
  /** The figures end before `asOf`, so that nothing new comes to them. */
  isWhole?: boolean;
  /** No answer comes at all: figures shown are old ones. */
  isCutOff?: boolean;
  /** Of the figures beside it; without one the reader's own. */
  zone?: string;
}) => {
  const nowMs = useNow();
  if (asOf === undefined) return <span className="text-ink-soft text-xs">no data yet</span>;
  const ageMs = lagMs + (answeredAtMs === 0 ? 0 : Math.max(0, nowMs - answeredAtMs));
  const state = isCutOff
    ? 'cut off'
    : isWhole
      ? 'live'
      : ageMs > redMs
        ? 'far behind'
        : ageMs > amberMs
          ? 'behind'
          : 'live';
  return (
    <span
      className={classes(
        'tabular inline-flex items-center gap-1.5 whitespace-nowrap text-xs',
        state === 'live' ? 'text-ink-soft' : state === 'behind' ? 'text-warn' : 'text-bad',
      )}
    >
      <span
        aria-hidden="true"
        className={classes('size-1.5 rounded-full bg-current', state === 'live' && 'text-good')}
      />
      {state === 'live'
        ? `complete to ${timeFormats(zone).second.format(new Date(asOf))}`
        : `${state} by ${formatDuration(ageMs)}`}
    </span>
  );
};
