import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredWindow } from '#platform/streams/open-windows';
import { createTask } from '#platform/streams/task';
import type { Sink, Topology, WritingSink } from '#platform/streams/topology';
import type { OrderPlaced, ShopperActivity } from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { type FraudSignalRow, fraudSignals } from './fraud-signals.js';
import { liveMetrics } from './live-figures.js';
import { productPerformance } from './product-performance.js';
import { searches } from './searches.js';
import { stockOuts } from './stock-outs.js';
import {
  recomputeLive,
  recomputePerformance,
  recomputeSearches,
  recomputeSignals,
  recomputeVisits,
  type ShopEvent,
  shopEvents,
} from './testing/shop-events.js';
import { visits } from './visits.js';

/** Each job's fold without an engine: rows of events in a chosen order, against a recomputation or by example. */

const nowhere: Sink<never> = { into: 'nowhere', publish: async () => {}, rowsKeptMax: 0 };
const written: WritingSink<never> = { into: 'nowhere', write: async () => {} };
const farMs = 10 * 86_400_000;

type AnEvent = Pick<ShopEvent, 'type' | 'key' | 'value' | 'atMs'>;

/**
 * The last revision of each row, which `idOf` says. Events of a key stay on one partition and in order; `turns` choose
 * which partition is read next.
 */
const rowsOf = <R>(
  topology: Topology<never, never, R>,
  events: readonly AnEvent[],
  turns: readonly number[] = [],
  idOf: (row: R, place: readonly string[]) => string = (_, place) => `${place[0]} ${place[1]} ${place[3]}`,
): R[] => {
  const task = createTask(topology, 1);
  const partitions: (typeof events)[number][][] = [[], [], []];
  for (const event of events) partitions[event.key.length % 3]?.push(event);
  const lanes = partitions.map((_, partition) => task.lane({ topic: 't', partition }));
  const last = new Map<string, R>();
  const take = (partition: number): boolean => {
    const lane = lanes[partition];
    const event = partitions[partition]?.[Number(lane?.nextOffset)];
    if (lane === undefined || event === undefined) return false;
    const late = lane.take(
      lane.nextOffset,
      event.atMs,
      task.contributionsOf({ ...event, eventId: 'e' } as never),
    );
    expect(late).toBe(0);
    task.advance();
    return true;
  };
  const keep = () => {
    for (const { place, row } of task.checkpoint().rows) {
      const id = idOf(row, place);
      // As in ClickHouse: of equal revisions the one that came last.
      if (revisionOf(row) >= revisionOf(last.get(id))) last.set(id, row);
    }
  };
  for (const [nth, turn] of turns.entries()) {
    take(turn % 3);
    if (nth % 7 === 0) keep();
  }
  for (const partition of partitions.keys()) while (take(partition));
  for (const lane of lanes) lane.take(lane.nextOffset, events[0]!.atMs + farMs, []);
  task.advance();
  keep();
  return [...last.values()];
};

const revisionOf = (row: unknown): number => (row as { revision?: number } | undefined)?.revision ?? 0;

const turns = fc.array(fc.nat(2), { maxLength: 300 });
const seeds = fc.integer({ min: 50, max: 400 });
const fromMs = Date.UTC(2026, 5, 1);

describe('for any interleaving', () => {
  test('live figures equal a recomputation', () => {
    fc.assert(
      fc.property(seeds, turns, (count, order) => {
        const events = shopEvents(count, fromMs);
        const rows = rowsOf(liveMetrics('tenSeconds', nowhere) as never, events, order) as {
          fromMs: number;
        }[];
        expect(rows.toSorted((a, b) => a.fromMs - b.fromMs)).toEqual(recomputeLive(events, 10_000));
      }),
      { numRuns: 25 },
    );
  });

  test('visits equal a recomputation', () => {
    fc.assert(
      fc.property(seeds, turns, (count, order) => {
        const events = shopEvents(count, fromMs, { visits: 10 });
        const id = (row: { visit_id: string; started_at: number }) => `${row.visit_id} ${row.started_at}`;
        const byId = (rows: readonly { visit_id: string; started_at: number }[]) =>
          rows.toSorted((a, b) => (id(a) < id(b) ? -1 : 1));
        expect(byId(rowsOf(visits(20_000, nowhere) as never, events, order))).toEqual(
          byId(recomputeVisits(events, 20_000)),
        );
      }),
      { numRuns: 25 },
    );
  });

  const inAnyOrder = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(sorted(row))).toSorted();
  const sorted = (row: unknown) => Object.entries(row as object).toSorted(([a], [b]) => (a < b ? -1 : 1));

  test('searches equal a recomputation', () => {
    fc.assert(
      fc.property(seeds, turns, (count, order) => {
        const events = shopEvents(count, fromMs, { visits: 10 });
        expect(inAnyOrder(rowsOf(searches(20_000, nowhere) as never, events, order))).toEqual(
          inAnyOrder(recomputeSearches(events, 20_000)),
        );
      }),
      { numRuns: 25 },
    );
  });

  test('signals of fraud equal a recomputation', () => {
    const limits = { orders: 3, declines: 2, amountsMinor: { GBP: 20_000, EUR: 25_000 } };
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 6_000 }), turns, (count, order) => {
        const events = shopEvents(count, fromMs + 300_000);
        const rows = rowsOf<FraudSignalRow>(
          fraudSignals(limits, nowhere) as never,
          events,
          order,
          ({ signal_id: id }) => id,
        );
        const shown = rows.map(({ revision: _, ...signal }) => signal);
        expect(inAnyOrder(shown)).toEqual(inAnyOrder(recomputeSignals(events, limits)));
      }),
      { numRuns: 25 },
    );
  });

  test('the performance of products equals a recomputation', () => {
    fc.assert(
      fc.property(seeds, turns, (count, order) => {
        const events = shopEvents(count, fromMs);
        expect(inAnyOrder(rowsOf(productPerformance(60_000, written) as never, events, order))).toEqual(
          inAnyOrder(recomputePerformance(events, 60_000)),
        );
      }),
      { numRuns: 25 },
    );
  });
});

/** What a visitor did, so many seconds after the start. */
const did = (second: number, type: string, more: Partial<ShopperActivity> = {}) => ({
  type: 'ShopperActivity' as const,
  key: 'visit',
  atMs: fromMs + second * 1_000,
  value: activityOf({
    ...{ event_id: `e-${second}`, type, visit_id: 'visit', occurred_at: fromMs + second * 1_000 },
    ...more,
  }),
});

describe('where there is no room for all visits', () => {
  const windowsMax = 600;
  const view = (visit: string, second: number, productId = 'p') => ({
    ...did(second, 'product_viewed', { visit_id: visit, product_id: productId }),
    key: visit,
  });
  /** Visits of eight views within four minutes, of which one begins each second. */
  const shopFor = (seconds: number) =>
    Array.from({ length: seconds }, (_, begunAt) =>
      Array.from({ length: 8 }, (_, nth) => view(`real-${begunAt}`, begunAt + 30 * nth, `p${nth}`)),
    ).flat();
  /** How many actions each row of a visit has. The events are read in the order of their times. */
  const actionsBy = (events: readonly ReturnType<typeof view>[]) => {
    const task = createTask({ ...visits(1_800_000, nowhere), windowsMax }, 1);
    const lane = task.lane({ topic: 't', partition: 0 });
    const actions = new Map<string, number[]>();
    for (const event of [...events, view('last', 100_000)].toSorted((a, b) => a.atMs - b.atMs)) {
      const contributions = task.contributionsOf({ ...event, eventId: 'e' } as never);
      expect(lane.take(lane.nextOffset, event.atMs, contributions)).toBe(0);
      task.advance();
    }
    for (const { row } of task.checkpoint().rows)
      actions.set(row.visit_id, [...(actions.get(row.visit_id) ?? []), row.actions]);
    return actions;
  };

  test('those that have been idle for longest end, and none that goes on', () => {
    const visitsMade = 2_000;
    expect([...actionsBy(shopFor(visitsMade)).values()]).toEqual(
      Array.from({ length: visitsMade }, () => [8]),
    );
  });

  test('one who left at once does not stay for the others', () => {
    const events = [
      ...shopFor(2_000),
      ...Array.from({ length: 2_000 }, (_, second) => view(`left-${second}`, second)),
    ];
    const actions = actionsBy(events);
    expect(actions.size).toBe(4_000);
    for (const [visit, counts] of actions) expect(counts).toEqual([visit.startsWith('left') ? 1 : 8]);
  });

  test('of visits of one to six views those end that are over, and none that goes on', () => {
    const events = Array.from({ length: 2_000 }, (_, begunAt) =>
      Array.from({ length: 1 + (begunAt % 6) }, (_, nth) => view(`v-${begunAt}`, begunAt + 70 * nth)),
    ).flat();
    const actions = actionsBy(events);
    for (let begunAt = 0; begunAt < 2_000; begunAt += 1)
      expect(actions.get(`v-${begunAt}`)).toEqual([1 + (begunAt % 6)]);
  });

  test.each([
    { views: [1] },
    { views: [2] },
    { views: [5] },
    { views: [1, 2, 3, 4] },
    { views: [1, 2, 3, 4, 5] },
  ])('invented ones of $views views end, however many they are, and no real one', ({ views }) => {
    const real = shopFor(100);
    const back = [...new Set(real.map(({ key }) => key))].map((key) => view(key, 1_700, 'later'));
    const invented = Array.from({ length: 4_000 }, (_, nth) =>
      Array.from({ length: views[nth % views.length] as number }, () =>
        view(`invented-${nth}`, 1_600 + nth / 200),
      ),
    ).flat();
    const actions = actionsBy([...real, ...invented, ...back]);
    for (const { key } of real) expect(actions.get(key)).toEqual([9]);
  });
});

describe('a search', () => {
  const found = (events: readonly ReturnType<typeof did>[]) =>
    rowsOf(searches(1_800_000, nowhere) as never, events) as Record<string, unknown>[];

  test('is answered by the first product that is viewed before the next search', () => {
    const events = [
      did(0, 'product_viewed', { product_id: 'before' }),
      did(10, 'products_searched', { query: ' Desk  LAMP ' }),
      did(15, 'product_viewed', { product_id: 'first' }),
      did(20, 'product_viewed', { product_id: 'second' }),
      did(25, 'product_added', { product_id: 'second' }),
      did(30, 'products_searched', { query: 'nothing like it' }),
    ];
    for (const given of [events, events.toReversed()])
      expect(found(given)).toMatchObject([
        {
          ...{ nth: 0, term: 'desk lamp', product_id: 'first' },
          ...{ viewed_at: fromMs + 15_000, added_at: fromMs + 25_000, occurred_at: fromMs + 10_000 },
        },
        { nth: 1, term: 'nothing like it', product_id: null, viewed_at: null, added_at: null },
      ]);
  });

  test('has how many products it found, null where nobody said it', () => {
    const searched = (second: number, results?: number) =>
      did(second, 'products_searched', {
        query: `${results}`,
        ...(results === undefined ? {} : { results }),
      });
    expect(found([searched(10, 0), searched(20, 24), searched(30)])).toMatchObject([
      { nth: 0, results: 0 },
      { nth: 1, results: 24 },
      { nth: 2, results: null },
    ]);
    const ofEarlierVersion = { asked: [{ atMs: fromMs, term: 'lamp', userId: null }], steps: [] };
    const window = { key: 'visit', fromMs, toMs: fromMs + 1, revision: 1, hasChanged: true };
    const { aggregate, rows } = searches(1_800_000, nowhere);
    expect(rows({ ...window, sum: aggregate.fromJson?.(ofEarlierVersion) as never })).toMatchObject([
      { term: 'lamp', results: null },
    ]);
  });

  test('is not answered by what is done in the instant of the next search', () => {
    expect(
      found([
        did(10, 'products_searched', { query: 'lamp' }),
        did(20, 'products_searched', { query: 'desk' }),
        did(20, 'product_viewed', { product_id: 'first' }),
      ]),
    ).toMatchObject([
      { term: 'lamp', product_id: null, viewed_at: null },
      { term: 'desk', product_id: 'first', viewed_at: fromMs + 20_000 },
    ]);
  });

  test('is not answered by what comes after half an hour of silence: that is another visit', () => {
    const later = did(10 + 1_801, 'product_viewed', { product_id: 'first' });
    expect(found([did(10, 'products_searched', { query: 'lamp' }), later])).toMatchObject([
      { term: 'lamp', viewed_at: null },
    ]);
  });
});

describe('the performance of a product', () => {
  const sale = (second: number, quantity: number, priceMinor: number, currency = 'GBP') => ({
    type: 'Sale' as const,
    key: `o${second}`,
    atMs: fromMs + second * 1_000,
    value: {
      ...{ event_id: `s-${second}`, order_id: `o${second}`, line: 0, product_id: 'p', category: 'home' },
      ...{ user_id: null, quantity, amount_minor: quantity * priceMinor, currency },
      ...{ kind: quantity > 0 ? 'sale' : 'refund', occurred_at: fromMs + second * 1_000 },
    },
  });
  const hours = (events: Parameters<typeof rowsOf>[1]) =>
    rowsOf(productPerformance(3_600_000, written) as never, events);

  test('goes from view to return in an hour, with the prices that were paid, and never adds currencies', () => {
    const events = [
      did(1, 'product_viewed', { product_id: 'p' }),
      did(2, 'product_viewed', { product_id: 'p' }),
      did(3, 'product_added', { product_id: 'p' }),
      did(4, 'recommendation_shown', { product_id: 'p' }),
      sale(10, 2, 500),
      sale(20, 1, 450),
      sale(30, -1, 500),
      sale(40, 1, 600, 'EUR'),
      sale(3_600, 1, 400),
    ];
    expect(hours(events)).toMatchObject([
      { currency: null, from_at: fromMs, views: 2, adds: 1, lines: 0, lowest_price_minor: null },
      { currency: 'EUR', from_at: fromMs, lines: 1, units: 1, gross_minor: 600, views: 0 },
      {
        ...{ currency: 'GBP', from_at: fromMs, lines: 2, units: 3, gross_minor: 1_450 },
        ...{ returned_units: 1, refunded_minor: 500, lowest_price_minor: 450, highest_price_minor: 500 },
      },
      { currency: 'GBP', from_at: fromMs + 3_600_000, units: 1, gross_minor: 400 },
    ]);
  });

  test('has the id that it always had, and a row of another length that begins with it has another one', () => {
    const placesOf = (windowMs: number) => {
      const places: (readonly string[])[] = [];
      rowsOf(productPerformance(windowMs, written) as never, [sale(10, 2, 500)], [], (_, place) => {
        places.push(place);
        return `${place}`;
      });
      return places;
    };
    const usual = ['GBP:p', `${fromMs}`, '1', '0'];
    expect(placesOf(3_600_000)).toEqual([usual]);
    expect(placesOf(7_200_000)).not.toEqual([usual]);
  });

  test('has an order line that comes after its hour was written as a row of its own, and leaves out late views', () => {
    const task = createTask(productPerformance(3_600_000, written), 1);
    const lane = task.lane({ topic: 't', partition: 0 });
    const take = (event: AnEvent) => {
      lane.take(lane.nextOffset, event.atMs, task.contributionsOf({ ...event, eventId: 'e' } as never));
      task.advance();
    };
    for (const event of [sale(10, 2, 500), sale(4_300, 1, 100), sale(20, 1, 450), sale(30, -1, 500)])
      take(event);
    take(did(40, 'product_viewed', { product_id: 'p' }));
    const { rows, late } = task.checkpoint();
    const hour = { product_id: 'p', currency: 'GBP', from_at: fromMs, views: 0 };
    expect(rows.map(({ row }) => row)).toMatchObject([{ ...hour, lines: 1, units: 2, gross_minor: 1_000 }]);
    expect(late.map(({ row }) => row)).toMatchObject([
      {
        ...hour,
        lines: 1,
        units: 1,
        gross_minor: 450,
        lowest_price_minor: 450,
        occurred_at: fromMs + 20_000,
      },
      { ...hour, lines: 0, returned_units: 1, refunded_minor: 500, lowest_price_minor: null },
    ]);
  });

  test('has money given back for no piece as a refund: it is no line, and has no price', () => {
    const goodwill = sale(20, 0, 0);
    const given = { ...goodwill, value: { ...goodwill.value, amount_minor: -300 } };
    expect(hours([sale(10, 2, 500), given])).toMatchObject([
      {
        ...{ lines: 1, units: 2, gross_minor: 1_000, returned_units: 0, refunded_minor: 300 },
        ...{ lowest_price_minor: 500, highest_price_minor: 500 },
      },
    ]);
  });
});

const placed = (orderId: string, more: Partial<OrderPlaced> & { atMs?: number } = {}) => {
  const { atMs = fromMs, ...changes } = more;
  return {
    type: 'OrderPlaced' as const,
    key: orderId,
    atMs,
    value: {
      orderId,
      version: 1,
      userId: 'user-1',
      visitId: null,
      cartId: null,
      cartProof: null,
      lines: [{ productId: 'p', name: 'p', category: 'home', quantity: 2, unitPriceMinor: 300 }],
      totalMinor: 600,
      currency: 'GBP',
      paymentMethod: 'card',
      paymentToken: '',
      shippingCountry: 'GB',
      occurredAt: atMs,
      ...changes,
    },
  };
};
const refused = (orderId: string, atMs: number) => ({
  type: 'StockRejected' as const,
  key: orderId,
  atMs,
  value: { orderId, lines: [{ productId: 'p', requested: 2, available: 1 }], occurredAt: atMs },
});

describe('a stock-out', () => {
  test('has the price of the order, whichever event comes first', () => {
    for (const events of [
      [placed('o'), refused('o', fromMs + 50)],
      [refused('o', fromMs + 50), placed('o')],
    ])
      expect(rowsOf(stockOuts(nowhere) as never, events)).toMatchObject([
        { order_id: 'o', requested: 2, available: 1, lost_minor: 600, currency: 'GBP', category: 'home' },
      ]);
  });

  const reserved = (orderId: string, atMs: number) => ({
    type: 'StockReserved' as const,
    key: orderId,
    atMs,
    value: { orderId, lines: [], expiresAt: atMs, occurredAt: atMs },
  });

  test('has its price also where inventory was away for hours', () => {
    const events = [
      placed('o'),
      placed('later', { atMs: fromMs + 7_200_000 }),
      refused('o', fromMs + 18_000_000),
    ];
    expect(rowsOf(stockOuts(nowhere) as never, events)).toMatchObject([{ order_id: 'o', lost_minor: 600 }]);
  });

  const running = () => {
    const task = createTask(stockOuts(nowhere), 1);
    const lane = task.lane({ topic: 't', partition: 0 });
    const take = ({ type, atMs, value }: ReturnType<typeof placed> | ReturnType<typeof reserved>) => {
      const event = { type, value, eventId: 'e', key: value.orderId } as never;
      lane.take(lane.nextOffset, atMs, task.contributionsOf(event));
    };
    return { task, take };
  };

  test('costs memory for no order that was served after hours, once its two windows have met', () => {
    const { task, take } = running();
    const hourMs = 3_600_000;
    take(placed('o'));
    take(reserved('o', fromMs + 9 * hourMs));
    expect(task.windowsOpen).toBe(2);
    take(placed('o', { atMs: fromMs + 5 * hourMs }));
    expect(task.windowsOpen).toBe(0);
  });

  test('costs memory for no order that was served, whichever of its events comes first', () => {
    const { task, take } = running();
    for (let nth = 0; nth < 1_000; nth += 1) {
      const both = [placed(`o${nth}`, { atMs: fromMs + nth }), reserved(`o${nth}`, fromMs + nth + 5)];
      for (const event of nth % 2 === 0 ? both : both.toReversed()) take(event);
    }
    expect(task.windowsOpen).toBe(0);
    take(placed('waiting', { atMs: fromMs + 2_000 }));
    expect(task.checkpoint()).toMatchObject({ rows: [], changes: { put: [{ 1: 'waiting' }], removed: [] } });
  });

  test('is counted also where the order is missing, and an order that was served is none', () => {
    expect(rowsOf(stockOuts(nowhere) as never, [refused('a', fromMs), placed('b')])).toMatchObject([
      { order_id: 'a', unit_price_minor: null, lost_minor: 0, currency: null },
    ]);
  });
});

describe('a signal of fraud', () => {
  const limits = { orders: 3, declines: 2, amountsMinor: { GBP: 10_000, JPY: 2_000_000 } };
  const declined = (orderId: string, atMs: number) => ({
    type: 'OrderCancelled' as const,
    key: orderId,
    atMs,
    value: { orderId, version: 2, userId: 'user-1', reason: 'payment_declined', occurredAt: atMs },
  });
  type Signal = { signal_id: string; kind: string; order_id: string; count: number; detail: string };
  const found = (events: Parameters<typeof rowsOf>[1], order?: readonly number[]) =>
    rowsOf<Signal>(fraudSignals(limits, nowhere) as never, events, order, ({ signal_id: id }) => id);
  const signals = (events: Parameters<typeof rowsOf>[1]) =>
    found(events)
      .map(({ kind, order_id: orderId }) => `${kind} ${orderId}`)
      .toSorted();

  test('is each kind, once, of the order that gave rise to it', () => {
    const events = [
      placed('o1'),
      placed('o2', { atMs: fromMs + 400_000 }),
      placed('o3', { atMs: fromMs + 410_000, shippingCountry: 'FR', totalMinor: 10_000 }),
      declined('o2', fromMs + 420_000),
      declined('o3', fromMs + 430_000),
    ];
    expect(signals(events)).toEqual(['amount o3', 'declines o3', 'mismatch o3', 'velocity o3']);
  });

  const minute = (nth: number) => fromMs + nth * 60_000;
  const burst = (at: readonly (readonly [minute: number, country: string])[]) =>
    at.map(([nth, shippingCountry]) => placed(`o${nth}`, { atMs: minute(nth), shippingCountry }));
  /** So that the rows of each order are written before the next one comes. */
  const oneByOne = (events: readonly ReturnType<typeof placed>[]) =>
    events.flatMap(({ key }) => [key.length % 3, ...Array.from({ length: 6 }, () => 1)]);

  test('shows the burst as it ended, although it goes on into the next window', () => {
    const going = burst([
      ...([1, 2, 3, 4, 6] as const).map((nth) => [nth, 'DE'] as const),
      [7, 'FR'],
      [12, 'IT'],
    ]);
    const written = found(going, oneByOne(going));
    expect(written.map(({ kind, count, detail }) => `${kind} ${count} ${detail}`.trim()).toSorted()).toEqual([
      'mismatch 3 DE FR IT',
      'velocity 6',
    ]);
  });

  test('is one, whichever of its orders come first', () => {
    const late = burst([1, 2, 3, 4, 5, 6].map((nth) => [nth, 'DE'] as const));
    const early = [...late.slice(3), ...late.slice(0, 3)];
    expect(found(early, oneByOne(early))).toMatchObject([{ kind: 'velocity', count: 6, order_id: 'o3' }]);
  });

  test('of a large order goes by its currency, and of one without a limit there is none', () => {
    const inCurrency = (orderId: string, currency: string, totalMinor: number) =>
      placed(orderId, { currency, totalMinor, userId: orderId });
    const events = [
      inCurrency('pounds', 'GBP', 10_000),
      inCurrency('few pounds', 'GBP', 9_999),
      inCurrency('yen', 'JPY', 2_000_000),
      inCurrency('few yen', 'JPY', 1_999_999),
      inCurrency('rupiah', 'IDR', 9_000_000_000),
    ];
    expect(signals(events)).toEqual(['amount pounds', 'amount yen']);
  });

  test('of a large order is not lost behind many small ones', () => {
    const small = Array.from({ length: 50 }, (_, nth) => placed(`s${nth}`, { atMs: fromMs + nth * 1_000 }));
    const large = placed('large', { atMs: fromMs + 60_000, totalMinor: 10_000 });
    expect(signals([...small, large])).toContain('amount large');
  });

  test('counts all orders and declines of a burst, also more than are kept one by one', () => {
    const many = Array.from({ length: 100 }, (_, nth) => placed(`o${nth}`, { atMs: fromMs + nth * 5_000 }));
    const notPaid = many.map(({ key, atMs }) => declined(key, atMs + 1_000));
    for (const events of [many, many.toReversed()])
      expect(found([...events, ...notPaid])).toMatchObject([
        { kind: 'velocity', count: 100, order_id: 'o2' },
        { kind: 'declines', count: 100, order_id: 'o1' },
      ]);
  });

  test('shows a country that comes after very many orders, whichever of them come first', () => {
    const many = Array.from({ length: 200 }, (_, nth) => placed(`o${nth}`, { atMs: fromMs + nth * 1_000 }));
    const abroad = placed('abroad', { atMs: minute(5), shippingCountry: 'FR' });
    const again = placed('again', { atMs: minute(9), shippingCountry: 'GB' });
    const later = placed('later', { atMs: minute(15), shippingCountry: 'IT' });
    for (const events of [
      [...many, abroad],
      [abroad, ...many],
    ])
      expect(found(events)).toMatchObject([
        { kind: 'velocity', count: 201 },
        { kind: 'mismatch', order_id: 'abroad', detail: 'GB FR' },
      ]);
    expect(found([...many, again, later])).toMatchObject([
      { kind: 'velocity', count: 201 },
      { kind: 'mismatch', order_id: 'later', detail: 'GB IT' },
    ]);
  });

  test('goes on from a checkpoint of a version that kept less', () => {
    const made = fraudSignals(limits, nowhere);
    const orders = Array.from({ length: 40 }, (_, nth) => placed(`o${nth}`, { atMs: fromMs + nth }));
    const first = createTask(made, 1);
    const give = (task: typeof first, events: typeof orders) => {
      const lane = task.lane({ topic: 't', partition: 0 });
      for (const event of events)
        lane.take(lane.nextOffset, event.atMs, task.contributionsOf({ ...event, eventId: 'e' } as never));
      return task.checkpoint();
    };
    const stored = give(first, orders);
    const second = createTask(made, 1);
    const old = first.everything().map(([id, key, from, to, revision, sum]): StoredWindow => {
      const { orders, declines } = sum as Record<string, unknown>;
      return [id, key, from, to, revision, { orders, declines }];
    });
    second.restore({ ...stored, windows: old }, [{ topic: 't', partition: 0, high: 40n }]);
    const more = give(second, [placed('more', { atMs: fromMs + 50, shippingCountry: 'FR' })]);
    expect(more.rows.map(({ row }) => [row.kind, row.count])).toEqual(
      expect.arrayContaining([
        ['velocity', 41],
        ['mismatch', 2],
      ]),
    );
  });

  test('is of the window in whose first half the large order is, and of no other', () => {
    const large = [0, 9, 10, 19].map((nth) => placed(`o${nth}`, { atMs: minute(nth), totalMinor: 10_000 }));
    for (const order of large) {
      const rows = rowsOf<Signal>(
        fraudSignals(limits, nowhere) as never,
        [order],
        [],
        (_, place) => `${place}`,
      );
      expect(rows).toMatchObject([{ kind: 'amount', order_id: order.key }]);
    }
  });

  test('is none of orders the last of which comes ten minutes after the first', () => {
    expect(signals(burst([0, 5, 10].map((nth) => [nth, 'DE'] as const)))).toEqual([]);
  });

  test('is none for a buyer who orders now and then', () => {
    const events = [0, 1, 2, 3].map((nth) => placed(`o${nth}`, { atMs: fromMs + nth * 900_000 }));
    expect(signals(events)).toEqual([]);
  });
});
