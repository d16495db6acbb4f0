import { idOf } from '#platform/ids';
import type { EventMap, FraudSignal, ProductPerformance, Search, Visit } from '#schemas/events';
import type { LiveWindow } from '#schemas/live-state';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import type { FraudLimits } from '../fraud-signals.js';

/**
 * A shop's events for tests, and what windows over them have to hold: computed from the whole list at once, by other
 * code than the jobs'.
 */

type Types =
  | 'ShopperActivity'
  | 'Sale'
  | 'OrderPlaced'
  | 'OrderCancelled'
  | 'StockRejected'
  | 'StockReserved';

export type ShopEvent = {
  [T in Types]: { type: T; key: string; value: EventMap[T]; atMs: number; eventId: string };
}[Types];

const outOfOrderMs = 1_500;
/** What shoppers do, as often as it stands here. */
const actions =
  'product_viewed product_viewed product_viewed product_added product_removed checkout_started products_searched recommendation_shown recommendation_clicked'.split(
    ' ',
  );
/** Some found nothing, and some do not say what they found. */
const resultsOfSearches = [0, 12, null];
/** Some do not say it. */
const devicesSaid = ['mobile', 'desktop', null, 'tablet'];
const queries = ['Lamp', ' lamp ', 'red  CHAIR', 'ﬁlter'];

/** The same events for the same arguments, over ten minutes from `fromMs`, out of order by up to 1.5 s. */
export const shopEvents = (
  count: number,
  fromMs: number,
  { visits = 200, eventsPerVisit }: { visits?: number; eventsPerVisit?: number } = {},
): ShopEvent[] => {
  const random = seeded(count);
  const used = new Set<number>();
  const events: ShopEvent[] = [];
  for (let nth = 0; nth < count; nth += 1) {
    let atMs = fromMs + Math.floor((nth * 600_000) / count) + outOfOrderMs - random(outOfOrderMs);
    while (used.has(atMs)) atMs += 1;
    used.add(atMs);
    // Of so many visits at a time, either the same ones all along or ever new ones.
    const firstVisit =
      eventsPerVisit === undefined ? 0 : Math.floor(nth / (eventsPerVisit * visits)) * visits;
    if (random(20) > 0) events.push(activity(nth, atMs, random, firstVisit + random(visits)));
    else events.push(...order(nth, atMs, random));
  }
  return events;
};

const activity = (
  nth: number,
  atMs: number,
  random: (below: number) => number,
  visitNumber: number,
): ShopEvent => {
  const visit = `visit-${visitNumber}`;
  const type = actions[random(actions.length)] as string;
  return {
    type: 'ShopperActivity',
    key: visit,
    atMs,
    eventId: `e-${nth}`,
    value: activityOf({
      event_id: `e-${nth}`,
      type,
      visit_id: visit,
      user_id: random(5) === 0 ? `user-${visit}` : null,
      product_id:
        type === 'products_searched' || type === 'checkout_started' ? null : `product-${random(50)}`,
      query: type === 'products_searched' ? (queries[random(queries.length)] as string) : null,
      occurred_at: atMs,
      results: type === 'products_searched' ? (resultsOfSearches[nth % 3] as number | null) : null,
      device: devicesSaid[nth % 4] as string | null,
    }),
  };
};

const order = (nth: number, atMs: number, random: (below: number) => number): ShopEvent[] => {
  const orderId = `order-${nth}`;
  const buyer = random(3) === 0 ? 'user-hasty' : random(2) === 0 ? `user-${random(100)}` : null;
  const currency = random(3) === 0 ? 'EUR' : 'GBP';
  const lines = linesOf(random);
  const totalMinor = lines.reduce((sum, { quantity, unitPriceMinor }) => sum + quantity * unitPriceMinor, 0);
  const visitId = random(4) === 0 ? null : `visit-${random(200)}`;
  const placed: ShopEvent = {
    type: 'OrderPlaced',
    key: orderId,
    atMs,
    eventId: `p-${nth}`,
    value: {
      orderId,
      version: 1,
      userId: buyer,
      visitId,
      cartId: null,
      cartProof: null,
      lines: lines.map((line) => ({ ...line, name: line.productId, category: 'home' })),
      totalMinor,
      currency,
      paymentMethod: 'card',
      paymentToken: '',
      shippingCountry: random(10) === 0 ? 'FR' : 'GB',
      occurredAt: atMs,
    },
  };
  const fate = random(10);
  if (fate === 0) {
    const [{ productId, quantity: requested }] = lines;
    const value = { orderId, lines: [{ productId, requested, available: 0 }], occurredAt: atMs };
    return [{ type: 'StockRejected', key: orderId, atMs, eventId: `r-${nth}`, value }, placed];
  }
  const held = { orderId, lines: [], expiresAt: atMs, occurredAt: atMs };
  const reserved: ShopEvent = { type: 'StockReserved', key: orderId, atMs, eventId: `h-${nth}`, value: held };
  if (fate < 3) {
    const value = { orderId, version: 2, userId: buyer, reason: 'payment_declined', occurredAt: atMs };
    return [reserved, placed, { type: 'OrderCancelled', key: orderId, atMs, eventId: `c-${nth}`, value }];
  }
  return [placed, reserved, ...sales(nth, atMs, { orderId, buyer, currency, lines, isRefunded: fate === 9 })];
};

type Line = { productId: string; quantity: number; unitPriceMinor: number };

/** One to three lines of different products. */
const linesOf = (random: (below: number) => number): [Line, ...Line[]] => {
  const lineOf = (productId: number): Line => ({
    productId: `product-${productId % 50}`,
    quantity: 1 + random(3),
    unitPriceMinor: random(50) === 0 ? 600_000 : 100 + random(5_000),
  });
  const first = random(50);
  const others = Array.from({ length: random(3) }, (_, nth) => lineOf(first + (nth + 1) * 7));
  return [lineOf(first), ...others];
};

type Sold = {
  orderId: string;
  buyer: string | null;
  currency: string;
  lines: readonly Line[];
  /** The first line comes back. */
  isRefunded: boolean;
};

const sales = (nth: number, atMs: number, { orderId, lines, isRefunded, ...more }: Sold): ShopEvent[] => {
  const saleOf = (line: number, sign: 1 | -1): ShopEvent => {
    const { productId, quantity, unitPriceMinor } = lines[line] as Line;
    const eventId = `s-${nth}-${line}-${sign}`;
    const value = {
      ...{ event_id: eventId, order_id: orderId, line, product_id: productId, category: 'home' },
      ...{ user_id: more.buyer, currency: more.currency, occurred_at: atMs },
      quantity: sign * quantity,
      amount_minor: sign * quantity * unitPriceMinor,
      kind: sign === 1 ? 'sale' : 'refund',
    };
    return { type: 'Sale', key: orderId, atMs, eventId, value };
  };
  const sold = lines.map((_, line) => saleOf(line, 1));
  return isRefunded ? [...sold, saleOf(0, -1)] : sold;
};

/** Whole numbers below a bound, the same for the same seed. */
export const seeded = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

export const recomputeLive = (events: readonly ShopEvent[], sizeMs: number): LiveWindow[] => {
  const starts = [...new Set(events.filter(isLive).map(({ atMs }) => atMs - (atMs % sizeMs)))];
  return starts
    .sort((a, b) => a - b)
    .map((fromMs) => {
      const within = events.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + sizeMs);
      const sold = within.flatMap((event) => (event.type === 'Sale' ? [event.value] : []));
      const sum = (kind: string) =>
        ['EUR', 'GBP']
          .map((currency) => ({
            currency,
            amounts: sold.filter((sale) => sale.kind === kind && sale.currency === currency),
          }))
          .filter(({ amounts }) => amounts.length > 0)
          .map(({ currency, amounts }) => ({
            currency,
            amountMinor: Math.abs(amounts.reduce((all, { amount_minor: one }) => all + one, 0)),
          }));
      return {
        fromMs,
        toMs: fromMs + sizeMs,
        orders: new Set(sold.filter(({ kind }) => kind === 'sale').map((sale) => sale.order_id)).size,
        gmv: sum('sale'),
        refunds: sum('refund'),
        visitors: new Set(within.filter(({ type }) => type === 'ShopperActivity').map(({ key }) => key)).size,
      };
    });
};

const isLive = ({ type }: ShopEvent): boolean => type === 'Sale' || type === 'ShopperActivity';

type Act = {
  atMs: number;
  type: string;
  productId: string | null;
  userId: string | null;
  device: string | null;
};

export const recomputeVisits = (events: readonly ShopEvent[], gapMs: number): Omit<Visit, 'event_id'>[] => {
  const acts = new Map<string, Act[]>();
  const note = (visit: string, act: Act) => acts.set(visit, [...(acts.get(visit) ?? []), act]);
  for (const event of events) {
    const { type, atMs, value } = event;
    if (type === 'ShopperActivity' && value.type !== 'recommendation_shown')
      note(value.visit_id, {
        atMs,
        type: value.type,
        productId: value.product_id,
        userId: value.user_id,
        device: value.device,
      });
    if (type === 'OrderPlaced' && value.visitId !== null)
      note(value.visitId, { atMs, type: 'ordered', productId: null, userId: value.userId, device: null });
  }
  return [...acts].flatMap(([visit, all]) =>
    splitAtGaps(
      all.sort((a, b) => a.atMs - b.atMs),
      gapMs,
    ).map((some) => visitOf(visit, some)),
  );
};

const splitAtGaps = (acts: readonly Act[], gapMs: number): Act[][] => {
  const parts: Act[][] = [];
  for (const act of acts) {
    const last = parts.at(-1);
    if (last !== undefined && act.atMs - (last.at(-1) as Act).atMs <= gapMs) last.push(act);
    else parts.push([act]);
  }
  return parts;
};

const countedActions = {
  views: 'product_viewed',
  adds: 'product_added',
  removes: 'product_removed',
  searches: 'products_searched',
  clicks: 'recommendation_clicked',
  checkouts: 'checkout_started',
  orders: 'ordered',
} as const;
type Counted = Record<keyof typeof countedActions, number>;

const visitOf = (visit: string, acts: readonly Act[]): Omit<Visit, 'event_id'> => {
  const counts = Object.fromEntries(
    Object.entries(countedActions).map(([name, type]) => [
      name,
      acts.filter((act) => act.type === type).length,
    ]),
  ) as Counted;
  const steps = acts.filter((act) => act.productId !== null && act.type !== 'product_removed');
  const path: string[] = [];
  for (const { productId } of steps.slice(0, 50))
    if (path.at(-1) !== productId) path.push(productId as string);
  return {
    ...counts,
    visit_id: visit,
    user_id: acts.findLast(({ userId }) => userId !== null)?.userId ?? null,
    started_at: acts[0]?.atMs ?? 0,
    entry_product_id: steps[0]?.productId ?? null,
    exit_product_id: steps.at(-1)?.productId ?? null,
    path: path.join(' '),
    actions: acts.length,
    abandoned: counts.adds > counts.removes && counts.orders === 0,
    occurred_at: acts.at(-1)?.atMs ?? 0,
    device: acts.findLast(({ device }) => device !== null)?.device ?? null,
  };
};

/** Searches of visits that a gap of `gapMs` ends: what came until the next search of the visit, or its end. */
export const recomputeSearches = (
  events: readonly ShopEvent[],
  gapMs: number,
): Omit<Search, 'event_id'>[] => {
  const byVisit = Map.groupBy(
    events.flatMap((event) => (event.type === 'ShopperActivity' ? [event.value] : [])).filter(isOfSearch),
    (value) => value.visit_id,
  );
  return [...byVisit.values()].flatMap((all) => {
    const inOrder = all.toSorted((a, b) => a.occurred_at - b.occurred_at);
    const found: Omit<Search, 'event_id'>[] = [];
    let lastMs = Number.NEGATIVE_INFINITY;
    let nth = 0;
    for (const { type, occurred_at: atMs, visit_id, user_id, query, product_id, results } of inOrder) {
      if (atMs - lastMs > gapMs) nth = 0;
      lastMs = atMs;
      const search = nth === 0 ? undefined : found.at(-1);
      if (type === 'products_searched') {
        const term = (query ?? '').normalize('NFKC').toLowerCase().split(/\s+/).filter(Boolean).join(' ');
        const nothing = { product_id: null, viewed_at: null, added_at: null };
        found.push({ visit_id, user_id, nth, term, ...nothing, occurred_at: atMs, results });
        nth += 1;
      } else if (type === 'product_added') {
        if (search !== undefined) search.added_at ??= atMs;
      } else if (search !== undefined && search.viewed_at === null)
        Object.assign(search, { viewed_at: atMs, product_id });
    }
    return found;
  });
};

const isOfSearch = ({ type }: { type: string }): boolean =>
  ['products_searched', 'product_viewed', 'product_added'].includes(type);

/** Of each product, window and currency; the window of what shoppers do has no currency. */
export const recomputePerformance = (
  events: readonly ShopEvent[],
  windowMs: number,
): Omit<ProductPerformance, 'event_id'>[] => {
  const byRow = Map.groupBy(events.filter(isOfProduct), ({ type, value, atMs }) =>
    JSON.stringify([value.product_id, type === 'Sale' ? value.currency : null, Math.floor(atMs / windowMs)]),
  );
  return [...byRow].map(([id, some]) => {
    const [product_id, currency, window] = JSON.parse(id) as [string, string | null, number];
    const acts = some.filter((event) => event.type === 'ShopperActivity');
    const sold = some.flatMap((event) => (event.type === 'Sale' ? [event.value] : []));
    const of = (kind: string) => sold.filter((sale) => sale.kind === kind);
    const count = (type: string) => acts.filter(({ value }) => value.type === type).length;
    const sum = (numbers: readonly number[]) => Math.abs(numbers.reduce((all, one) => all + one, 0));
    const prices = of('sale').map((sale) => sale.amount_minor / sale.quantity);
    return {
      product_id,
      currency,
      from_at: window * windowMs,
      views: count('product_viewed'),
      adds: count('product_added'),
      removes: count('product_removed'),
      lines: prices.length,
      units: sum(of('sale').map(({ quantity }) => quantity)),
      gross_minor: sum(of('sale').map((sale) => sale.amount_minor)),
      returned_units: sum(of('refund').map(({ quantity }) => quantity)),
      refunded_minor: sum(of('refund').map((sale) => sale.amount_minor)),
      lowest_price_minor: prices.length === 0 ? null : Math.min(...prices),
      highest_price_minor: prices.length === 0 ? null : Math.max(...prices),
      occurred_at: Math.max(...some.map(({ atMs }) => atMs)),
    };
  });
};

type OfProduct = Extract<ShopEvent, { type: 'ShopperActivity' | 'Sale' }>;

const isOfProduct = (event: ShopEvent): event is OfProduct =>
  event.type === 'Sale' ||
  (event.type === 'ShopperActivity' &&
    event.value.product_id !== null &&
    ['product_viewed', 'product_added', 'product_removed'].includes(event.value.type));

/** Which revision it is depends on what was read between two checkpoints. */
export type FoundSignal = Omit<FraudSignal, 'event_id' | 'revision'>;

/**
 * Every large order, and of each buyer and ten minutes the largest burst that begins in them: of that and the next ten
 * minutes the first 40 orders, and the first 40 declined payments, are looked at one by one, the others together by minute.
 */
export const recomputeSignals = (events: readonly ShopEvent[], limits: FraudLimits): FoundSignal[] => {
  const orders = events.filter((event) => event.type === 'OrderPlaced');
  const declines = events
    .filter((event) => event.type === 'OrderCancelled')
    .filter(({ value }) => value.reason === 'payment_declined' && value.userId !== null);
  const large = orders.filter(
    ({ value }) => value.totalMinor >= (limits.amountsMinor[value.currency] ?? Number.POSITIVE_INFINITY),
  );
  return [
    ...large.map((order) => signalOf('amount', order.value.orderId, order, 1)),
    ...oftenIn('velocity', orders, limits.orders),
    ...oftenIn('declines', declines, limits.declines),
    ...burstsOf(orders).flatMap(({ slotMs, bursts }) => {
      const burst = highest(bursts, (some) => new Set(some.map(countryOf)).size);
      const countries = [...new Set(burst.map(countryOf))];
      const second = burst.find((order) => countryOf(order) === countries[1]);
      return second === undefined
        ? []
        : signalOf('mismatch', `${slotMs}`, second, countries.length, countries.join(' '));
    }),
  ];
};

type Bought = Extract<ShopEvent, { type: 'OrderPlaced' | 'OrderCancelled' }>;

/** `of` is the order of a large one, and else when the ten minutes began. */
const signalOf = (kind: string, of: string, by: Bought, count: number, detail = ''): FoundSignal => ({
  signal_id: idOf(kind, buyerOf(by), of),
  kind,
  buyer: buyerOf(by),
  user_id: by.value.userId,
  order_id: by.value.orderId,
  count,
  amount_minor: by.type === 'OrderPlaced' ? by.value.totalMinor : 0,
  currency: by.type === 'OrderPlaced' ? by.value.currency : null,
  detail,
  occurred_at: by.atMs,
});

const oftenIn = (kind: string, events: readonly Bought[], limit: number): FoundSignal[] =>
  burstsOf(events).flatMap(({ slotMs, bursts }) => {
    const burst = highest(bursts, (some) => some.length);
    const by = burst[limit - 1];
    return by === undefined ? [] : signalOf(kind, `${slotMs}`, by, burst.length);
  });

const buyerOf = ({ type, value }: Bought): string =>
  value.userId ?? (type === 'OrderPlaced' ? value.visitId : null) ?? value.orderId;

const countryOf = ({ value }: Bought): string => ('shippingCountry' in value ? value.shippingCountry : '');

/** The first of the lists for which the number is highest. */
const highest = <T>(lists: readonly T[][], numberOf: (list: readonly T[]) => number): T[] =>
  lists.toSorted((a, b) => numberOf(b) - numberOf(a))[0] ?? [];

/** From this one on each is taken to have come with the first one of its minute and country. */
const byMinuteFrom = (nthFrom: number, inOrder: readonly Bought[]): Bought[] => {
  const begunMs = new Map<string, number>();
  return inOrder
    .map((one, nth) => {
      if (nth < nthFrom) return one;
      const of = `${Math.floor(one.atMs / 60_000)} ${countryOf(one)}`;
      const atMs = begunMs.get(of) ?? one.atMs;
      begunMs.set(of, atMs);
      return { ...one, atMs };
    })
    .toSorted((a, b) => a.atMs - b.atMs);
};

/** Of each buyer and ten minutes: what follows within ten minutes of each of its events. */
const burstsOf = (events: readonly Bought[]): { slotMs: number; bursts: Bought[][] }[] => {
  const tenMinutesMs = 10 * 60_000;
  const slotOf = ({ atMs }: Bought): number => Math.floor(atMs / tenMinutesMs);
  return [...Map.groupBy(events, buyerOf).values()].flatMap((all) => {
    const inOrder = all.toSorted((a, b) => a.atMs - b.atMs);
    return [...new Set(inOrder.map(slotOf))].map((slot) => {
      const within = byMinuteFrom(
        40,
        inOrder.filter((one) => slotOf(one) === slot || slotOf(one) === slot + 1),
      );
      const first = within.filter((one) => slotOf(one) === slot);
      const bursts = first.map(({ atMs }) =>
        within.filter((one) => one.atMs >= atMs && one.atMs < atMs + tenMinutesMs),
      );
      return { slotMs: slot * tenMinutesMs, bursts };
    });
  });
};

const lateByMs = 12 * 60 * 60_000;

/**
 * Events of twelve hours before `fromMs`: later than any window waits, so they may change no row. Some are order lines, each of
 * which is one more row of product-performance.
 */
export const lateEvents = (count: number, fromMs: number): ShopEvent[] =>
  shopEvents(count, fromMs - lateByMs).map((event) => {
    const eventId = `late-${event.eventId}`;
    const value = 'event_id' in event.value ? { ...event.value, event_id: eventId } : event.value;
    return { ...event, eventId, value } as ShopEvent;
  });
