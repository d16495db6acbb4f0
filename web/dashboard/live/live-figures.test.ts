import { expect, it } from 'vitest';
import { createLiveBuffers } from './live-figures.ts';

const startMs = Date.parse('2026-03-01T12:00:00.000Z');
const iso = (afterS: number): string => new Date(startMs + afterS * 1000).toISOString();
const window = (fromS: number, lengthS: number, amountMinor: number, currency = 'GBP') => ({
  from: iso(fromS),
  to: iso(fromS + lengthS),
  orders: 1,
  gmv: [{ currency, amountMinor }],
  refunds: [],
  visitors: 3,
  conversion: 0.33,
});

it('knows nothing before its first update', () => {
  const beforeMs = Date.now();
  const figures = createLiveBuffers().figures('GBP');
  expect(figures.asOf).toBeUndefined();
  expect([...figures.minutes.gmv, ...figures.tenSeconds[1]].every((value) => value === null)).toBe(true);
  // The axis is of these minutes all the same.
  expect(figures.minutes.newestMs).toBeGreaterThan(beforeMs - 60_000);
  expect(figures.tenSeconds[0].at(-1)).toBeGreaterThan(beforeMs / 1000 - 10);
});

it('waits where its source knows nothing yet, and no longer when an update has come', () => {
  const buffers = createLiveBuffers();
  expect(buffers.figures('GBP').isWaiting).toBe(false);
  buffers.wait();
  expect([buffers.isChanged(), buffers.figures('GBP').isWaiting]).toEqual([true, true]);
  buffers.take({ asOf: iso(60), lagMs: 0, minutes: [window(0, 60, 500)], tenSeconds: [] });
  expect(buffers.figures('GBP').isWaiting).toBe(false);
  // Redis was emptied: what was known stands, and is said to be of then.
  buffers.wait();
  expect(buffers.figures('GBP')).toMatchObject({ isWaiting: true, asOf: iso(60) });
});

it('counts a quiet window 0 once it is over, and leaves what it was never sent unknown', () => {
  const buffers = createLiveBuffers();
  buffers.take({
    asOf: iso(610),
    lagMs: 0,
    minutes: [window(540, 60, 500)],
    tenSeconds: [window(590, 10, 500)],
  });
  const { minutes, tenSeconds, landed } = buffers.figures('GBP');
  expect(minutes.gmv.slice(-3)).toEqual([0, 500, 0]);
  expect(minutes.newestMs).toBe(startMs + 600_000);
  expect(minutes.gmv.slice(0, 14).every((value) => value === null)).toBe(true);
  expect(tenSeconds[1].slice(-4)).toEqual([0, 500, 0, 0]);
  expect(tenSeconds[0].at(-1)).toBe(startMs / 1000 + 610);
  expect(landed).toBe(1);
});

it('keeps the currencies apart, whichever is looked at first', () => {
  const buffers = createLiveBuffers();
  buffers.take({
    asOf: iso(60),
    lagMs: 0,
    minutes: [window(0, 60, 500), window(0, 60, 700, 'EUR')],
    tenSeconds: [],
  });
  expect(buffers.figures('EUR').minutes.gmv.at(-2)).toBe(700);
  expect(buffers.figures('GBP').minutes.gmv.at(-2)).toBe(500);
  const unasked = buffers.figures(undefined);
  expect([unasked.currency, unasked.minutes.gmv.at(-2)]).toEqual(['GBP', 500]);
});

it('replaces a window that grows, and holds no more than it shows', () => {
  const buffers = createLiveBuffers();
  for (let second = 0; second < 7200; second += 10)
    buffers.take({
      asOf: iso(second),
      lagMs: 0,
      minutes: [window(Math.floor(second / 60) * 60, 60, second)],
      tenSeconds: [],
    });
  const { minutes } = buffers.figures('GBP');
  expect(minutes.gmv.length).toBe(30);
  expect(minutes.gmv.at(-1)).toBe(7190);
});
