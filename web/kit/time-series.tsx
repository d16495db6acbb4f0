import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { timeFormats } from './time.ts';
import './time-series.css';

export type Series = {
  name: string;
  /** A token of the palette: `series-1`. */
  colour: string;
  /** `growing` is the dashed end of the line before it. */
  look?: 'line' | 'bars' | 'before' | 'growing';
};

/** Columns of one length: seconds since the epoch, then one for each series; null is a gap. */
export type Columns = [number[], ...(number | null)[][]];

type Props = {
  columns: Columns;
  series: readonly Series[];
  height: number;
  /** How a value is written in full; the axis uses `formatAxis`. */
  format(value: number): string;
  formatAxis?(value: number): string;
  /** From here on the figures are not complete: the rest is dashed and shaded. */
  incompleteFrom?: number | undefined;
  zone: string;
  /** One sentence for those who do not see the drawing. */
  summary: string;
  /** Seconds of the bucket that was chosen. */
  onPick?: (fromS: number) => void;
};

const tokenOf = (element: Element, name: string): string => {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
};

const eventsDashed = [4, 4];

// Over seventy lines: one instance of uPlot, made once and told only of what has changed.
/**
 * A chart over time: one uPlot for as long as it stands, given new data and never made anew for it. Arrow keys move its
 * cursor; the chosen point is spoken.
 */
export const TimeSeries = (props: Props) => {
  const box = useRef<HTMLDivElement>(null);
  const spoken = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const shape = props.series.map(({ name, look, colour }) => `${name} ${look} ${colour}`).join();

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new instance only for another shape, never for new data.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(
      optionsOf(element, () => latest.current),
      latest.current.columns as uPlot.AlignedData,
      element,
    );
    plot.current = made;
    const sized = new ResizeObserver(([entry]) => {
      if (entry)
        made.setSize({
          width: Math.max(120, Math.floor(entry.contentRect.width)),
          height: latest.current.height,
        });
    });
    sized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => made.redraw(false);
    scheme.addEventListener('change', redraw);
    const theme = new MutationObserver(redraw);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      sized.disconnect();
      theme.disconnect();
      scheme.removeEventListener('change', redraw);
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, props.zone]);

  useEffect(() => {
    plot.current?.setData(props.columns as uPlot.AlignedData);
  }, [props.columns]);

  const move = (event: React.KeyboardEvent): void => {
    const chart = plot.current;
    const [times] = props.columns;
    if (!chart || times.length === 0) return;
    const at = chart.cursor.idx ?? times.length;
    const steps: Record<string, number> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      Home: 0,
      End: times.length - 1,
    };
    const to = steps[event.key];
    if (event.key === 'Enter' && chart.cursor.idx != null) props.onPick?.(times[chart.cursor.idx] as number);
    if (to === undefined) return;
    event.preventDefault();
    const next = Math.min(times.length - 1, Math.max(0, to));
    chart.setCursor({ left: chart.valToPos(times[next] as number, 'x'), top: chart.over.clientHeight / 2 });
    if (spoken.current) spoken.current.textContent = pointText(props, next);
  };

  return (
    <figure>
      <figcaption className="sr-only">{props.summary}</figcaption>
      <div
        ref={box}
        role="application"
        aria-label={`${props.summary} Arrow keys move from point to point.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move the cursor of the chart.
        tabIndex={0}
        onKeyDown={move}
        className="time-series w-full"
      />
      <p ref={spoken} role="status" className="sr-only" />
    </figure>
  );
};

const pointText = ({ columns: [times, ...values], series, format, zone }: Props, at: number): string => {
  const parts = series.flatMap(({ name, look }, place) => {
    const value = values[place]?.[at];
    // Where a line still grows its figure is that of its end, and the line itself has none.
    if (look === 'growing')
      return value == null || values[place - 1]?.[at] != null ? [] : [`${format(value)} ${name}`];
    const goesOn = series[place + 1]?.look === 'growing' && values[place + 1]?.[at] != null;
    return value == null && goesOn ? [] : [`${name} ${value == null ? 'unknown' : format(value)}`];
  });
  return `${timeFormats(zone).moment.format((times[at] ?? 0) * 1000)}: ${parts.join(', ')}`;
};

const daySeconds = 86_400;

/** The hour; or the day, where the ticks are days or a day begins. */
const timesOf = (splits: readonly number[], zone: string): string[] => {
  const { clock, day } = timeFormats(zone);
  const isDays = (splits[1] ?? 0) - (splits[0] ?? 0) >= daySeconds - 3600;
  return splits.map((seconds) => {
    const time = clock.format(seconds * 1000);
    return isDays || time === '00:00' ? day.format(seconds * 1000) : time;
  });
};

const font = '11px Figtree, system-ui, sans-serif';

const optionsOf = (element: HTMLElement, latest: () => Props): uPlot.Options => {
  const { series, height, zone } = latest();
  const colourOf = (name: string) => () => tokenOf(element, name);
  const grid = { stroke: colourOf('line'), width: 1 };
  return {
    width: Math.max(120, element.clientWidth),
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    legend: { show: false },
    // Half of a label of time stands beyond the last point.
    padding: [8, 22, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 7 },
    },
    scales: {
      x: { time: true, range: (_plot, min, max) => (min === max ? [min - 1800, max + 1800] : [min, max]) },
      y: { range: (_plot, min, max) => [Math.min(0, min ?? 0), max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      {
        stroke: colourOf('ink-soft'),
        font,
        grid: { show: false },
        ticks: { show: false },
        space: 90,
        size: 26,
        values: (_plot, splits) => timesOf(splits, zone),
      },
      {
        stroke: colourOf('ink-soft'),
        font,
        grid,
        ticks: { show: false },
        space: 44,
        size: 64,
        values: (_plot, splits) => splits.map((value) => (latest().formatAxis ?? latest().format)(value)),
      },
    ],
    series: [
      {},
      ...series.map(
        ({ name, colour, look }): uPlot.Series => ({
          label: name,
          stroke: colourOf(colour),
          width: look === 'before' ? 1.25 : 2,
          ...(look === 'before' ? { dash: [2, 3] } : look === 'growing' ? { dash: [6, 4] } : {}),
          ...(look === 'bars'
            ? {
                paths: uPlot.paths.bars?.({ size: [0.72, 40], align: 1 }) as uPlot.Series.PathBuilder,
                fill: colourOf(colour),
                width: 0,
              }
            : {}),
          points: { show: look !== 'bars', size: 6, filter: alone },
          spanGaps: false,
        }),
      ),
    ],
    hooks: { draw: [shadeIncomplete(latest)], ready: [pickOnClick(latest)], setCursor: [showTip(latest)] },
  };
};

/** A value between two gaps has no line, so it is drawn as a point. */
const alone = (plot: uPlot, place: number): number[] => {
  const values = plot.data[place] ?? [];
  return [...values.keys()].filter(
    (at) => values[at] != null && values[at - 1] == null && values[at + 1] == null,
  );
};

/** What is not complete yet is shaded and has a dashed edge. */
const shadeIncomplete =
  (latest: () => Props) =>
  (plot: uPlot): void => {
    const {
      incompleteFrom,
      columns: [times],
    } = latest();
    const last = times.at(-1);
    if (incompleteFrom === undefined || last === undefined) return;
    const { left, top, width, height } = plot.bbox;
    const from = Math.max(left, Math.min(left + width, plot.valToPos(incompleteFrom, 'x', true)));
    const { ctx } = plot;
    ctx.save();
    ctx.fillStyle = tokenOf(plot.root, 'sunken');
    ctx.globalAlpha = 0.55;
    ctx.fillRect(from, top, left + width - from, height);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = tokenOf(plot.root, 'line-strong');
    ctx.setLineDash(eventsDashed);
    ctx.beginPath();
    ctx.moveTo(from, top);
    ctx.lineTo(from, top + height);
    ctx.stroke();
    ctx.restore();
  };

const pickOnClick =
  (latest: () => Props) =>
  (plot: uPlot): void => {
    plot.over.addEventListener('click', () => {
      const {
        onPick,
        columns: [times],
      } = latest();
      if (plot.cursor.idx != null) onPick?.(times[plot.cursor.idx] as number);
    });
  };

/** The tip lives inside the chart, so that it goes with it. */
const showTip =
  (latest: () => Props) =>
  (plot: uPlot): void => {
    let tip = plot.over.querySelector<HTMLElement>('.time-series-tip');
    if (tip === null) {
      tip = document.createElement('div');
      tip.className = 'time-series-tip';
      tip.setAttribute('aria-hidden', 'true');
      plot.over.append(tip);
    }
    const { idx, left = -1 } = plot.cursor;
    tip.hidden = idx == null || left < 0;
    if (idx == null || left < 0) return;
    tip.textContent = pointText(latest(), idx).replaceAll(', ', '\n').replace(': ', '\n');
    const isRight = left > plot.over.clientWidth / 2;
    tip.style.left = isRight ? 'auto' : `${left + 12}px`;
    tip.style.right = isRight ? `${plot.over.clientWidth - left + 12}px` : 'auto';
  };
