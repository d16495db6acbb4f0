import { expect, it } from 'vitest';
import { drawCharts } from './drawing.js';

const chart = { title: 'A < B', xTitle: 'x', yTitle: 'y' };
const line = (...ys: number[]) => ({ name: 'line', points: ys.map((y, x) => ({ x, y })) });

it('draws each line from the left to the right, higher values further up', () => {
  const svg = drawCharts([{ ...chart, lines: [line(0, 50, 100)] }]);
  const path = /<path d="M([^"]+)" fill="none"/
    .exec(svg)?.[1]
    ?.split('L')
    .map((place) => place.split(' ').map(Number));
  expect(path).toEqual([
    [64, 200],
    [327, 122],
    [590, 44],
  ]);
  expect(svg).toContain('A &lt; B');
});

it('places 1, 10 and 100 at equal distances on a logarithmic axis, and leaves out what is not a number', () => {
  const points = [1, 10, 100].map((x) => ({ x, y: 1 }));
  const svg = drawCharts([
    { ...chart, xLogarithmic: true, lines: [{ name: 'a', points: [...points, { x: 100, y: Number.NaN }] }] },
  ]);
  expect([...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x))).toEqual([64, 327, 590]);
  expect(svg).not.toContain('NaN');
});

it('begins a logarithmic upright axis at a power of ten', () => {
  const svg = drawCharts([{ ...chart, yLogarithmic: true, lines: [line(1, 10, 100)] }]);
  expect([...svg.matchAll(/cy="([\d.]+)"/g)].map(([, y]) => Number(y))).toEqual([200, 122, 44]);
});
