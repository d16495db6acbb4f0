import {
  addDistinct,
  countDistinct,
  type Distinct,
  distinctFromJson,
  distinctToJson,
  emptyDistinct,
  mergeDistinct,
} from '#platform/streams/distinct';
import { type Sink, topology, type WindowOf } from '#platform/streams/topology';
import { tumbling } from '#platform/streams/window';
import type { Sale, ShopperActivity } from '#schemas/events';
import { type LiveSize, type LiveWindow, liveSizes } from '#schemas/live-state';

type Input = { visit: string } | { isOrder: boolean; currency: string; amountMinor: number };

type Money = Record<string, number>;

type Live = { orders: number; gmv: Money; refunds: Money; visitors: Distinct };

/**
 * What happens in the shop now: orders, money per currency and active visitors. The file is not named after the job,
 * because files whose names end in `-metrics` are those that have effects.
 */
export const liveMetrics = (size: LiveSize, sink: Sink<LiveWindow>) =>
  topology({
    name: size === 'minute' ? 'live-metrics-minute' : 'live-metrics',
    purpose: `Orders, money per currency and active visitors ${size === 'minute' ? 'a minute' : 'in 10 seconds'}, while they happen.`,
    sources: {
      ShopperActivity: ({ visit_id: visit }: ShopperActivity) => [{ key: shop, input: { visit } as Input }],
      Sale: (sale: Sale) => [{ key: shop, input: inputOfSale(sale) }],
    },
    keyedBy: 'the shop',
    window: tumbling(liveSizes[size]),
    aggregate: {
      start: (): Live => ({ orders: 0, gmv: {}, refunds: {}, visitors: emptyDistinct() }),
      add: (live, input) => {
        if ('visit' in input) addDistinct(live.visitors, input.visit);
        else {
          if (input.isOrder) live.orders += 1;
          if (input.amountMinor >= 0) addMoney(live.gmv, input.currency, input.amountMinor);
          else addMoney(live.refunds, input.currency, -input.amountMinor);
        }
        return live;
      },
      merge: (into, other) => {
        into.orders += other.orders;
        for (const [currency, amount] of Object.entries(other.gmv)) addMoney(into.gmv, currency, amount);
        for (const [currency, amount] of Object.entries(other.refunds))
          addMoney(into.refunds, currency, amount);
        mergeDistinct(into.visitors, other.visitors);
        return into;
      },
      toJson: (live) => ({ ...live, visitors: distinctToJson(live.visitors) }),
      fromJson: (json) => {
        const { visitors, ...live } = json as Omit<Live, 'visitors'> & { visitors: number[] };
        return { ...live, visitors: distinctFromJson(visitors) };
      },
    },
    emits: 'as it changes',
    outOfOrderMsMax: 2_000,
    // An outbox that stood still delivers its sales late; they still change the window in which they happened.
    latenessMs: 10 * 60_000,
    windowsMax: 2_000,
    rows: ({ fromMs, toMs, sum }: WindowOf<Live>): LiveWindow[] => [
      {
        fromMs,
        toMs,
        orders: sum.orders,
        gmv: amountsOf(sum.gmv),
        refunds: amountsOf(sum.refunds),
        visitors: countDistinct(sum.visitors),
      },
    ],
    sink,
  });

const shop = 'shop';

/** An order is counted at its line 0, as in ClickHouse. */
const inputOfSale = ({ kind, line, currency, amount_minor: amountMinor }: Sale): Input => ({
  isOrder: kind === 'sale' && line === 0,
  currency,
  amountMinor,
});

const addMoney = (sums: Money, currency: string, amountMinor: number): void => {
  sums[currency] = (sums[currency] ?? 0) + amountMinor;
};

const amountsOf = (sums: Money): { currency: string; amountMinor: number }[] =>
  Object.entries(sums)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, amountMinor]) => ({ currency, amountMinor }));
