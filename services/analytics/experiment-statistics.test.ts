import { describe, expect, it } from 'vitest';
import {
  differenceBetween,
  meanWithin,
  type Sums,
  shareProbability,
} from '#platform/statistics/always-valid';
import { examinationOf, type PlaceCount } from './click-model.js';

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
const numbersFrom = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const nobody = (): Sums => ({ visitors: 0, sum: 0, squares: 0 });
const add = (sums: Sums, value: number): void => {
  sums.visitors += 1;
  sums.sum += value;
  sums.squares += value * value;
};

describe('the always-valid test', () => {
  /** Whether a run with these rates of buyers is ever called different, looked at after every 50 visitors of an arm. */
  const isEverDifferent = (seed: number, rates: [number, number], visitorsMax: number): boolean => {
    const next = numbersFrom(seed);
    const arms = [nobody(), nobody()] as const;
    for (let visitor = 1; visitor <= visitorsMax; visitor += 1) {
      for (const [arm, sums] of arms.entries()) add(sums, next() < (rates[arm] as number) ? 1 : 0);
      if (
        visitor % 50 === 0 &&
        visitor >= 200 &&
        (differenceBetween(arms[0], arms[1], 0.05)?.pValue ?? 1) <= 0.05
      )
        return true;
    }
    return false;
  };
  const shareOf = (runs: number, rates: [number, number], visitorsMax: number): number =>
    Array.from({ length: runs }, (_, seed) => isEverDifferent(seed, rates, visitorsMax)).filter(Boolean)
      .length / runs;

  it('calls equal arms different in fewer than 5 % of runs, though it is looked at all the time', () => {
    expect(shareOf(400, [0.1, 0.1], 4000)).toBeLessThan(0.05);
  });

  it('finds a difference that there is', () => {
    expect(shareOf(50, [0.1, 0.14], 6000)).toBeGreaterThan(0.95);
  });

  it('says the same by the interval and by the p-value', () => {
    const control = { visitors: 1000, sum: 100, squares: 100 };
    for (let sum = 60; sum <= 160; sum += 1) {
      const found = differenceBetween(control, { visitors: 900, sum, squares: sum }, 0.05);
      const isOutside = (found?.low ?? 0) > 0 || (found?.high ?? 0) < 0;
      expect(isOutside).toBe((found?.pValue ?? 1) <= 0.05);
      expect(found?.lift).toBeCloseTo(sum / 900 / 0.1 - 1, 9);
    }
  });

  it('knows nothing of nobody', () => {
    expect(differenceBetween(nobody(), nobody(), 0.05)).toBeNull();
    expect(meanWithin({ visitors: 5, sum: 0, squares: 0 }, 0.05)).toBeNull();
    expect(
      differenceBetween({ visitors: 5, sum: 0, squares: 0 }, { visitors: 5, sum: 2, squares: 2 }, 0.05)?.lift,
    ).toBeNull();
  });

  it('narrows the interval of a mean as visitors come', () => {
    const widths = [100, 1000, 10_000].map((visitors) => {
      const found = meanWithin({ visitors, sum: visitors / 4, squares: visitors / 4 }, 0.05);
      return (found?.high ?? 0) - (found?.low ?? 0);
    });
    expect(widths).toEqual(widths.toSorted((a, b) => b - a));
    expect(widths[2]).toBeLessThan(0.05);
  });
});

describe('the shares of arms', () => {
  it('are as expected where chance made them, and not where visitors of one arm are lost', () => {
    expect(shareProbability([5030, 4970], [50, 50])).toBeGreaterThan(0.1);
    expect(shareProbability([5400, 4600], [50, 50])).toBeLessThan(1e-6);
    expect(shareProbability([900, 3000, 6000], [10, 30, 60])).toBeGreaterThan(0.001);
    expect(shareProbability([0, 0], [50, 50])).toBe(1);
    // chi2(1) = 3.841 is the 5 % point.
    expect(shareProbability([500 + 31, 500 - 31], [50, 50])).toBeCloseTo(0.05, 2);
  });
});

describe('the click model', () => {
  it('finds how much less shoppers look at later places, whatever products the lists put first', () => {
    const next = numbersFrom(7);
    const looked = [1, 0.6, 0.35, 0.2, 0.1];
    const pleases = Array.from({ length: 40 }, (_, item) => 0.05 + (0.5 * item) / 40);
    const counts: PlaceCount[] = [];
    // Better products stand higher as a rule, so the plain rates overstate what the place does.
    for (const [item, chance] of pleases.entries())
      for (const [place, share] of looked.entries()) {
        const shown = Math.round(
          2000 * (0.2 + (item / 40) * (1 - place / 5) + (1 - item / 40) * (place / 5)),
        );
        let clicked = 0;
        for (let nth = 0; nth < shown; nth += 1) if (next() < share * chance) clicked += 1;
        counts.push({ item: `${item}`, place, shown, clicked });
      }
    const plain = (place: number) => {
      const at = counts.filter((count) => count.place === place);
      return at.reduce((s, { clicked }) => s + clicked, 0) / at.reduce((s, { shown }) => s + shown, 0);
    };
    const found = examinationOf(counts);
    for (const [place, share] of looked.entries()) {
      expect(Math.abs((found.get(place) ?? 0) - share)).toBeLessThan(0.03);
      if (place > 1) expect(plain(place) / plain(0)).toBeLessThan(share * 0.9);
    }
  });

  it('takes all places for equal while nobody has clicked', () => {
    expect([...examinationOf([{ item: 'a', place: 3, shown: 9, clicked: 0 }])]).toEqual([[3, 1]]);
    expect(examinationOf([]).size).toBe(0);
  });
});
