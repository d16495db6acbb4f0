import { describe, expect, it } from 'vitest';
import type { Activity, Query } from './activity.js';
import { firstSet, parameterSets } from './parameter-sets.js';
import { createRecommender, type Recommender } from './recommender.js';

const startMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Visits to three groups of products, whose ends the visits forget: the same in every run. */
const stream = (visits: number, spacingMs = hourMs): Activity[] =>
  Array.from({ length: visits }, (_, nth) => {
    const group = (nth * 7) % 3;
    return Array.from({ length: 5 }, (_, step): Activity => {
      const product = `p${group * 10 + ((nth * 3 + step * (1 + (nth % 2))) % 9)}`;
      const atMs = startMs + nth * spacingMs + step * 1000;
      return { kind: step === 4 ? 'added' : 'viewed', visitId: `v${nth}`, productIds: [product], atMs };
    });
  }).flat();

const learn = (recommender: Recommender, activities: readonly Activity[]): Recommender => {
  for (const activity of activities) recommender.learn(activity);
  return recommender;
};

const asked: Query[] = ['product', 'home', 'cart'].map((scenario, nth) => ({
  scenario: scenario as 'product',
  visit: [`p${nth}`, `p${nth + 2}`, `p${nth + 1}`],
  limit: 12,
  atMs: startMs + 400 * hourMs,
}));
const answers = (recommender: Recommender) => asked.map((query) => recommender.recommend(query));
const others = parameterSets.map(({ id }) => id).filter((id) => id !== firstSet);

describe('parameter sets beside the live one', () => {
  it('cost nothing and know nothing where they are not compared', () => {
    const { contest } = learn(createRecommender(), stream(300));
    expect(others.flatMap((id) => contest.days(id))).toEqual([]);
    expect(contest.toJson()).toEqual({ live: firstSet, days: {}, rankers: {} });
  });

  it('change no answer of the live one, and are all asked before the same lessons', () => {
    const alone = learn(createRecommender(), stream(300));
    const compared = createRecommender();
    compared.contest.compare(() => 100);
    learn(compared, stream(300));
    expect(answers(compared)).toEqual(answers(alone));
    const totals = others.map((id) => {
      const days = compared.contest.days(id);
      return [
        days.reduce((sum, { lessons }) => sum + lessons, 0),
        days.reduce((sum, { live }) => sum + live, 0),
      ];
    });
    expect(totals[0]?.[0]).toBeGreaterThan(30);
    for (const total of totals) expect(total).toEqual(totals[0]);
    for (const day of others.flatMap((id) => compared.contest.days(id))) {
      expect(day.own - day.live).toBeCloseTo(day.ahead, 9);
      expect(day.squares).toBeGreaterThanOrEqual((day.ahead ** 2 / day.lessons) * (1 - 1e-9));
    }
  });

  it('are compared on the share of lessons that is wanted', () => {
    const lessons = (percent: number) => {
      const recommender = createRecommender();
      recommender.contest.compare(() => percent);
      return learn(recommender, stream(300))
        .contest.days('brief')
        .reduce((sum, of) => sum + of.lessons, 0);
    };
    const all = lessons(100);
    expect(Math.abs(lessons(25) - all / 4)).toBeLessThanOrEqual(1);
  });

  it('keep the days of four weeks and no more', () => {
    const recommender = createRecommender();
    recommender.contest.compare(() => 100);
    learn(recommender, stream(200, dayMs));
    const days = new Set(recommender.contest.days('brief').map(({ day }) => day));
    expect(days.size).toBeGreaterThan(2);
    expect(Math.max(...days) - Math.min(...days)).toBeLessThan(28);
  });

  it('take the place of the live one, answer as they would have, and give it back', () => {
    const recommender = learn(createRecommender(), stream(200));
    const { contest } = recommender;
    const before = answers(recommender);
    const asOther = contest.as('lasting', () => answers(recommender));
    expect(asOther).not.toEqual(before);
    expect(answers(recommender)).toEqual(before);
    expect(contest.promote('lasting')).toBe(true);
    expect(contest.live).toBe('lasting');
    expect(answers(recommender)).toEqual(asOther);
    const copy = createRecommender();
    for (const line of recommender.snapshot()) copy.restore(line);
    expect(copy.contest.live).toBe('lasting');
    expect(answers(copy)).toEqual(asOther);
    expect(contest.promote('nobody')).toBe(false);
    expect(contest.promote(firstSet)).toBe(true);
    expect(answers(recommender)).toEqual(before);
    expect(contest.as('nobody', () => answers(recommender))).toEqual(before);
  });

  it('go on learning with the live one in an arm of an experiment, where they are not compared', () => {
    const activities = stream(300);
    const first = Math.floor(activities.length / 3);
    const asked = learn(createRecommender(), activities.slice(0, first));
    const early = asked.contest.as('lasting', () => answers(asked));
    learn(asked, activities.slice(first));
    const late = asked.contest.as('lasting', () => answers(asked));
    expect(late).not.toEqual(early);
    const neverAsked = learn(createRecommender(), activities);
    expect(late).toEqual(neverAsked.contest.as('lasting', () => answers(neverAsked)));

    const promoted = learn(createRecommender(), activities.slice(0, first));
    promoted.contest.promote('lasting');
    learn(promoted, activities.slice(first));
    const asFirst = promoted.contest.as(firstSet, () => answers(promoted));
    expect(promoted.contest.promote(firstSet)).toBe(true);
    expect(answers(promoted)).toEqual(asFirst);
    expect(promoted.contest.toJson().rankers).toEqual({});
  });

  it('keep what they have learned by themselves', () => {
    const recommender = createRecommender();
    recommender.contest.compare(() => 100);
    learn(recommender, stream(300));
    const { rankers } = recommender.contest.toJson();
    expect(Object.keys(rankers)).toEqual(others);
    recommender.contest.as('lasting', () => answers(recommender));
    expect(recommender.contest.toJson().rankers).toEqual(rankers);
    expect(rankers.lasting?.product).not.toEqual(recommender.rankers.product.toJson());
    recommender.contest.promote('lasting');
    expect(recommender.rankers.product.toJson()).toEqual(rankers.lasting?.product);
  });
});
