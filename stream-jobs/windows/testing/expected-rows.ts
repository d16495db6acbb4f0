import type { Redis } from 'ioredis';
import type { EventMap } from '#schemas/events';
import { type LiveSize, type LiveWindow, liveKeys, liveSizes } from '#schemas/live-state';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { defaultSettings } from '../defaults.js';
import {
  type FoundSignal,
  recomputeLive,
  recomputePerformance,
  recomputeSearches,
  recomputeSignals,
  recomputeVisits,
  type ShopEvent,
} from './shop-events.js';
import { readTopics, type WrittenRows } from './windows-job.js';

/** Rows by what they are of, as texts in one order. */
export type Expected = Record<
  'Visit' | 'Search' | 'ProductPerformance' | 'StockOut' | 'FraudSignal' | LiveSize,
  readonly string[]
>;

const sizes = Object.keys(liveSizes) as LiveSize[];

/** `late` are events that come too late for any window: of them only order lines are written, each as a row of its own. */
export const recomputeAll = (
  events: readonly ShopEvent[],
  late: readonly ShopEvent[],
  { visitGapMs, performanceWindowMs }: { visitGapMs: number; performanceWindowMs: number },
): Expected => ({
  Visit: inOneOrder(recomputeVisits(events, visitGapMs)),
  Search: inOneOrder(recomputeSearches(events, visitGapMs)),
  ProductPerformance: inOneOrder([
    ...recomputePerformance(events, performanceWindowMs),
    ...late
      .filter(({ type }) => type === 'Sale')
      .flatMap((line) => recomputePerformance([line], performanceWindowMs)),
  ]),
  StockOut: inOneOrder(recomputeStockOuts(events)),
  FraudSignal: inOneOrder(recomputeSignals(events, defaultSettings.fraud)),
  ...(Object.fromEntries(
    sizes.map((size) => [size, inOneOrder(recomputeLive(events, liveSizes[size]))]),
  ) as Record<LiveSize, string[]>),
});

/** What the jobs wrote: of rows that replace each other the last, and of live figures those before the closing events. */
export const foundOf = async (written: WrittenRows, redis: Redis, fromMs: number): Promise<Expected> => {
  const live = async (size: LiveSize): Promise<LiveWindow[]> =>
    Object.values(await redis.hgetall(liveKeys.windows(size)))
      .map((text) => JSON.parse(text.slice(text.indexOf(' ') + 1)) as LiveWindow)
      .filter((window) => window.fromMs < fromMs + closingAfterMs);
  const stockOuts = lastOf(written.StockOut, (row) => `${row.order_id} ${row.product_id}`);
  const signals = lastOf(written.FraudSignal, (row) => row.signal_id);
  return {
    Visit: inOneOrder(written.Visit.map(withoutId)),
    Search: inOneOrder(written.Search.map(withoutId)),
    ProductPerformance: inOneOrder(written.ProductPerformance.map(withoutId)),
    StockOut: inOneOrder(stockOuts.map(essentials)),
    FraudSignal: inOneOrder(signals.map(({ event_id: _, revision: __, ...shown }): FoundSignal => shown)),
    tenSeconds: inOneOrder(await live('tenSeconds')),
    minute: inOneOrder(await live('minute')),
  };
};

const closingAfterMs = 30 * 60_000;

const withoutId = <T extends { event_id: string }>({ event_id: _, ...row }: T) => row;

/** The rows of which ClickHouse keeps the highest revision. */
const lastOf = <T extends { revision: number }>(rows: readonly T[], idOf: (row: T) => string): T[] => {
  const last = new Map<string, T>();
  for (const row of rows.toSorted((a, b) => a.revision - b.revision)) last.set(idOf(row), row);
  return [...last.values()];
};

const essentials = ({ order_id, product_id, requested, lost_minor }: EventMap['StockOut']) => ({
  order_id,
  product_id,
  requested,
  lost_minor,
});

const recomputeStockOuts = (events: readonly ShopEvent[]): object[] => {
  const placed = new Map(
    events.flatMap((event) => (event.type === 'OrderPlaced' ? [[event.key, event.value]] : [])),
  );
  return events.flatMap(({ type, key, value }) =>
    type !== 'StockRejected'
      ? []
      : value.lines.map(({ productId, requested }) => {
          const lines = placed.get(key)?.lines ?? [];
          const priceMinor = lines.find((line) => line.productId === productId)?.unitPriceMinor ?? 0;
          return { order_id: key, product_id: productId, requested, lost_minor: requested * priceMinor };
        }),
  );
};

/** An event on each partition that the jobs read: it adds to few windows, and moves the watermark. */
export const edgeEvents = (
  atMs: number,
  name: string,
  partitions?: number,
): (ShopEvent & { partition: number })[] =>
  readTopics.flatMap(({ topic, partitions: usual }) =>
    Array.from({ length: partitions ?? usual }, (_, partition) => ({
      ...edgeEvent(topic, `${name}-${topic}-${partition}`, atMs),
      partition,
    })),
  );

const edgeEvent = (topic: (typeof readTopics)[number]['topic'], id: string, atMs: number): ShopEvent => {
  const about = { key: id, atMs, eventId: id };
  const sale = { line: 0, product_id: id, category: 'home', quantity: 1, amount_minor: 1, currency: 'GBP' };
  const by = { event_id: id, user_id: null, occurred_at: atMs };
  switch (topic) {
    case 'shopper-activity':
      return {
        ...about,
        type: 'ShopperActivity',
        value: activityOf({ ...by, type: 'recommendation_shown', visit_id: id }),
      };
    case 'sales':
      return { ...about, type: 'Sale', value: { ...by, ...sale, order_id: id, kind: 'sale' } };
    case 'orders': {
      const value = { orderId: id, version: 2, userId: null, reason: 'customer', occurredAt: atMs };
      return { ...about, type: 'OrderCancelled', value };
    }
    case 'inventory':
      return { ...about, type: 'StockRejected', value: { orderId: id, lines: [], occurredAt: atMs } };
  }
};

const inOneOrder = (rows: readonly object[]): string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted();
