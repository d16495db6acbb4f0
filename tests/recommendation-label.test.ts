import { expect, test } from 'vitest';
import { newId } from '#platform/ids';
import { scenarios } from '#recommenders/activity';
import { parameterSets } from '#recommenders/parameter-sets';
import { armModels, bucketOf, bucketsOf, codeOf, experimentsSetting } from '#schemas/experiments';
import { labelled, labelledModels, labelledScenarios, labelOf } from '#schemas/recommendation-label';
import { murmurHash3 } from '#schemas/visitor-hash';

test('every label is read back from an id that is still a new UUIDv7 of the same time', () => {
  for (const scenario of labelledScenarios)
    for (const model of labelledModels)
      for (const experiment of [null, { code: 1, arm: 0 }, { code: 65_535, arm: 14 }])
        for (const exploredPlace of [null, 0, 14]) {
          const label = { scenario, model, experiment, exploredPlace };
          const plain = newId();
          const id = labelled(plain, label);
          expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
          expect(id.slice(0, 14)).toBe(plain.slice(0, 14));
          expect(labelOf(id)).toEqual(label);
        }
});

test('equal labels make different ids, and what is no labelled id has no label', () => {
  const label = { scenario: 'home', model: 'nobody-knows-it', experiment: null, exploredPlace: null };
  const ids = Array.from({ length: 2000 }, () => labelled(newId(), label));
  expect(new Set(ids).size).toBe(ids.length);
  expect(labelOf(ids[0] ?? '')).toMatchObject({ model: 'other' });
  for (const none of [
    '',
    'x',
    '00000000-0000-7000-8000-000000000000',
    `${ids[0]}0`,
    'zzzzzzzz-zzzz-7100-bezz-zzzzzzzzzzzz',
    `${ids[0]?.slice(0, 24)}0001f${ids[0]?.slice(29)}`,
  ])
    expect(labelOf(none)).toBeNull();
});

test('every parameter set has a code, and may be an arm', () => {
  for (const { id } of parameterSets) {
    expect(labelledModels).toContain(id);
    expect(armModels).toContain(id);
  }
});

test('every scenario has a code', () => {
  expect([...labelledScenarios].toSorted()).toEqual([...scenarios].toSorted());
});

test('the hash is MurmurHash3 by its published values', () => {
  expect(['', 'a', 'ab', 'abc', 'abcd', 'hello, world', 'grün'].map(murmurHash3)).toEqual([
    0,
    0x3c2569b2,
    0x9bbfd75f,
    0xb3dd93fa,
    0x43ed676a,
    0x149bbb7f,
    murmurHash3('grün'),
  ]);
});

test('arms receive their shares, independently of another experiment’s', () => {
  const arms = [30, 50, 20].map((percent, nth) => ({ name: `arm-${nth}`, model: 'live' as const, percent }));
  const ranges = bucketsOf({ arms });
  const armOf = (experiment: string, unit: number) => {
    const bucket = bucketOf(experiment, `visit-${unit}`);
    return ranges.findIndex(({ from, to }) => bucket >= from && bucket < to);
  };
  const units = 20_000;
  const counts = new Map<string, number>();
  for (let unit = 0; unit < units; unit += 1) {
    const both = `${armOf('one', unit)} ${armOf('other', unit)}`;
    counts.set(both, (counts.get(both) ?? 0) + 1);
  }
  for (const [a, first] of arms.entries())
    for (const [b, second] of arms.entries()) {
      const expected = (units * first.percent * second.percent) / 10_000;
      expect(Math.abs((counts.get(`${a} ${b}`) ?? 0) - expected)).toBeLessThan(4.5 * Math.sqrt(expected));
    }
});

test('an experiment has a number of its own, and may take the last percent', () => {
  expect(codeOf('home-models')).toBeGreaterThan(0);
  const arms = [100, 0].map((percent, nth) => ({ name: `arm-${nth}`, model: 'live' as const, percent }));
  const one = { id: 'home', scenarios: ['home'], unit: 'user', metric: 'revenue', isRunning: true, arms };
  expect(experimentsSetting.schema.safeParse([one]).success).toBe(true);
});
