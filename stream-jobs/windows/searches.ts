import { keepEarliest, type Timed } from '#platform/streams/earliest';
import { type Sink, topology, type WindowOf } from '#platform/streams/topology';
import { gap } from '#platform/streams/window';
import type { Search, ShopperActivity } from '#schemas/events';
import { termOf } from '#schemas/search-term';
import { visitTimes } from '#schemas/window-times';
import { internProductId, internSteps } from './product-ids.js';

/** Checkpoints of before have no `results`. */
type Asked = Timed & { term: string; userId: string | null; results?: number | null };
/** What was done with a product. */
type Step = Timed & { productId: string; isAdded: boolean };

type Input = Omit<Asked, 'atMs'> | Omit<Step, 'atMs'>;
type Sum = { asked: Asked[]; steps: Step[] };

export type SearchRow = Omit<Search, 'event_id'>;

const searchesPerVisitMax = 50;
const stepsPerVisitMax = 200;

/** What each search of a visit led to, before the visit's next one. */
export const searches = (gapMs: number, sink: Sink<SearchRow>) => {
  // Those of the same visits.
  const { outOfOrderMsMax, latenessMs } = visitTimes(gapMs);
  return topology({
    name: 'searches',
    purpose:
      'Each search of a visit that has ended: its term, how much it found, and whether a product was viewed or added after it.',
    sources: {
      ShopperActivity: ({
        type,
        visit_id: key,
        query,
        product_id: productId,
        user_id: userId,
        results,
      }: ShopperActivity) => {
        if (type === 'products_searched')
          return [{ key, input: { term: termOf(query ?? ''), userId, results } as Input }];
        const isAdded = type === 'product_added';
        return productId !== null && (isAdded || type === 'product_viewed')
          ? [{ key, input: { productId, isAdded } as Input }]
          : [];
      },
    },
    keyedBy: 'visit',
    window: gap(gapMs),
    aggregate: {
      start: (): Sum => ({ asked: [], steps: [] }),
      add: (sum, input: Input, atMs) => {
        if ('term' in input) keepEarliest(sum.asked, { atMs, ...input }, searchesPerVisitMax);
        else {
          const { productId, isAdded } = input;
          keepEarliest(sum.steps, { atMs, productId: internProductId(productId), isAdded }, stepsPerVisitMax);
        }
        return sum;
      },
      merge: (into, other) => {
        for (const one of other.asked) keepEarliest(into.asked, one, searchesPerVisitMax);
        for (const one of other.steps) keepEarliest(into.steps, one, stepsPerVisitMax);
        return into;
      },
      fromJson: (json) => {
        const sum = json as Sum;
        internSteps(sum.steps);
        return sum;
      },
    },
    emits: 'once',
    outOfOrderMsMax,
    latenessMs,
    // At most 90 MB: 55,000 visits of eight actions, each of 1.3 kB.
    windowsMax: 150_000,
    eventsOf: ({ asked, steps }: Sum) => asked.length + steps.length,
    weightOf: ({ asked, steps }: Sum) => 1 + asked.length / 2 + steps.length / 8,
    rows: ({ key, sum }: WindowOf<Sum>): SearchRow[] => sum.asked.map((_, nth) => rowOf(key, sum, nth)),
    sink,
  });
};

const rowOf = (visitId: string, { asked, steps }: Sum, nth: number): SearchRow => {
  const { atMs, term, userId, results = null } = asked[nth] as Asked;
  const untilMs = asked[nth + 1]?.atMs ?? Number.POSITIVE_INFINITY;
  const after = steps.filter((step) => step.atMs >= atMs && step.atMs < untilMs);
  const viewed = after.find(({ isAdded }) => !isAdded);
  return {
    visit_id: visitId,
    user_id: userId,
    nth,
    term,
    product_id: viewed?.productId ?? null,
    viewed_at: viewed?.atMs ?? null,
    added_at: after.find(({ isAdded }) => isAdded)?.atMs ?? null,
    occurred_at: atMs,
    results,
  };
};
