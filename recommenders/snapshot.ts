import type { Scenario } from './activity.js';
import type { Contest, ContestJson } from './contest.js';
import type { Lessons } from './lessons.js';
import type { Memory } from './memory.js';
import type { RankerJson } from './ranker.js';
import type { Rankers } from './rankers.js';

/** Of the lines of a snapshot. Those of another version cannot be restored. */
export const snapshotVersion = 7;

type Whole = { memory: Memory; rankers: Rankers; lessons: Lessons; contest: Contest };

/** What is large: an entry a line, so that neither writing nor reading it needs memory for a second state. */
const largeParts = [
  'items',
  'content',
  'visits',
  'orders',
  'openVisits',
  'histories',
  'forward',
  'backward',
  'together',
  'following',
] as const satisfies readonly (keyof Memory)[];

/** What is small, and the same for a large shop and a small one. */
type Small = {
  hasCatalogue: boolean;
  popular: number[];
  trending: number[];
  landmarks: [long: number | null, short: number | null];
  rankers: Record<Scenario, RankerJson>;
  lessons: Pick<Lessons, 'credit' | 'turn' | 'given'>;
  contest: ContestJson;
};

export function* linesOf(whole: Whole): Generator<string> {
  whole.memory.content.weigh();
  for (const part of largeParts)
    for (const entry of whole.memory[part].entries()) yield JSON.stringify([part, entry]);
  yield JSON.stringify(['small', smallOf(whole)]);
}

export const restoreFrom = (line: string, whole: Whole): void => {
  const [part, entry] = JSON.parse(line) as [(typeof largeParts)[number] | 'small', never];
  if (part === 'small') restoreSmall(entry, whole);
  else whole.memory[part].restore(entry);
};

const smallOf = ({ memory, rankers, lessons, contest }: Whole): Small => ({
  hasCatalogue: memory.items.hasCatalogue,
  popular: memory.popular.toJson(),
  trending: memory.trending.toJson(),
  landmarks: [memory.long.landmarkMs, memory.short.landmarkMs],
  rankers: Object.fromEntries(
    Object.entries(rankers).map(([scenario, ranker]) => [scenario, ranker.toJson()]),
  ) as Small['rankers'],
  lessons: { credit: lessons.credit, turn: lessons.turn, given: lessons.given },
  contest: contest.toJson(),
});

const restoreSmall = (small: Small, { memory, rankers, lessons, contest }: Whole): void => {
  memory.content.weigh();
  memory.items.hasCatalogue = small.hasCatalogue;
  memory.popular.restore(small.popular);
  memory.trending.restore(small.trending);
  [memory.long.landmarkMs, memory.short.landmarkMs] = small.landmarks;
  for (const [scenario, ranker] of Object.entries(rankers))
    ranker.restore(small.rankers[scenario as Scenario]);
  Object.assign(lessons, small.lessons);
  contest.restore(small.contest);
};
