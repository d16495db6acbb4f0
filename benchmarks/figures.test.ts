import { describe, expect, it } from 'vitest';
import { dueAtMs, pairedRatio, percentile, slopeOf, spreadOf } from './figures.js';

describe('percentile', () => {
  it('is the nearest rank of unsorted samples', () => {
    const samples = [5, 1, 4, 2, 3];
    expect(percentile(samples, 0.5)).toBe(3);
    expect(percentile(samples, 0.99)).toBe(5);
    expect(percentile(samples, 0)).toBe(1);
    expect(samples).toEqual([5, 1, 4, 2, 3]);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('spreadOf and pairedRatio', () => {
  it('compares values of the same round', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, lowest: 1, highest: 3 });
    // Each round is twice as slow as the one before, on both sides.
    expect(pairedRatio([80, 40, 20], [8, 4, 2])).toEqual({ median: 10, lowest: 10, highest: 10 });
  });

  it('leaves a round out where the other side has no value', () => {
    expect(pairedRatio([80, 40], [8]).median).toBe(10);
    expect(pairedRatio([80], [0]).median).toBeNaN();
  });
});

describe('slopeOf', () => {
  it('is that of the line of least squares', () => {
    expect(slopeOf([1, 2, 3, 4].map((x) => ({ x, y: 10 + 2.5 * x })))).toBeCloseTo(2.5);
    expect(slopeOf([-1, 0, 1].map((x) => ({ x, y: x * x })))).toBeCloseTo(0);
  });

  it('is NaN of one point in time', () => {
    expect(slopeOf([{ x: 1, y: 2 }])).toBeNaN();
    expect(slopeOf([])).toBeNaN();
  });
});

describe('dueAtMs', () => {
  it('has requests at equal distances over the whole time', () => {
    expect(dueAtMs(4, 1000)).toEqual([0, 250, 500, 750]);
    expect(dueAtMs(0.5, 1000)).toEqual([]);
  });
});
