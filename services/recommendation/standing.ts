import { type Estimate, meanWithin } from '#platform/statistics/always-valid';
import type { DayOfContest } from '#recommenders/contest';

/** What is known of a parameter set beside the live one: means of the reciprocal rank of what was chosen next. */
export type Comparison = {
  lessons: number;
  days: number;
  live: number;
  own: number;
  /** Own minus live; null before two lessons differ. */
  ahead: Estimate | null;
};

export type Standing = Comparison & {
  byScenario: (Comparison & { scenario: string })[];
  isBetterBeyondDoubt: boolean;
};

/** A promotion without a person needs so much evidence, of at least so many days. */
const lessonsMin = 1_000;
const daysMin = 14;
/** The share of promotions that would be wrong if every set were as good as the live one, for all sets and looks together. */
const alpha = 0.01;

export const standingOf = (days: readonly DayOfContest[], rivals: number): Standing => {
  const perRival = alpha / Math.max(1, rivals);
  const whole = comparisonOf(days, perRival);
  const byScenario = [...new Set(days.map(({ scenario }) => scenario))].map((scenario) => ({
    scenario,
    ...comparisonOf(
      days.filter((day) => day.scenario === scenario),
      perRival,
    ),
  }));
  const isBetterBeyondDoubt =
    whole.lessons >= lessonsMin &&
    whole.days >= daysMin &&
    (whole.ahead?.low ?? 0) > 0 &&
    byScenario.every(({ ahead }) => ahead === null || ahead.high >= 0);
  return { ...whole, byScenario, isBetterBeyondDoubt };
};

const comparisonOf = (days: readonly DayOfContest[], perRival: number): Comparison => {
  const sum = (of: (day: DayOfContest) => number): number => days.reduce((total, day) => total + of(day), 0);
  const lessons = sum((day) => day.lessons);
  const sums = { visitors: lessons, sum: sum(({ ahead }) => ahead), squares: sum(({ squares }) => squares) };
  return {
    lessons,
    days: new Set(days.map(({ day }) => day)).size,
    live: lessons === 0 ? 0 : sum(({ live }) => live) / lessons,
    own: lessons === 0 ? 0 : sum(({ own }) => own) / lessons,
    ahead: meanWithin(sums, perRival),
  };
};
