import { useEffect, useRef, useState } from 'react';
import { classes } from '../../kit/classes.ts';
import { formatDuration } from '../../kit/time.ts';
import { type Due, dueText, type Lane, type Saga, type Span } from '../../saga/saga.ts';
import { type TimeScale, timeScale } from '../../saga/time-scale.ts';

const lanes: readonly { lane: Lane; name: string }[] = [
  { lane: 'order', name: 'Order' },
  { lane: 'stock', name: 'Stock' },
  { lane: 'payment', name: 'Payment' },
  { lane: 'delivery', name: 'Delivery' },
];

const labelWidth = 84;
const rowHeight = 30;
const rightMargin = 28;

const barLooks: Readonly<Record<Span['state'], string>> = {
  done: 'fill-good',
  open: 'fill-action',
  overdue: 'fill-bad',
  refused: 'fill-bad',
  undone: 'fill-warn',
};
const words: Readonly<Record<Span['state'], string>> = {
  done: 'done',
  open: 'under way',
  overdue: 'overdue',
  refused: 'refused or cancelled',
  undone: 'taken back',
};

/** The saga on a line of time: a bar for what was asked and answered, a dot for each event, long waits folded. */
export const Timeline = ({
  saga,
  nowMs,
  selected,
  onSelect,
}: {
  saga: Saga;
  nowMs: number;
  selected: string | undefined;
  onSelect(key: string | undefined): void;
}) => {
  const { box, width } = useWidth();
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const lasts = saga.due.length > 0;
  const instants = [...saga.events.map(({ atMs }) => atMs), ...(lasts ? [nowMs] : [])];
  const scale = timeScale(instants, Math.max(120, width - labelWidth - rightMargin), opened);
  const rows = rowsOf(saga);
  const height = rows.reduce((sum, { spans }) => sum + Math.max(1, spans.length) * rowHeight, 0) + 36;
  const [startMs, endMs] = [Math.min(...instants), Math.max(...instants)];
  const total = formatDuration(endMs - startMs);
  const toggle = (fromMs: number): void => {
    const next = new Set(opened);
    if (!next.delete(fromMs)) next.add(fromMs);
    setOpened(next);
  };
  return (
    <section aria-label="Timeline" className="rounded-xl border border-line bg-surface p-4">
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <h2 className="font-semibold">Timeline</h2>
        <Legend spans={saga.spans} />
      </div>
      <div ref={box} className="w-full overflow-hidden">
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot stand for a drawing with buttons in it. */}
        <svg
          width={width}
          height={height}
          role="group"
          aria-label={`${saga.spans.length} steps`}
          className="block"
        >
          <Folds {...{ scale, height, endMs, total, onToggle: toggle }} />
          {rows.map(({ lane, name, spans, y }) => (
            <g key={lane}>
              <text x={0} y={y + 19} className="fill-ink-soft text-xs">
                {name}
              </text>
              <line
                x1={labelWidth}
                x2={width - rightMargin}
                y1={y + Math.max(1, spans.length) * rowHeight}
                y2={y + Math.max(1, spans.length) * rowHeight}
                className="stroke-line"
              />
              {spans.map((span, at) => (
                <Bar key={span.key} {...{ span, scale, nowMs }} y={y + at * rowHeight} />
              ))}
            </g>
          ))}
          <Dots {...{ saga, rows, scale, selected, onSelect }} />
          {saga.due.length > 0 && <Now x={labelWidth + scale.x(nowMs)} height={height} />}
          <text x={labelWidth} y={height - 6} className="fill-ink-soft text-2xs">
            0
          </text>
          <text
            x={labelWidth + scale.width}
            y={height - 6}
            textAnchor="end"
            className="fill-ink-soft text-2xs"
          >
            {`${total}${lasts ? ', now' : ''}`}
          </text>
        </svg>
      </div>
      {opened.size > 0 && (
        <button type="button" className="text-action text-sm underline" onClick={() => setOpened(new Set())}>
          Fold the waits again
        </button>
      )}
      <DueList due={saga.due} nowMs={nowMs} />
    </section>
  );
};

type Row = { lane: Lane; name: string; spans: readonly Span[]; y: number };

const rowsOf = ({ spans, events }: Saga): Row[] => {
  let y = 0;
  return lanes
    .filter(
      ({ lane }) => spans.some((span) => span.lane === lane) || events.some((event) => event.lane === lane),
    )
    .map(({ lane, name }) => {
      const own = spans.filter((span) => span.lane === lane);
      const row = { lane, name, spans: own, y };
      y += Math.max(1, own.length) * rowHeight;
      return row;
    });
};

const useWidth = () => {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { box, width };
};

const Bar = ({ span, scale, nowMs, y }: { span: Span; scale: TimeScale; nowMs: number; y: number }) => {
  const fromX = labelWidth + scale.x(span.fromMs);
  const toX = labelWidth + scale.x(span.toMs ?? nowMs);
  const width = Math.max(3, toX - fromX);
  const took = formatDuration((span.toMs ?? nowMs) - span.fromMs);
  const text = `${span.name}${span.toMs === span.fromMs ? '' : ` · ${took}${span.toMs === null ? ' so far' : ''}`}`;
  const textWidth = text.length * 6.4;
  const isRoomRight = labelWidth + scale.width - toX > textWidth;
  const isRoomLeft = fromX - labelWidth > textWidth;
  return (
    <g>
      <rect
        x={fromX}
        y={y + 7}
        width={width}
        height={16}
        rx={3}
        className={classes(
          barLooks[span.state],
          (span.state === 'open' || span.state === 'overdue') && 'saga-moving',
        )}
      />
      <text
        x={isRoomRight ? toX + 8 : isRoomLeft ? fromX - 8 : fromX + 10}
        y={y + 19}
        textAnchor={!isRoomRight && isRoomLeft ? 'end' : 'start'}
        className={classes('text-xs', isRoomRight || isRoomLeft ? 'fill-ink' : 'fill-surface font-medium')}
      >
        {isRoomRight || isRoomLeft || width > textWidth + 20 ? text : ''}
      </text>
      <title>{text}</title>
    </g>
  );
};

const Dots = ({
  saga,
  rows,
  scale,
  selected,
  onSelect,
}: {
  saga: Saga;
  rows: readonly Row[];
  scale: TimeScale;
  selected: string | undefined;
  onSelect(key: string | undefined): void;
}) => {
  const cause = saga.events.find(({ eventId }) => eventId === selected)?.causationId;
  return saga.events.map((event) => {
    const row = rows.find(({ lane }) => lane === event.lane);
    if (row === undefined) return null;
    const { key } = event;
    const spanAt = row.spans.findIndex(
      ({ toMs, fromMs }) => toMs === event.atMs || (toMs === null && fromMs === event.atMs),
    );
    return (
      // biome-ignore lint/a11y/noStaticElementInteractions: the same events are buttons in the list below.
      <circle
        key={key}
        cx={labelWidth + scale.x(event.atMs)}
        cy={row.y + Math.max(0, spanAt) * rowHeight + 15}
        r={key === selected ? 7 : 5}
        onClick={() => onSelect(key === selected ? undefined : key)}
        className={classes(
          'cursor-pointer stroke-2 stroke-surface',
          key === selected ? 'fill-action' : event.eventId === cause && cause ? 'fill-accent' : 'fill-ink',
        )}
      >
        <title>{`${event.type} · ${event.occurredAt}`}</title>
      </circle>
    );
  });
};

const Folds = ({
  scale,
  height,
  endMs,
  total,
  onToggle,
}: {
  scale: TimeScale;
  height: number;
  endMs: number;
  /** Stands at the end of the line already, so a last fold of the same length does not repeat it. */
  total: string;
  onToggle(fromMs: number): void;
}) =>
  scale.folds.map(({ fromMs, toMs, fromX, toX }) => (
    // biome-ignore lint/a11y/useSemanticElements: a button cannot stand within a drawing.
    <g
      key={fromMs}
      role="button"
      tabIndex={0}
      aria-label={`${formatDuration(toMs - fromMs)} without an event; show at its true length`}
      onClick={() => onToggle(fromMs)}
      onKeyDown={({ key }) => key === 'Enter' && onToggle(fromMs)}
      className="cursor-pointer"
    >
      <rect
        x={labelWidth + fromX + 6}
        y={0}
        width={Math.max(0, toX - fromX - 12)}
        height={height - 30}
        className="fill-sunken opacity-80"
      />
      <text
        x={labelWidth + (fromX + toX) / 2}
        y={height - 20}
        textAnchor="middle"
        className="fill-ink-soft text-2xs"
      >
        {toMs === endMs && formatDuration(toMs - fromMs) === total ? '' : formatDuration(toMs - fromMs)}
      </text>
    </g>
  ));

const Now = ({ x, height }: { x: number; height: number }) => (
  <line x1={x} x2={x} y1={0} y2={height - 30} strokeDasharray="3 3" className="stroke-line-strong">
    <title>now</title>
  </line>
);

const Legend = ({ spans }: { spans: readonly Span[] }) => (
  <ul aria-hidden="true" className="flex flex-wrap gap-x-4 gap-y-1 text-ink-soft text-xs">
    {[...new Set(spans.map(({ state }) => state))].map((state) => (
      <li key={state} className="inline-flex items-center gap-1.5">
        <svg width={14} height={8} aria-hidden="true">
          <rect width={14} height={8} rx={2} className={barLooks[state]} />
        </svg>
        {words[state]}
      </li>
    ))}
  </ul>
);

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const DueList = ({ due, nowMs }: { due: readonly Due[]; nowMs: number }) => {
  if (due.length === 0) return null;
  return (
    <ul className="mt-3 flex flex-col gap-1 border-line border-t pt-3 text-sm">
      {due.map(({ what, sinceMs, byMs, isOverdue }) => (
        <li key={what} className="flex items-center gap-2">
          <svg width={12} height={12} aria-hidden="true">
            <circle
              cx={6}
              cy={6}
              r={4.5}
              className={isOverdue ? 'fill-bad' : 'fill-transparent stroke-2 stroke-ink-soft'}
            />
          </svg>
          <span>
            {isOverdue ? 'Overdue' : 'Next'}: {dueText(what)}
          </span>
          <span className="text-ink-soft">
            waiting {formatDuration(nowMs - sinceMs)}
            {byMs !== null && `, until ${clock.format(new Date(byMs))}`}
          </span>
        </li>
      ))}
    </ul>
  );
};
