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

type Sum = { orders: (Order & { atMs: number })[]; declines: (Decline & { atMs: number })[] };

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

/** What staff should look at: many orders, declined payments, unusual amounts, changing countries of one buyer. */
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
    window: hopping(10 * 60_000, 5 * 60_000),
    aggregate: {
      start: (): Sum => ({ orders: [], declines: [] }),
      add: (sum, input, atMs) => {
        if ('order' in input) keepEarliest(sum.orders, { ...input.order, atMs }, keptPerBuyerMax);
        else keepEarliest(sum.declines, { ...input.decline, atMs }, keptPerBuyerMax);
        return sum;
      },
      merge: (into, other) => {
        for (const order of other.orders) keepEarliest(into.orders, order, keptPerBuyerMax);
        for (const decline of other.declines) keepEarliest(into.declines, decline, keptPerBuyerMax);
        return into;
      },
    },
    emits: 'as it changes',
    outOfOrderMsMax: 5_000,
    latenessMs: 60_000,
    windowsMax: 30_000,
    weightOf: ({ orders, declines }: Sum) => 1 + (orders.length + declines.length) / 2,
    rows: ({ key, revision, sum }: WindowOf<Sum>) =>
      signalsOf(sum, limits).map(({ kind, by, count, detail = '' }) => ({
        // Of the order that gave rise to it, so both windows that hold a burst name the same signal.
        signal_id: idOf(kind, key, by.orderId),
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

type Cause = {
  orderId: string;
  userId: string | null;
  atMs: number;
  amountMinor?: number;
  currency?: string;
};
type Signal = { kind: string; by: Cause; count: number; detail?: string };

const signalsOf = ({ orders, declines }: Sum, limits: FraudLimits): Signal[] => {
  const signals: Signal[] = orders
    .filter(({ amountMinor }) => amountMinor >= limits.amountMinor)
    .map((by) => ({ kind: 'amount', by, count: 1 }));
  const many = orders[limits.orders - 1];
  if (many !== undefined) signals.push({ kind: 'velocity', by: many, count: orders.length });
  const declined = declines[limits.declines - 1];
  if (declined !== undefined) signals.push({ kind: 'declines', by: declined, count: declines.length });
  const countries = [...new Set(orders.map(({ country }) => country))];
  const other = orders.find(({ country }) => country === countries[1]);
  if (other !== undefined)
    signals.push({ kind: 'mismatch', by: other, count: countries.length, detail: countries.join(' ') });
  return signals;
};
