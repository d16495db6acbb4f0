import { type Scenario, scenarios } from './activity.js';
import type { Candidates } from './candidates.js';
import type { Context } from './memory.js';
import { type AskedSettings, firstSet, type ParameterSet, parameterSets } from './parameter-sets.js';
import type { RankerJson } from './ranker.js';
import { createRankers, type Rankers } from './rankers.js';
import type { Scorers } from './scorers.js';
import type { RecommenderSettings } from './settings.js';

/** How a parameter set did against the live one on one day, in lessons of one scenario. */
export type DayOfContest = {
  /** Days since 1970, UTC. */
  day: number;
  scenario: Scenario;
  lessons: number;
  /** Sums of the reciprocal ranks of what was chosen. */
  live: number;
  own: number;
  /** Sums of own minus live, and of its square. */
  ahead: number;
  squares: number;
};

export type ContestJson = {
  live: string;
  days: Record<string, DayOfContest[]>;
  rankers: Record<string, Record<Scenario, RankerJson>>;
};

/**
 * Parameter sets beside the live one, on the same stream. Of the lessons of the live set a share is theirs too: each set
 * makes the list for what the shopper chose next, is scored by the place that the choice has in it, and then learns from
 * it (predict, then learn). With a share of 0 nothing is computed and nothing kept. Of each set that was taught there are
 * ranking models and a line for each day and scenario of the last `daysMax`, and no more; a set that was never taught
 * answers with the ranking models of the live one.
 */
export type Contest = {
  readonly live: string;
  /** Makes a set the live one, with the ranking models that it answers with; false if there is no such set. */
  promote(id: string): boolean;
  /** Runs as if the set were live. `run` must not wait. */
  as<T>(id: string, run: () => T): T;
  /** By `percent` of the lessons the sets are compared from now on. */
  compare(percent: () => number): void;
  /** Before the live set learns from a lesson. `chosen` are the items that were taken, among those that `isWanted`. */
  observe(lesson: Lesson): void;
  days(id: string): readonly DayOfContest[];
  toJson(): ContestJson;
  restore(json: ContestJson): void;
};

export type Lesson = {
  scenario: Scenario;
  context: Context;
  chosen: ReadonlySet<number>;
  isWanted: (item: number) => boolean;
};

type Parts = {
  candidates: Candidates;
  scorers: Scorers;
  /** The live ranking models; those of another set take their place here. */
  rankers: Rankers;
  /** The settings that `scorers` reads; those of another set take their place here. */
  asking: AskedSettings;
  settings: RecommenderSettings;
};

const daysMax = 28;
const dayMs = 24 * 60 * 60 * 1000;
/** A choice that is not among the first so many counts as not found. */
const rankMax = 20;

// Over seventy lines: which set is live, what each has learned and how it did change together.
export const createContest = (
  { candidates, scorers, rankers, asking, settings }: Parts,
  sets: readonly ParameterSet[] = parameterSets,
): Contest => {
  let live = firstSet;
  let percent = () => 0;
  let credit = 0;
  const learned = new Map<string, Rankers>();
  const days = new Map<string, DayOfContest[]>();

  const settingsOf = (id: string): AskedSettings => {
    const { visitNeighbours, orderNeighbours, anchorsMax, positionReach } = settings;
    const set = sets.find((one) => one.id === id);
    return { visitNeighbours, orderNeighbours, anchorsMax, positionReach, ...set?.settings };
  };

  /** For lessons: a set begins with what the live one has learned. */
  const rankersOf = (id: string): Rankers => {
    const known = learned.get(id);
    if (known !== undefined) return known;
    const own = createRankers(settings);
    for (const scenario of scenarios) own[scenario].restore(rankers[scenario].toJson());
    learned.set(id, own);
    return own;
  };

  const as = <T>(id: string, run: () => T): T => {
    if (id === live || !sets.some((one) => one.id === id)) return run();
    const before = { rankers: { ...rankers }, asking: { ...asking } };
    Object.assign(rankers, learned.get(id));
    Object.assign(asking, settingsOf(id));
    try {
      return run();
    } finally {
      Object.assign(rankers, before.rankers);
      Object.assign(asking, before.asking);
    }
  };

  /** The mean reciprocal rank of what was chosen; null where none of it was a candidate. Learns from it, if wanted. */
  const play = ({ scenario, context, chosen, isWanted }: Lesson, isLearning: boolean): number => {
    scorers(candidates, context, scenario);
    candidates.keep(isWanted);
    const rows = candidates.items.length;
    const { features } = candidates;
    const taken: number[] = [];
    for (let row = 0; row < rows; row += 1) if (chosen.has(candidates.items[row]!)) taken.push(row);
    const scores = rankers[scenario].score(features);
    let sum = 0;
    for (const row of taken) {
      let rank = 1;
      for (let other = 0; other < rows && rank <= rankMax; other += 1)
        if (scores[other]! > scores[row]! || (scores[other] === scores[row] && other < row)) rank += 1;
      if (rank <= rankMax) sum += 1 / rank;
    }
    if (isLearning) rankers[scenario].learn(features, taken);
    candidates.clear();
    return sum / chosen.size;
  };

  const note = (id: string, { scenario, context }: Lesson, liveScore: number, ownScore: number): void => {
    const day = Math.floor(context.atMs / dayMs);
    const known = days.get(id) ?? [];
    days.set(id, known);
    let line = known.find((of) => of.day === day && of.scenario === scenario);
    if (line === undefined) {
      line = { day, scenario, lessons: 0, live: 0, own: 0, ahead: 0, squares: 0 };
      const newest = Math.max(day, ...known.map((of) => of.day));
      days.set(
        id,
        [...known, line].filter((of) => of.day > newest - daysMax),
      );
    }
    line.lessons += 1;
    line.live += liveScore;
    line.own += ownScore;
    line.ahead += ownScore - liveScore;
    line.squares += (ownScore - liveScore) ** 2;
  };

  return {
    get live() {
      return live;
    },
    promote: (id) => {
      if (!sets.some((one) => one.id === id)) return false;
      if (id === live) return true;
      const next = learned.get(id);
      if (next !== undefined) {
        learned.set(live, { ...rankers });
        learned.delete(id);
        Object.assign(rankers, next);
      }
      Object.assign(asking, settingsOf(id));
      live = id;
      // What is known is about the one that was live.
      days.clear();
      return true;
    },
    as,
    compare: (share) => {
      percent = share;
    },
    observe: (lesson) => {
      const share = percent();
      if (share <= 0 || lesson.chosen.size === 0) return;
      credit += share;
      if (credit < 100) return;
      credit -= 100;
      const liveScore = play(lesson, false);
      for (const { id } of sets) {
        if (id === live) continue;
        rankersOf(id);
        const ownScore = as(id, () => play(lesson, true));
        note(id, lesson, liveScore, ownScore);
      }
    },
    days: (id) => days.get(id) ?? [],
    toJson: () => ({
      live,
      days: Object.fromEntries(days),
      rankers: Object.fromEntries(
        [...learned].map(([id, own]) => [
          id,
          Object.fromEntries(scenarios.map((scenario) => [scenario, own[scenario].toJson()])),
        ]),
      ) as ContestJson['rankers'],
    }),
    restore: (json) => {
      live = sets.some(({ id }) => id === json.live) ? json.live : firstSet;
      Object.assign(asking, settingsOf(live));
      days.clear();
      for (const [id, lines] of Object.entries(json.days)) days.set(id, lines);
      for (const [id, own] of Object.entries(json.rankers))
        for (const scenario of scenarios) rankersOf(id)[scenario].restore(own[scenario]);
    },
  };
};
