import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createContent } from './content.js';
import { createForwardDecay } from './decay.js';
import { createFeatureTable } from './feature-rows.js';
import { createHistories } from './histories.js';
import { addNumber, addOrder, addView } from './history.js';
import { createLeaders } from './leaders.js';
import { createNames } from './names.js';
import { createOpenVisits } from './open-visits.js';
import { packed, unpacked } from './packed-history.js';
import { createRanker } from './ranker.js';
import { entriesOf } from './rings.js';
import { nthLargest } from './selection.js';
import { createSparseRows } from './sparse-rows.js';
import { hashOf } from './text-hash.js';
import { createTokenItems } from './token-items.js';
import { createVisitIndex } from './visit-index.js';

describe('selection', () => {
  it('finds the value of a rank as sorting does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1 }), fc.nat(), (values, some) => {
        const rank = 1 + (some % values.length);
        const sorted = values.toSorted((a, b) => b - a);
        expect(nthLargest(Float64Array.from(values), values.length, rank)).toBe(sorted[rank - 1]);
      }),
    );
  });
});

describe('sparse rows', () => {
  it('keep at most twice their columns, and never drop a sum larger than one that stays', () => {
    const rows = createSparseRows({ columnsMax: 4, entriesMax: 100 });
    for (let column = 0; column < 500; column += 1) rows.add(0, column, 1 + ((column * 7919) % 101));
    for (let nth = 0; nth < 3; nth += 1) rows.add(0, 77, 100);
    expect(rows.row(0)?.size).toBeLessThanOrEqual(8);
    expect(rows.get(0, 77)).toBeGreaterThanOrEqual(300);
    expect(rows.get(1, 77)).toBe(0);
  });

  const bounds = { columnsMax: 20, entriesMax: 1_000 };
  const fill = (rows: ReturnType<typeof createSparseRows>, from: number, to: number) => {
    for (let nth = from; nth < to; nth += 1)
      rows.add((nth * 7919) % 97, (nth * 104_729) % 1009, 1 + (nth % 13));
  };
  const sizeOf = (rows: ReturnType<typeof createSparseRows>, row: number) => rows.row(row)?.size ?? 0;

  it('give the places of other rows to those that grow, when all are used up', () => {
    const rows = createSparseRows(bounds);
    fill(rows, 0, 50_000);
    const total = Array.from({ length: 97 }, (_, row) => sizeOf(rows, row)).reduce((a, b) => a + b);
    expect(total).toBeLessThanOrEqual(bounds.entriesMax + 4 * 97);
    for (let column = 0; column < 200; column += 1) rows.add(200, column, 1 + column);
    expect(sizeOf(rows, 200)).toBeGreaterThanOrEqual(bounds.columnsMax / 2);
    expect(rows.get(200, 199)).toBe(200);
  });

  it('go on alike after they were restored, also when all places are used up', () => {
    const [rows, restored] = [createSparseRows(bounds), createSparseRows(bounds)];
    fill(rows, 0, 20_000);
    for (const entry of rows.entries()) restored.restore(entry);
    for (const each of [rows, restored]) fill(each, 20_000, 40_000);
    expect([...restored.entries()]).toEqual([...rows.entries()]);
  });
});

describe('the visit index', () => {
  it('keeps the latest visits, steps and visits of an item', () => {
    const index = createVisitIndex({ visitsMax: 10, stepsMax: 3, visitsPerItemMax: 4 });
    for (let visit = 0; visit < 30; visit += 1) {
      index.begin();
      for (const item of [0, visit + 1, visit + 2, visit + 3]) index.append(visit, item);
    }
    expect(index.isKept(19)).toBe(false);
    expect(index.isKept(20)).toBe(true);
    const { items, begin, length } = index.stepsAt(index.slotOf(29));
    expect(Array.from(items.subarray(begin, begin + length))).toEqual([30, 31, 32]);
    const ring = index.visitsOf(0);
    expect(ring && entriesOf(ring)).toEqual([26, 27, 28, 29]);
    index.append(5, 1);
    expect(index.lengthOf(29)).toBe(3);
  });

  it('keeps no place for visits that are gone when another one comes to their item', () => {
    const index = createVisitIndex({ visitsMax: 10, stepsMax: 3, visitsPerItemMax: 100 });
    for (let visit = 0; visit < 50; visit += 1) index.append(index.begin(), 0);
    expect(index.visitsWith(0)).toBe(10);
  });

  it('keeps visits of every length, also where others had their places before', () => {
    const kept = 6;
    const stepsMax = 18;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: kept }), fc.nat({ max: 9 })), { maxLength: 300 }),
        (all) => {
          const index = createVisitIndex({ visitsMax: kept, stepsMax, visitsPerItemMax: 4 });
          const visits: number[][] = [];
          for (const [back, item] of all) {
            if (back === kept || back >= visits.length) {
              index.begin();
              visits.push([]);
            }
            const visit = Math.max(0, visits.length - 1 - (back % kept));
            index.append(visit, item);
            visits[visit]!.push(item);
            if (item === 9) {
              index.clearVisit(visit);
              visits[visit] = [];
            }
          }
          const found = [...index.entries()].flatMap((entry) => ('items' in entry ? [entry.items] : []));
          expect(found).toEqual(visits.slice(-kept).map((items) => items.slice(-stepsMax)));
        },
      ),
    );
  });
});

describe('leaders', () => {
  it('contain the largest of growing sums', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 50, maxLength: 400 }), (grown) => {
        const sums = new Array<number>(61).fill(0);
        const leaders = createLeaders(5, (item) => sums[item] as number);
        for (const [nth, item] of grown.entries()) {
          sums[item] = (sums[item] as number) + 1 + nth / 100;
          leaders.grown(item);
        }
        const largest = (values: number[]) => values.toSorted((a, b) => b - a).slice(0, 5);
        // Compared by sum: of items with the same sum at the cut, any may be the fifth.
        expect(largest([...leaders.items].map((item) => sums[item] as number))).toEqual(
          largest(sums.filter((sum) => sum > 0)),
        );
        expect(leaders.items.size).toBeLessThan(10);
      }),
    );
  });
});

describe('forward decay', () => {
  it('halves in a half-life and stays finite at any time', () => {
    const decay = createForwardDecay(1_000);
    expect(decay.growth(5_000)).toBe(1);
    expect(decay.growth(6_000)).toBe(2);
    expect(Number.isFinite(decay.growth(Number.MAX_SAFE_INTEGER))).toBe(true);
    expect(decay.growth(-Number.MAX_SAFE_INTEGER)).toBeGreaterThan(0);
  });
});

describe('histories', () => {
  it('decay frequencies by orders, and are bounded', () => {
    const histories = createHistories(2);
    const ann = histories.seen('ann');
    addOrder(ann, [1, 2], 1_000);
    addOrder(ann, [1], 3_000);
    expect(ann.owned.get(1)).toMatchObject({ count: 2, fast: 1.7, gapMs: 2_000, basket: 2 });
    expect(ann.owned.get(2)).toMatchObject({ count: 1, basket: 1 });
    for (let item = 0; item < 1_000; item += 1) addOrder(ann, [item], 4_000);
    expect(ann.owned.size).toBe(300);
    histories.seen('bo');
    histories.seen('ann');
    histories.seen('cy');
    expect(histories.of('bo')).toBeUndefined();
    expect(histories.of('ann')).toBe(ann);
  });
});

describe('a packed history', () => {
  it('is the same one, whatever the user bought and viewed and in whatever order it came', () => {
    const order = fc.record({
      items: fc.uniqueArray(fc.nat(400), { minLength: 1, maxLength: 40 }),
      atMs: fc.integer({ min: 0, max: 2 ** 41 }),
    });
    const numbers = fc.array(fc.nat(2 ** 31 - 1), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(order, { maxLength: 20 }), numbers, numbers, (orders, viewed, visits) => {
        const history = createHistories(1).seen('ann');
        for (const { items, atMs } of orders) addOrder(history, items, atMs);
        for (const item of viewed) addView(history, item);
        for (const visit of visits) addNumber(history.visits, visit);
        const again = unpacked(packed(history));
        expect(again).toEqual(history);
        expect([...again.owned.keys()]).toEqual([...history.owned.keys()]);
      }),
    );
  });

  it('comes back when the user is seen after thousands of others', () => {
    const histories = createHistories(20_000);
    addOrder(histories.seen('ann'), [7, 9], 1_000);
    for (let nth = 0; nth < 10_000; nth += 1) addView(histories.seen(`u${nth}`), nth);
    expect(histories.of('ann')?.last).toEqual([7, 9]);
    addOrder(histories.seen('ann'), [7], 3_000);
    expect(histories.of('ann')?.owned.get(7)).toMatchObject({ count: 2, fast: 1.7, gapMs: 2_000 });
    for (let nth = 10_000; nth < 30_000; nth += 1) histories.seen(`u${nth}`);
    expect(histories.of('ann')).toBeUndefined();
    expect(histories.of('u10000')).toBeDefined();
    expect(histories.of('u9999')).toBeUndefined();
  });
});

describe('open visits and names', () => {
  it('are bounded', () => {
    const visits = createOpenVisits(2);
    for (const id of ['a', 'b', 'c']) visits.set(id, { number: 0, items: [], cart: [] });
    expect(visits.get('a')).toBeUndefined();
    const names = createNames(1);
    expect([names.number('a'), names.number('b'), names.number('a')]).toEqual([0, -1, 0]);
  });

  it('are found as fast where somebody has chosen them to share a place', () => {
    const count = 1_000;
    const chosen: string[] = [];
    for (let nth = 0; chosen.length < count; nth += 1)
      if ((hashOf(`id-${nth}`) & 0x7ff) === 0) chosen.push(`id-${nth}`);
    const msOf = (ids: readonly string[]): number => {
      const startedAtMs = performance.now();
      const names = createNames(count);
      for (const id of ids) names.number(id);
      for (const id of ids) names.find(id);
      return performance.now() - startedAtMs;
    };
    const others = chosen.map((_, nth) => `id-${nth}`);
    const least = (ids: readonly string[]) => Math.min(...Array.from({ length: 5 }, () => msOf(ids)));
    expect(least(chosen)).toBeLessThan(10 * least(others));
  });

  it('give each of thousands of names a number of its own', () => {
    const names = createNames(10_000);
    const all = Array.from({ length: 5_000 }, (_, nth) => `product ${nth * 7919}`);
    const numbers = all.map((_, nth) => nth);
    expect(all.map(names.number)).toEqual(numbers);
    expect(all.map(names.find)).toEqual(numbers);
    expect(names.find('another')).toBe(-1);
  });
});

describe('items by token', () => {
  it('are the latest of each, without those that were removed', () => {
    const items = createTokenItems();
    for (let item = 0; item < 500; item += 1) items.add(item % 2, item);
    items.remove(1, 497);
    items.add(1, 600);
    expect(items.of([1], 1_000).slice(-3)).toEqual([495, 499, 600]);
    expect(items.of([1, 0], 3)).toEqual(items.of([1], 3));
    const restored = createTokenItems();
    restored.add(1, 7);
    for (const [token, some] of items.entries()) restored.restore(token, some);
    expect([...restored.entries()]).toEqual([...items.entries()]);
  });
});

describe('content', () => {
  it('finds plurals and rare words more alike than common ones', () => {
    const content = createContent();
    const names = ['red lantern', 'lanterns of glass', 'red chair', 'red table', 'red towel', 'red bowl'];
    for (const [item, name] of names.entries()) content.set(item, name, undefined);
    const lantern = content.profileOfItem(0);
    const [same, like, other] = content.similarities(lantern, [0, 1, 2]);
    expect(same).toBeCloseTo(1);
    expect(like).toBeGreaterThan(other!);
    expect(content.near(lantern, 3)).toContain(0);
  });

  it('forgets what a product was called before', () => {
    const content = createContent();
    content.set(0, 'garden chair', 'garden');
    content.set(1, 'wooden spoon', 'kitchen');
    content.set(0, 'silver spoon', 'kitchen');
    expect(content.size).toBe(2);
    expect(content.similarities(content.profileOfItem(1), [0])[0]).toBeGreaterThan(0.2);
  });

  it('compares products that were often called anew as if they had their last names from the beginning', () => {
    const [renamed, fresh] = [createContent(), createContent()];
    const nameOf = (item: number, turn: number) =>
      Array.from({ length: 1 + ((item + turn) % 7) }, (_, nth) => `word${(item * (nth + 3)) % 11}`).join(' ');
    for (let turn = 0; turn < 30; turn += 1)
      for (let item = 0; item < 20; item += 1) renamed.set(item, nameOf(item, turn), `c${turn % 3}`);
    for (let item = 0; item < 20; item += 1) fresh.set(item, nameOf(item, 29), 'c2');
    const all = Array.from({ length: 20 }, (_, item) => item);
    for (const content of [renamed, fresh]) content.weigh();
    for (const item of all) {
      const found = [renamed, fresh].map((content) => [
        ...content.similarities(content.profileOfItem(item), all),
      ]);
      expect(found[0]).toEqual(found[1]);
      expect(found[0]![item]).toBeCloseTo(1);
    }
  });
});

describe('the ranker', () => {
  const settings = { hidden: 6, rerankedMax: 20, step: 0.1, hiddenStep: 0.05 };
  /** Lessons of twelve candidates with three features; `chosenOf` says which one is taken. */
  const lessons = (count: number, chosenOf: (rows: number[][]) => number) => {
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed / 2 ** 32;
    };
    return Array.from({ length: count }, () => {
      const rows = Array.from({ length: 12 }, () => [random(), random(), random()]);
      const features = createFeatureTable(0);
      for (const row of rows) {
        const number = features.addRow();
        for (const [column, value] of row.entries()) features.put(number, column, value);
      }
      return { features, chosen: chosenOf(rows) };
    });
  };
  const hits = (some: ReturnType<typeof lessons>, prior: number[]) => {
    const ranker = createRanker({ prior, ...settings });
    let right = 0;
    for (const [nth, { features, chosen }] of some.entries()) {
      const scores = ranker.score(features);
      const best = [...scores.subarray(0, 12)].reduce(
        (top, score, row) => (score > scores[top]! ? row : top),
        0,
      );
      if (nth >= some.length - 500 && best === chosen) right += 1;
      ranker.learn(features, [chosen]);
    }
    return right / 500;
  };
  const highest = (rows: number[][], score: (row: number[]) => number) =>
    rows.reduce((best, row, nth) => (score(row) > score(rows[best]!) ? nth : best), 0);

  it('learns which feature matters, against its prior', () => {
    const some = lessons(2_000, (rows) => highest(rows, ([, second = 0]) => second));
    expect(hits(some, [3, 0, 0])).toBeGreaterThan(0.9);
  });

  it('learns in its second stage what no weight of single features says', () => {
    const some = lessons(6_000, (rows) => highest(rows, ([first = 0]) => -Math.abs(first - 0.5)));
    expect(hits(some, [0, 0, 0])).toBeGreaterThan(0.5);
  });
});
