import { idOf } from '#platform/ids';
import { keepEarliest } from '#platform/streams/earliest';
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
  orders: (Order & { atMs: number })[];
  /** Those of an unusual amount, which no number of small ones may push out. */
  large: (Order & { atMs: number })[];
  declines: (Decline & { atMs: number })[];
};

export type FraudSignalRow = Omit<FraudSignal, 'event_id'>;

export type FraudLimits = {
  /** So many orders of a buyer within ten minutes are a signal. */
  orders: number;
  /** So many declined payments. */
  declines: number;
  /** An order of this amount, in minor units of its currency. */
  amountMinor: number;
};

const keptPerBuyerMax = 40;

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
        if ('decline' in input) keepEarliest(sum.declines, { ...input.decline, atMs }, keptPerBuyerMax);
        else {
          const order = { ...input.order, atMs };
          keepEarliest(sum.orders, order, keptPerBuyerMax);
          if (order.amountMinor >= limits.amountMinor) keepEarliest(sum.large, order, keptPerBuyerMax);
        }
        return sum;
      },
      merge: (into, other) => {
        for (const order of other.orders) keepEarliest(into.orders, order, keptPerBuyerMax);
        for (const order of other.large) keepEarliest(into.large, order, keptPerBuyerMax);
        for (const decline of other.declines) keepEarliest(into.declines, decline, keptPerBuyerMax);
        return into;
      },
      // Sums that were stored before large orders were kept by themselves lack them.
      fromJson: (json) => ({ large: [], ...(json as Omit<Sum, 'large'>) }),
    },
    emits: 'as it changes',
    outOfOrderMsMax: 5_000,
    latenessMs: 60_000,
    windowsMax: 60_000,
    weightOf: ({ orders, large, declines }: Sum) => 1 + (orders.length + large.length + declines.length) / 2,
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

const signalsOf = ({ orders, large, declines }: Sum, fromMs: number, limits: FraudLimits): Signal[] => {
  const of = `${fromMs}`;
  const signals: Signal[] = large
    .filter(({ atMs }) => atMs < fromMs + burstMs)
    .map((by) => ({ kind: 'amount', of: by.orderId, by, count: 1 }));
  const often = (kind: string, burst: readonly Cause[], limit: number): void => {
    const by = burst[limit - 1];
    if (by !== undefined) signals.push({ kind, of, by, count: burst.length });
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

const countOf = ({ length }: readonly unknown[]): number => length;

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
