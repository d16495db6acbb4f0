import { idOf } from '#platform/ids';
import { isBefore, keepEarliest, type Timed } from '#platform/streams/earliest';
import { type Sink, topology, type WindowOf } from '#platform/streams/topology';
import { hopping } from '#platform/streams/window';
import type { FraudSignal, OrderCancelled, OrderPlaced } from '#schemas/events';

type Order = {
  orderId: string;
  userId: string | null;
  country: string;
  amountMinor: number;
  currency: string;
};
type Decline = { orderId: string; userId: string };
type Input = { order: Order } | { decline: Decline };

type Sum = {
  orders: (Order & Timed)[];
  /** Those of an unusual amount, which no number of small ones may push out. */
  large: (Order & Timed)[];
  declines: (Decline & Timed)[];
  /** What came after as many as are kept. */
  more?: { orders: Group<Order & Timed>[]; declines: Group<Decline & Timed>[] };
};

/** Those of one minute, and of orders of one country: how many, and the first of them. */
type Group<T> = { count: number; first: T };

export type FraudSignalRow = Omit<FraudSignal, 'event_id'>;

export type FraudLimits = {
  /** So many orders of a buyer within ten minutes are a signal. */
  orders: number;
  /** So many declined payments. */
  declines: number;
  /** An order of this amount, in minor units, by currency. In a currency that is not named no amount is unusual. */
  amountsMinor: Readonly<Record<string, number>>;
};

const keptPerBuyerMax = 40;
/** Of those that come after them. */
const groupsPerBuyerMax = 100;
const groupMs = 60_000;

/** A burst is what a buyer does within so long of its first event. */
const burstMs = 10 * 60_000;

/**
 * What staff should look at: many orders, declined payments, unusual amounts, changing countries of one buyer.
 *
 * A window reports the bursts that begin in its first half, and the other half is long enough to hold them whole. So each
 * burst belongs to one window, and neither the order of arrival nor a burst that goes on changes which signal it is.
 */
export const fraudSignals = (limits: FraudLimits, sink: Sink<FraudSignalRow>) =>
  topology({
    name: 'fraud-signals',
    purpose: 'Buyers with many orders, declined payments, unusual amounts or changing countries.',
    sources: {
      OrderPlaced: (placed: OrderPlaced) => {
        const {
          orderId,
          userId,
          visitId,
          shippingCountry: country,
          totalMinor: amountMinor,
          currency,
        } = placed;
        const order = { orderId, userId, country, amountMinor, currency };
        return [{ key: userId ?? visitId ?? orderId, input: { order } as Input }];
      },
      OrderCancelled: ({ orderId, userId, reason }: OrderCancelled) =>
        reason !== 'payment_declined' || userId === null
          ? []
          : [{ key: userId, input: { decline: { orderId, userId } } as Input }],
    },
    keyedBy: 'buyer',
    window: hopping({ sizeMs: 2 * burstMs, advanceMs: burstMs }),
    aggregate: {
      start: (): Sum => ({ orders: [], large: [], declines: [] }),
      add: (sum, input, atMs) => {
        if ('decline' in input) keepDecline(sum, { ...input.decline, atMs });
        else {
          const order = { ...input.order, atMs };
          keepOrder(sum, order);
          if (isLarge(order, limits)) keepEarliest(sum.large, order, keptPerBuyerMax);
        }
        return sum;
      },
      merge: (into, other) => {
        for (const order of other.orders) keepOrder(into, order);
        for (const order of other.large) keepEarliest(into.large, order, keptPerBuyerMax);
        for (const decline of other.declines) keepDecline(into, decline);
        for (const group of other.more?.orders ?? []) countIn(moreOf(into).orders, group);
        for (const group of other.more?.declines ?? []) countIn(moreOf(into).declines, group);
        return into;
      },
      // Sums that were stored before large orders were kept by themselves lack them.
      fromJson: (json) => ({ large: [], ...(json as Omit<Sum, 'large'>) }),
    },
    emits: 'as it changes',
    outOfOrderMsMax: 5_000,
    latenessMs: 60_000,
    windowsMax: 60_000,
    weightOf: ({ orders, large, declines, more }: Sum) =>
      1 +
      (orders.length + large.length + declines.length) / 2 +
      (more === undefined ? 0 : (more.orders.length + more.declines.length) / 2),
    rows: ({ key, fromMs, revision, sum }: WindowOf<Sum>) =>
      signalsOf(sum, fromMs, limits).map(({ kind, of, by, count, detail = '' }) => ({
        signal_id: idOf(kind, key, of),
        revision,
        kind,
        buyer: key,
        user_id: by.userId,
        order_id: by.orderId,
        count,
        amount_minor: by.amountMinor ?? 0,
        currency: by.currency ?? null,
        detail,
        occurred_at: by.atMs,
      })),
    sink,
  });

const isLarge = ({ amountMinor, currency }: Order, { amountsMinor }: FraudLimits): boolean =>
  amountMinor >= (amountsMinor[currency] ?? Number.POSITIVE_INFINITY);

const keepOrder = (sum: Sum, order: Order & Timed): void => {
  const beyond = keepEarliest(sum.orders, order, keptPerBuyerMax);
  if (beyond !== undefined) countIn(moreOf(sum).orders, { count: 1, first: beyond });
};

const keepDecline = (sum: Sum, decline: Decline & Timed): void => {
  const beyond = keepEarliest(sum.declines, decline, keptPerBuyerMax);
  if (beyond !== undefined) countIn(moreOf(sum).declines, { count: 1, first: beyond });
};

/** Few buyers have one. */
const moreOf = (sum: Sum): NonNullable<Sum['more']> => {
  sum.more ??= { orders: [], declines: [] };
  return sum.more;
};

/**
 * Adds a group to a list in the order of minute and country, of which the first stay. One that was left out comes after all
 * that stay, so these are complete and do not depend on the order of arrival.
 */
const countIn = <T extends Timed & { country?: string }>(groups: Group<T>[], one: Group<T>): void => {
  let place = groups.length;
  while (place > 0 && byMinuteAndCountry(one, groups[place - 1] as Group<T>) < 0) place -= 1;
  const before = groups[place - 1];
  if (before !== undefined && byMinuteAndCountry(one, before) === 0) {
    before.count += one.count;
    if (isBefore(one.first, before.first)) before.first = one.first;
    return;
  }
  groups.splice(place, 0, { ...one });
  if (groups.length > groupsPerBuyerMax) groups.pop();
};

type Grouped = Group<Timed & { country?: string }>;

const byMinuteAndCountry = ({ first: a }: Grouped, { first: b }: Grouped): number => {
  const { country = '' } = a;
  const { country: other = '' } = b;
  const minutes = Math.floor(a.atMs / groupMs) - Math.floor(b.atMs / groupMs);
  return minutes === 0 ? (country < other ? -1 : country > other ? 1 : 0) : minutes;
};

/** What gave rise to a signal. */
type Cause = {
  orderId: string;
  userId: string | null;
  atMs: number;
  amountMinor?: number;
  currency?: string;
};

/** `of` is, with kind and buyer, what the signal is known by: its order, or the window in which the burst begins. */
type Signal = { kind: string; of: string; by: Cause; count: number; detail?: string };

const signalsOf = (sum: Sum, fromMs: number, limits: FraudLimits): Signal[] => {
  const { large, more } = sum;
  const orders = counted(sum.orders, more?.orders);
  const declines = counted(sum.declines, more?.declines);
  const of = `${fromMs}`;
  const signals: Signal[] = large
    .filter(({ atMs }) => atMs < fromMs + burstMs)
    .map((by) => ({ kind: 'amount', of: by.orderId, by, count: 1 }));
  const often = (kind: string, burst: readonly Counted<Cause>[], limit: number): void => {
    const by = burst.find((_, nth) => countOf(burst.slice(0, nth + 1)) >= limit);
    if (by !== undefined) signals.push({ kind, of, by, count: countOf(burst) });
  };
  often('velocity', largestBurst(orders, fromMs, countOf), limits.orders);
  often('declines', largestBurst(declines, fromMs, countOf), limits.declines);
  const spread = largestBurst(orders, fromMs, (burst) => countriesOf(burst).length);
  const countries = countriesOf(spread);
  const other = spread.find(({ country }) => country === countries[1]);
  if (other !== undefined)
    signals.push({ kind: 'mismatch', of, by: other, count: countries.length, detail: countries.join(' ') });
  return signals;
};

/** An event, with those of its group after it as if they had come at its time. */
type Counted<T> = T & { times: number };

const counted = <T extends Timed>(kept: readonly T[], more: readonly Group<T>[] = []): Counted<T>[] => [
  ...kept.map((one) => ({ ...one, times: 1 })),
  ...more.map(({ first, count }) => ({ ...first, times: count })).sort((a, b) => (isBefore(a, b) ? -1 : 1)),
];

const countOf = (events: readonly Counted<unknown>[]): number =>
  events.reduce((sum, { times }) => sum + times, 0);

/** In the order in which they were used. */
const countriesOf = (orders: readonly Order[]): string[] => [
  ...new Set(orders.map(({ country }) => country)),
];

/** Of the bursts that begin in the window's first half the one of which `sizeOf` is highest; of equal ones the first. */
const largestBurst = <T extends { atMs: number }>(
  events: readonly T[],
  fromMs: number,
  sizeOf: (burst: readonly T[]) => number,
): readonly T[] => {
  let largest: readonly T[] = [];
  for (const [nth, { atMs }] of events.entries()) {
    if (atMs >= fromMs + burstMs) break;
    const burst = events.slice(nth).filter((event) => event.atMs < atMs + burstMs);
    if (sizeOf(burst) > sizeOf(largest)) largest = burst;
  }
  return largest;
};
