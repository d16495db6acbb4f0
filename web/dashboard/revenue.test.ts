import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Period, Question } from './question.ts';

/** The API's bound of rows in one answer. */
const rowsOfApiMax = 10_000;

/** As many rows as the shop has of the period. */
let rows = 0;

beforeEach(() => {
  vi.resetModules();
  vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => {}, removeItem: () => {} });
  vi.stubGlobal(
    'Request',
    class extends Request {
      constructor(input: string, init?: RequestInit) {
        super(new URL(input, 'http://shop.example'), init);
      }
    },
  );
  vi.stubGlobal('fetch', async (request: Request) => {
    const { limit = 1_000 } = await request.json();
    if (limit > rowsOfApiMax) return Response.json({ code: 'validation_failed' }, { status: 422 });
    const items = Array.from({ length: Math.min(rows, limit) }, () => ({
      currency: 'EUR',
      net: 1,
      visits: 1,
    }));
    return Response.json({ items, truncated: rows > limit, asOf: '2026-03-01T06:00:00Z', lagMs: 0 });
  });
});
afterEach(() => vi.unstubAllGlobals());

const question = { range: 'custom', tz: 'UTC', compare: true, metric: 'net', category: 'home' } as Question;
const period: Period = { from: '2026-03-01T00:00:00Z', to: '2026-03-01T06:00:00Z', granularity: 'minute' };

it('has every minute of six hours in three currencies', async () => {
  rows = 6 * 60 * 3;
  const { isCut, readRevenue, readVisits } = await import('./revenue.ts');
  const answers = [await readRevenue(question, period), await readVisits(question, period)];
  expect(answers.map(({ items }) => items.length)).toEqual([rows, rows]);
  expect(isCut(...answers)).toBe(false);
});

it('knows where there is more than one answer holds', async () => {
  rows = rowsOfApiMax + 1;
  const { isCut, readRevenue, readVisits } = await import('./revenue.ts');
  for (const read of [readRevenue, readVisits])
    expect(isCut(undefined, await read(question, period))).toBe(true);
});
