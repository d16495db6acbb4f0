import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timeScale } from './time-scale.ts';

const day = 86_400_000;

describe('the line of an order’s events', () => {
  it('folds the days between bursts of milliseconds, and opens them when asked', () => {
    const instants = [0, 100, 250, 400, day, day + 300];
    const { folds, x } = timeScale(instants, 600);
    expect(folds.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([[400, day]]);
    expect(x(250) - x(100)).toBeGreaterThan(100);
    const opened = timeScale(instants, 600, new Set([400]));
    expect(opened.folds).toEqual([]);
    expect(opened.x(400)).toBeLessThan(1);
  });

  it('leaves steps of the same kind alone', () => {
    expect(timeScale([0, 1000, 2000, 5000, 9000], 600).folds).toEqual([]);
    expect(timeScale([], 600).x(5)).toBe(0);
  });

  it('never turns time round, and stays on the line', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 * day }), { minLength: 2, maxLength: 30 }),
        fc.integer({ min: 100, max: 2000 }),
        (instants, width) => {
          const { x } = timeScale(instants, width);
          const places = [...instants].sort((a, b) => a - b).map(x);
          for (const [at, place] of places.entries()) {
            expect(place).toBeGreaterThanOrEqual(at === 0 ? 0 : (places[at - 1] as number));
            expect(place).toBeLessThanOrEqual(width + 1e-6);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
