import { keepEarliest } from '#platform/streams/earliest';
import { type Sink, topology, type WindowOf } from '#platform/streams/topology';
import { gap } from '#platform/streams/window';
import type { OrderPlaced, ShopperActivity, Visit } from '#schemas/events';
import { visitTimes } from '#schemas/window-times';
import { internProductId, internSteps } from './product-ids.js';

type Input = { type: string; productId: string | null; userId: string | null; device: string | null };

type Step = { atMs: number; productId: string };

type Sum = {
  counts: Record<string, number>;
  user: { atMs: number; userId: string } | null;
  device: { atMs: number; device: string } | null;
  startedAt: number;
  endedAt: number;
  path: Step[];
  exit: Step | null;
};

export type VisitRow = Omit<Visit, 'event_id'>;

const pathStepsMax = 50;
/** To be shown something is no action. */
const withoutMeaning = 'recommendation_shown';

/** What a shopper did from coming to leaving: where the visit began and ended, its path, and whether it led to an order. */
export const visits = (gapMs: number, sink: Sink<VisitRow>) => {
  const { outOfOrderMsMax, latenessMs } = visitTimes(gapMs);
  return topology({
    name: 'visits',
    purpose: 'Visits that have ended: entry, exit, path, device, conversion and abandoned carts.',
    sources: {
      ShopperActivity: (activity: ShopperActivity) => {
        const { visit_id: key, type, product_id: productId, user_id: userId, device } = activity;
        return type === withoutMeaning ? [] : [{ key, input: { type, productId, userId, device } as Input }];
      },
      OrderPlaced: ({ visitId, userId }: OrderPlaced) =>
        visitId === null
          ? []
          : [{ key: visitId, input: { type: 'ordered', productId: null, userId, device: null } as Input }],
    },
    keyedBy: 'visit',
    window: gap(gapMs),
    aggregate: {
      start: (): Sum => ({
        counts: {},
        user: null,
        device: null,
        startedAt: Number.MAX_SAFE_INTEGER,
        endedAt: 0,
        path: [],
        exit: null,
      }),
      add: (sum, { type, productId, userId, device }, atMs) => {
        sum.counts[type] = (sum.counts[type] ?? 0) + 1;
        sum.startedAt = Math.min(sum.startedAt, atMs);
        sum.endedAt = Math.max(sum.endedAt, atMs);
        if (userId !== null) sum.user = later(sum.user, { atMs, userId });
        if (device !== null) sum.device = later(sum.device, { atMs, device });
        if (productId !== null && type !== 'product_removed') {
          const step = { atMs, productId: internProductId(productId) };
          keepEarliest(sum.path, step, pathStepsMax);
          sum.exit = later(sum.exit, step);
        }
        return sum;
      },
      merge: (into, other) => {
        for (const [type, count] of Object.entries(other.counts))
          into.counts[type] = (into.counts[type] ?? 0) + count;
        into.startedAt = Math.min(into.startedAt, other.startedAt);
        into.endedAt = Math.max(into.endedAt, other.endedAt);
        into.user = later(into.user, other.user);
        into.device = later(into.device, other.device);
        into.exit = later(into.exit, other.exit);
        for (const step of other.path) keepEarliest(into.path, step, pathStepsMax);
        return into;
      },
      fromJson: (json) => {
        // A visit of before devices were known has none.
        const sum: Sum = { ...(json as Sum), device: (json as Partial<Sum>).device ?? null };
        internSteps(sum.path);
        return sum;
      },
    },
    emits: 'once',
    outOfOrderMsMax,
    latenessMs,
    // At most 110 MB: 90,000 visits of eight actions, each of a kilobyte.
    windowsMax: 160_000,
    eventsOf: ({ counts }: Sum) => actionsOf(counts),
    weightOf: ({ path }: Sum) => 1 + path.length / 8,
    rows: (window: WindowOf<Sum>) => [rowOf(window)],
    sink,
  });
};

/** The later of two; of two at the same time, one that does not depend on which came first. */
const later = <T extends { atMs: number }>(a: T | null, b: T | null): T | null => {
  if (a === null || b === null) return a ?? b;
  if (a.atMs !== b.atMs) return a.atMs > b.atMs ? a : b;
  return JSON.stringify(a) > JSON.stringify(b) ? a : b;
};

const actionsOf = (counts: Sum['counts']): number =>
  Object.values(counts).reduce((all, some) => all + some, 0);

const rowOf = ({ key, sum }: WindowOf<Sum>): VisitRow => {
  const count = (type: string): number => sum.counts[type] ?? 0;
  const products = sum.path.map(({ productId }) => productId);
  const orders = count('ordered');
  return {
    visit_id: key,
    user_id: sum.user?.userId ?? null,
    started_at: sum.startedAt,
    entry_product_id: products[0] ?? null,
    exit_product_id: sum.exit?.productId ?? null,
    path: products.filter((product, nth) => product !== products[nth - 1]).join(' '),
    actions: actionsOf(sum.counts),
    views: count('product_viewed'),
    adds: count('product_added'),
    removes: count('product_removed'),
    searches: count('products_searched'),
    clicks: count('recommendation_clicked'),
    checkouts: count('checkout_started'),
    orders,
    abandoned: count('product_added') > count('product_removed') && orders === 0,
    occurred_at: sum.endedAt,
    device: sum.device?.device ?? null,
  };
};
