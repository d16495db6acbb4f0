import type { Scenario } from './activity.js';
import type { Contest, ContestJson } from './contest.js';
import type { Lessons } from './lessons.js';
import type { Memory } from './memory.js';
import type { Ranker, RankerJson } from './ranker.js';

/** All of a recommender as plain JSON; a recommender that is restored from it goes on as the one that it was taken of. */
export type Snapshot = {
  version: typeof snapshotVersion;
  items: ReturnType<Memory['items']['toJson']>;
  content: ReturnType<Memory['content']['toJson']>;
  visits: ReturnType<Memory['visits']['toJson']>;
  orders: ReturnType<Memory['orders']['toJson']>;
  openVisits: ReturnType<Memory['openVisits']['toJson']>;
  histories: ReturnType<Memory['histories']['toJson']>;
  rows: Record<(typeof rowNames)[number], ReturnType<Memory['forward']['toJson']>>;
  popular: number[];
  trending: number[];
  landmarks: [long: number | null, short: number | null];
  rankers: Record<Scenario, RankerJson>;
  lessons: { credit: number; turn: number; given: number };
  contest: ContestJson;
};

const snapshotVersion = 3;
const rowNames = ['forward', 'backward', 'together', 'following'] as const;

type Whole = { memory: Memory; rankers: Record<Scenario, Ranker>; lessons: Lessons; contest: Contest };

export const snapshotOf = ({ memory, rankers, lessons, contest }: Whole): Snapshot => ({
  version: snapshotVersion,
  items: memory.items.toJson(),
  content: memory.content.toJson(),
  visits: memory.visits.toJson(),
  orders: memory.orders.toJson(),
  openVisits: memory.openVisits.toJson(),
  histories: memory.histories.toJson(),
  rows: Object.fromEntries(rowNames.map((name) => [name, memory[name].toJson()])) as Snapshot['rows'],
  popular: memory.popular.toJson(),
  trending: memory.trending.toJson(),
  landmarks: [memory.long.landmarkMs, memory.short.landmarkMs],
  rankers: Object.fromEntries(
    Object.entries(rankers).map(([scenario, ranker]) => [scenario, ranker.toJson()]),
  ) as Snapshot['rankers'],
  lessons: { credit: lessons.credit, turn: lessons.turn, given: lessons.given },
  contest: contest.toJson(),
});

export const restoreFrom = (snapshot: Snapshot, { memory, rankers, lessons, contest }: Whole): void => {
  memory.items.restore(snapshot.items);
  memory.content.restore(snapshot.content);
  memory.visits.restore(snapshot.visits);
  memory.orders.restore(snapshot.orders);
  memory.openVisits.restore(snapshot.openVisits);
  memory.histories.restore(snapshot.histories);
  for (const name of rowNames) memory[name].restore(snapshot.rows[name]);
  memory.popular.restore(snapshot.popular);
  memory.trending.restore(snapshot.trending);
  [memory.long.landmarkMs, memory.short.landmarkMs] = snapshot.landmarks;
  for (const [scenario, ranker] of Object.entries(rankers))
    ranker.restore(snapshot.rankers[scenario as Scenario]);
  Object.assign(lessons, snapshot.lessons);
  contest.restore(snapshot.contest);
};
