/** Line charts as SVG, one above the other, readable on a light and on a dark page. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { projectPath } from '#platform/project';
import type { Point } from './figures.js';

export type Line = { name: string; points: readonly Point[] };
export type Chart = {
  title: string;
  xTitle: string;
  yTitle: string;
  lines: readonly Line[];
  /** True for a logarithmic axis, with a mark at each point. */
  xLogarithmic?: boolean;
  /** True for a logarithmic axis between powers of ten. */
  yLogarithmic?: boolean;
};

const width = 760;
const height = 240;
const noteHeight = 26;
const margin = { top: 44, right: 170, bottom: 40, left: 64 };
const colours = [
  '#2563eb',
  '#d97706',
  '#059669',
  '#dc2626',
  '#7c3aed',
  '#0891b2',
  '#be185d',
  '#65a30d',
  '#475569',
  '#a16207',
  '#9333ea',
  '#111827',
];
const markCount = 5;
/** A line of more points is drawn without them. */
const pointsDotted = 8;

const folder = 'docs/figures';

/** Writes `docs/figures/<name>.svg`; `note` says in what circumstances it was measured. */
export const writeDrawing = (name: string, charts: readonly Chart[], note: string): void => {
  mkdirSync(projectPath(folder), { recursive: true });
  writeFileSync(projectPath(`${folder}/${name}.svg`), drawCharts(charts, note));
  console.log(`drawn to ${folder}/${name}.svg`);
};

export const drawCharts = (charts: readonly Chart[], note = ''): string => {
  const total = height * charts.length + (note === '' ? 0 : noteHeight);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" font-family="system-ui, sans-serif" font-size="11">`,
    `<title>${escaped(charts.map(({ title }) => title).join('; '))}</title>`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...charts.map((chart, at) => `<g transform="translate(0 ${at * height})">${drawChart(chart)}</g>`),
    ...(note === '' ? [] : [text(14, total - 10, note, 'fill="#4b5563"')]),
    '</svg>',
    '',
  ].join('\n');
};

const drawChart = (chart: Chart): string => {
  const points = chart.lines.flatMap((line) => line.points).filter(({ y }) => Number.isFinite(y));
  const xs = points.map(({ x }) => x);
  const x = chart.xLogarithmic
    ? axis({ from: Math.min(...xs), to: Math.max(...xs), marks: [...new Set(xs)], scale: Math.log })
    : evenAxis(Math.min(...xs, 0), niceAbove(Math.max(...xs)));
  const y = chart.yLogarithmic
    ? powersAxis(points.map((point) => point.y))
    : evenAxis(0, niceAbove(Math.max(...points.map((point) => point.y), 0)));
  const right = width - margin.right;
  const bottom = height - margin.bottom;
  const placeX = (value: number): number => margin.left + x.share(value) * (right - margin.left);
  const placeY = (value: number): number => bottom - y.share(value) * (bottom - margin.top);
  return [
    text(margin.left, 18, chart.title, 'font-weight="600" font-size="13"'),
    ...y.marks.flatMap((mark) => [
      `<path d="M${margin.left} ${placeY(mark).toFixed(1)}H${right}" stroke="#e5e7eb"/>`,
      text(margin.left - 6, placeY(mark) + 4, label(mark), 'text-anchor="end" fill="#4b5563"'),
    ]),
    ...x.marks.map((mark) =>
      text(placeX(mark), bottom + 16, label(mark), 'text-anchor="middle" fill="#4b5563"'),
    ),
    text((margin.left + right) / 2, bottom + 32, chart.xTitle, 'text-anchor="middle" fill="#4b5563"'),
    text(14, margin.top - 12, chart.yTitle, 'fill="#4b5563"'),
    ...chart.lines.map((line, at) => {
      const colour = colours[at % colours.length] as string;
      const placed = line.points
        .filter((point) => Number.isFinite(point.y))
        .map((point) => ({ x: placeX(point.x).toFixed(1), y: placeY(point.y).toFixed(1) }));
      return [
        `<path d="M${placed.map((place) => `${place.x} ${place.y}`).join('L')}" fill="none" stroke="${colour}" stroke-width="1.8"/>`,
        ...(placed.length > pointsDotted ? [] : placed).map(
          (place) => `<circle cx="${place.x}" cy="${place.y}" r="3" fill="${colour}"/>`,
        ),
        text(right + 10, margin.top + 10 + at * 15, line.name, `fill="${colour}"`),
      ].join('');
    }),
  ].join('\n');
};

/** `share` is where a value lies on the axis, 0 at its beginning and 1 at its end. */
type Axis = { marks: readonly number[]; share(value: number): number };

const axis = ({
  from,
  to,
  marks,
  scale,
}: {
  from: number;
  to: number;
  marks: readonly number[];
  scale(value: number): number;
}): Axis => ({
  marks,
  share: (value) => (scale(value) - scale(from)) / (scale(to) - scale(from) || 1),
});

const evenAxis = (from: number, to: number): Axis =>
  axis({
    from,
    to,
    marks: Array.from({ length: markCount + 1 }, (_, n) => from + ((to - from) * n) / markCount),
    scale: (value) => value,
  });

const powersAxis = (values: readonly number[]): Axis => {
  const positive = values.filter((value) => value > 0);
  const lowest = Math.floor(Math.log10(Math.min(...positive)));
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const marks = Array.from({ length: highest - lowest + 1 }, (_, n) => 10 ** (lowest + n));
  return axis({ from: 10 ** lowest, to: 10 ** highest, marks, scale: Math.log });
};

const text = (x: number, y: number, content: string, attributes: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(content)}</text>`;

const escaped = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const label = (value: number): string => {
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(2)));
};

/** The next round number; one that is exceeded by a two-hundredth serves too, such as 60 minutes by the last sample. */
const niceAbove = (value: number): number => {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const rounds = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  return rounds.map((round) => round * power).find((round) => round * 1.005 >= value) as number;
};
