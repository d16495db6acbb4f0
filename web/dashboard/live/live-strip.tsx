import { classes } from '../../kit/classes.ts';
import { useNow } from '../../kit/freshness.tsx';
import { formatDuration, timeFormats } from '../../kit/time.ts';
import { TimeSeries } from '../../kit/time-series.tsx';
import { compact, count, exact } from '../formats.ts';
import type { LiveFigures } from './live-figures.ts';

const series = [{ name: 'Sold in ten seconds', colour: 'series-1', look: 'line' }] as const;

/** Money and orders of these minutes, moving as they land. Marked live: the log may still add to them. */
export const LiveStrip = ({ figures, zone }: { figures: LiveFigures; zone: string }) => {
  const { minutes, tenSeconds, visitorsNow, currency } = figures;
  const dimmed = classes('min-w-0', (figures.state !== 'open' || figures.isWaiting) && 'opacity-55');
  const now = minutes.gmv.at(-1) ?? null;
  const lastMinute = minutes.gmv.at(-2) ?? null;
  return (
    <section
      aria-label="Live"
      className="grid grid-cols-[minmax(0,1fr)] gap-x-8 gap-y-4 rounded-xl border border-line bg-surface p-4 lg:grid-cols-[auto_minmax(0,1fr)_minmax(0,1fr)]"
    >
      <div className="flex min-w-44 flex-col">
        <StreamMark figures={figures} />
        <p className="tabular mt-1 font-semibold text-4xl tracking-tight" data-testid="live-gmv">
          {now === null ? '–' : exact(now, currency)}
        </p>
        <p className="text-ink-soft text-sm">sold in this minute so far</p>
        <p className="mt-2 text-sm">
          <span className="tabular font-semibold">
            {lastMinute === null ? '–' : exact(lastMinute, currency)}
          </span>{' '}
          <span className="text-ink-soft">in the minute before</span>
        </p>
        <p className="text-sm">
          <span className="tabular font-semibold">{visitorsNow === null ? '–' : count(visitorsNow)}</span>{' '}
          <span className="text-ink-soft">{visitorsNow === 1 ? 'visitor' : 'visitors'} in this minute</span>
        </p>
      </div>
      <div className="min-w-0">
        <h2 className="mb-1 text-ink-soft text-xs">Sold in each minute, the last thirty</h2>
        <div className={dimmed}>
          <MinuteBars
            values={minutes.gmv}
            newestMs={minutes.newestMs}
            format={(value) => exact(value, currency)}
            zone={zone}
          />
        </div>
      </div>
      <div className="min-w-0">
        <h2 className="mb-1 text-ink-soft text-xs">Every ten seconds, the last ten minutes</h2>
        <div className={dimmed}>
          <TimeSeries
            columns={tenSeconds}
            series={series}
            height={128}
            zone={zone}
            format={(value) => exact(value, currency)}
            formatAxis={(value) => compact(value, currency)}
            summary={`Money of each ten seconds; ${now === null ? 'unknown' : exact(now, currency)} in this minute.`}
          />
        </div>
      </div>
    </section>
  );
};

const StreamMark = ({ figures: { state, isWaiting, asOf } }: { figures: LiveFigures }) => {
  const nowMs = useNow();
  const isLive = state === 'open' && asOf !== undefined && !isWaiting;
  const since = asOf === undefined ? undefined : formatDuration(Math.max(0, nowMs - Date.parse(asOf)));
  return (
    <p
      className={classes(
        'inline-flex items-center gap-1.5 font-semibold text-sm',
        isLive ? 'text-good' : 'text-ink-soft',
      )}
    >
      <span
        aria-hidden="true"
        className={classes('size-2 rounded-full bg-current', isLive && 'animate-pulse')}
      />
      {isLive
        ? 'Live'
        : state === 'open' && isWaiting
          ? `Waiting for figures${since === undefined ? '' : `; the last are ${since} old`}`
          : since === undefined
            ? 'Connecting'
            : `Cut off ${since} ago`}
    </p>
  );
};

const barWidth = 100 / 30;

/** The running minute is outlined, because it still grows. */
const MinuteBars = ({
  values,
  newestMs,
  format,
  zone,
}: {
  values: readonly (number | null)[];
  newestMs: number;
  format(value: number): string;
  zone: string;
}) => {
  const max = Math.max(1, ...values.map((value) => value ?? 0));
  const { clock } = timeFormats(zone);
  return (
    <svg
      viewBox="0 0 100 32"
      preserveAspectRatio="none"
      className="h-32 w-full"
      role="img"
      aria-label="Money of each of the last thirty minutes"
    >
      <line x1="0" x2="100" y1="31.7" y2="31.7" strokeWidth="0.3" className="stroke-line" />
      {values.map((value, at) => {
        const height = value === null ? 0 : Math.max(value > 0 ? 0.6 : 0, (value / max) * 30);
        const isRunning = at === values.length - 1;
        const atMs = newestMs - (values.length - 1 - at) * 60_000;
        return (
          <rect
            key={atMs}
            x={at * barWidth + 0.4}
            y={31.6 - height}
            width={barWidth - 0.8}
            height={height}
            strokeWidth={1.5}
            vectorEffect="non-scaling-stroke"
            strokeDasharray={isRunning ? '3 2' : undefined}
            className={isRunning ? 'fill-action-wash stroke-series-1' : 'fill-series-1'}
          >
            <title>{`${clock.format(atMs)}: ${value === null ? 'unknown' : format(value)}${isRunning ? ' so far' : ''}`}</title>
          </rect>
        );
      })}
    </svg>
  );
};
