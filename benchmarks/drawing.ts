/** Line charts as SVG, one above the other, readable on a light and on a dark page. */

import type { Point } from './figures.js';

export type Line = { name: string; points: readonly Point[] };
export type Chart = {
  title: string;
  xTitle: string;
  yTitle: string;
  lines: readonly Line[];
  /** True for a logarithmic horizontal axis, with a mark at each point. */
  logarithmic?: boolean;
};

const width = 760;
const height = 240;
const margin = { top: 34, right: 170, bottom: 40, left: 64 };
const colours = ['#2563eb', '#d97706', '#059669', '#dc2626', '#7c3aed', '#0891b2', '#be185d', '#65a30d'];
const marks = 5;

export const drawCharts = (charts: readonly Chart[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height * charts.length}" width="${width}" height="${height * charts.length}" font-family="system-ui, sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...charts.map((chart, at) => `<g transform="translate(0 ${at * height})">${drawChart(chart)}</g>`),
    '</svg>',
    '',
  ].join('\n');

const drawChart = ({ title, xTitle, yTitle, lines, logarithmic = false }: Chart): string => {
  const points = lines.flatMap((line) => line.points).filter(({ y }) => Number.isFinite(y));
  const xs = points.map(({ x }) => x);
  const along = (x: number): number => (logarithmic ? Math.log(x) : x);
  const [fromX, toX] = [Math.min(...xs.map(along)), Math.max(...xs.map(along))];
  const topY = niceAbove(Math.max(...points.map(({ y }) => y), 0));
  const right = width - margin.right;
  const bottom = height - margin.bottom;
  const placeX = (x: number): number =>
    margin.left + ((along(x) - fromX) / (toX - fromX || 1)) * (right - margin.left);
  const placeY = (y: number): number => bottom - (y / topY) * (bottom - margin.top);
  const xMarks = logarithmic
    ? [...new Set(xs)]
    : Array.from({ length: marks + 1 }, (_, n) => fromX + ((toX - fromX) * n) / marks);
  return [
    text(margin.left, 18, title, 'font-weight="600" font-size="13"'),
    ...Array.from({ length: marks + 1 }, (_, n) => (topY * n) / marks).flatMap((y) => [
      `<path d="M${margin.left} ${placeY(y)}H${right}" stroke="#e5e7eb"/>`,
      text(margin.left - 6, placeY(y) + 4, label(y), 'text-anchor="end" fill="#4b5563"'),
    ]),
    ...xMarks.map((x) => text(placeX(x), bottom + 16, label(x), 'text-anchor="middle" fill="#4b5563"')),
    text((margin.left + right) / 2, bottom + 32, xTitle, 'text-anchor="middle" fill="#4b5563"'),
    text(14, margin.top - 8, yTitle, 'fill="#4b5563"'),
    ...lines.map((line, at) => {
      const colour = colours[at % colours.length] as string;
      const shown = line.points.filter(({ y }) => Number.isFinite(y));
      const path = shown.map(({ x, y }) => `${placeX(x).toFixed(1)} ${placeY(y).toFixed(1)}`).join('L');
      const dots = logarithmic || shown.length <= 8 ? shown : [];
      return [
        `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="1.8"/>`,
        ...dots.map(({ x, y }) => `<circle cx="${placeX(x)}" cy="${placeY(y)}" r="3" fill="${colour}"/>`),
        text(right + 10, margin.top + 10 + at * 15, line.name, `fill="${colour}"`),
      ].join('');
    }),
  ].join('\n');
};

const text = (x: number, y: number, content: string, attributes: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;

const label = (value: number): string => {
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(2)));
};

/** The next of 1, 2, 2.5, 5 and 10 times a power of ten. */
const niceAbove = (value: number): number => {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value) as number;
};
