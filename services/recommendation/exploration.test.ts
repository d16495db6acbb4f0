import { describe, expect, it } from 'vitest';
import type { ShelvedCandidate } from './arrangement.js';
import { explored } from './exploration.js';
import { createExposures, type Exposure } from './exposure.js';
import { shelfOf } from './testing/shelf.js';

const candidates = (prefix: string, count: number): ShelvedCandidate[] =>
  Array.from({ length: count }, (_, nth) => ({
    productId: `${prefix}${nth}`,
    score: 1 / (nth + 1),
    reason: { kind: 'popular', because: [] },
    shelf: shelfOf(`${prefix}${nth}`, 'home'),
  }));
const list = candidates('known', 20);
const spares = candidates('new', 3);
const never: Exposure = { shown: 0, clicked: 0 };

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
const seededRandom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

const drawMany = (count: number, exposureOf: (id: string) => Exposure, items = list, among = spares) => {
  const random = seededRandom(7);
  const chosen = new Map<string, number>();
  const places = new Map<number, number>();
  for (let n = 0; n < count; n += 1) {
    const { items: shown, exploredPlace } = explored(items, among, { exposureOf, random });
    if (exploredPlace === null) continue;
    const { productId } = shown[exploredPlace]!;
    chosen.set(productId, 1 + (chosen.get(productId) ?? 0));
    places.set(exploredPlace, 1 + (places.get(exploredPlace) ?? 0));
  }
  return { chosen, places };
};

describe('a product that is put on a list by chance', () => {
  it('takes any place from the fifth to the fifteenth, is named as such, and moves the others down', () => {
    const { places } = drawMany(2_000, () => never);
    expect([...places.keys()].sort((a, b) => a - b)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    const { items, exploredPlace } = explored(list, spares, { exposureOf: () => never, random: () => 0.5 });
    expect(exploredPlace).toBe(9);
    expect(items).toHaveLength(20);
    expect(items[9]).toMatchObject({ productId: 'new0', reason: { kind: 'explored', because: [] } });
    expect(items.toSpliced(9, 1)).toEqual(list.slice(0, 19));
    const scores = items.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it('is chosen the more often the better its showings leave its click rate open', () => {
    const exposures: Record<string, Exposure> = {
      new0: { shown: 60, clicked: 0 },
      new1: { shown: 60, clicked: 12 },
      new2: { shown: 100, clicked: 90 },
    };
    const { chosen } = drawMany(1_000, (id) => exposures[id] ?? never);
    // Shown often enough to be known, however often it was clicked.
    expect(chosen.get('new2')).toBeUndefined();
    expect(chosen.get('new1') ?? 0).toBeGreaterThan(50 * (chosen.get('new0') ?? 0));
    const untried = drawMany(1_000, (id) => (id === 'new0' ? never : (exposures.new0 as Exposure)));
    expect(untried.chosen.get('new0') ?? 0).toBeGreaterThan(900);
  });

  it('is chosen as one that nobody has seen where its reports together weigh next to nothing', () => {
    const { chosen } = drawMany(3_000, (id) => (id === 'new0' ? { shown: 0.1, clicked: 0.1 } : never));
    expect(chosen.get('new0') ?? 0).toBeGreaterThan(900);
    expect(chosen.get('new0') ?? 0).toBeLessThan(1_100);
  });

  it('is none on a list of four, where nothing is little shown, and none that the list has', () => {
    expect(drawMany(100, () => never, list.slice(0, 4)).chosen.size).toBe(0);
    expect(drawMany(100, () => ({ shown: 100, clicked: 0 })).chosen.size).toBe(0);
    expect(drawMany(100, () => never, list, list.slice(0, 5)).chosen.size).toBe(0);
  });
});

describe('the count of showings', () => {
  it('is the same after a snapshot, and forgets what was not shown for the longest', () => {
    const exposures = createExposures(2);
    for (const id of ['a', 'b', 'a', 'c']) exposures.note(id, 'shown', 0.5);
    exposures.note('a', 'clicked', 0.25);
    expect([exposures.of('a'), exposures.of('b')]).toEqual([{ shown: 1, clicked: 0.25 }, never]);
    const restored = createExposures(2);
    restored.restore(JSON.parse(JSON.stringify(exposures.toJson())));
    expect(restored.toJson()).toEqual(exposures.toJson());
  });
});
