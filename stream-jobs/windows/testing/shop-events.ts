import type { EventMap, Visit } from '#schemas/events';
import type { LiveWindow } from '#schemas/live-state';

/**
 * A shop's events for tests, and what windows over them have to hold: computed from the whole list at once, by other
 * code than the jobs'.
 */

type Types = 'ShopperActivity' | 'Sale' | 'OrderPlaced' | 'OrderCancelled' | 'StockRejected';

export type ShopEvent = {
  [T in Types]: { type: T; key: string; value: EventMap[T]; atMs: number; eventId: string };
}[Types];

const outOfOrderMs = 1_500;
const actions = [
  'product_viewed',
  'product_viewed',
  'product_viewed',
  'product_added',
  'product_removed',
  'checkout_started',
  'products_searched',
  'recommendation_shown',
  'recommendation_clicked',
] as const;

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
    value: {
      event_id: `e-${nth}`,
      type,
      visit_id: visit,
      user_id: random(5) === 0 ? `user-${visit}` : null,
      product_id:
        type === 'products_searched' || type === 'checkout_started' ? null : `product-${random(50)}`,
      query: type === 'products_searched' ? 'lamp' : null,
      position: null,
      recommendation_id: null,
      occurred_at: atMs,
    },
  };
};

const order = (nth: number, atMs: number, random: (below: number) => number): ShopEvent[] => {
  const orderId = `order-${nth}`;
  const buyer = random(3) === 0 ? 'user-hasty' : random(2) === 0 ? `user-${random(100)}` : null;
  const unitPriceMinor = random(50) === 0 ? 600_000 : 100 + random(5_000);
  const currency = random(3) === 0 ? 'EUR' : 'GBP';
  const line = { productId: `product-${random(50)}`, quantity: 1 + random(3), unitPriceMinor };
  const totalMinor = line.quantity * unitPriceMinor;
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
      lines: [{ ...line, name: line.productId, category: 'home' }],
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
    const lines = [{ productId: line.productId, requested: line.quantity, available: 0 }];
    return [
      {
        type: 'StockRejected',
        key: orderId,
        atMs,
        eventId: `r-${nth}`,
        value: { orderId, lines, occurredAt: atMs },
      },
      placed,
    ];
  }
  if (fate < 3) {
    const value = { orderId, version: 2, userId: buyer, reason: 'payment_declined', occurredAt: atMs };
    return [placed, { type: 'OrderCancelled', key: orderId, atMs, eventId: `c-${nth}`, value }];
  }
  return [placed, ...sales(nth, atMs, { orderId, buyer, currency, line, isRefunded: fate === 9 })];
};

type Sold = {
  orderId: string;
  buyer: string | null;
  currency: string;
  line: { productId: string; quantity: number; unitPriceMinor: number };
  isRefunded: boolean;
};

const sales = (
  nth: number,
  atMs: number,
  { orderId, buyer, currency, line, isRefunded }: Sold,
): ShopEvent[] =>
  [0, 1].slice(0, isRefunded ? 2 : 1).map((refund) => {
    const sign = refund === 1 ? -1 : 1;
    return {
      type: 'Sale',
      key: orderId,
      atMs,
      eventId: `s-${nth}-${refund}`,
      value: {
        event_id: `s-${nth}-${refund}`,
        order_id: orderId,
        line: 0,
        product_id: line.productId,
        category: 'home',
        user_id: buyer,
        quantity: sign * line.quantity,
        amount_minor: sign * line.quantity * line.unitPriceMinor,
        currency,
        kind: refund === 1 ? 'refund' : 'sale',
        occurred_at: atMs,
      },
    };
  });

const seeded = (seed: number): ((below: number) => number) => {
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

type Act = { atMs: number; type: string; productId: string | null; userId: string | null };

export const recomputeVisits = (events: readonly ShopEvent[], gapMs: number): Omit<Visit, 'event_id'>[] => {
  const acts = new Map<string, Act[]>();
  const note = (visit: string, act: Act) => acts.set(visit, [...(acts.get(visit) ?? []), act]);
  for (const event of events) {
    const { type, atMs, value } = event;
    if (type === 'ShopperActivity' && value.type !== 'recommendation_shown')
      note(value.visit_id, { atMs, type: value.type, productId: value.product_id, userId: value.user_id });
    if (type === 'OrderPlaced' && value.visitId !== null)
      note(value.visitId, { atMs, type: 'ordered', productId: null, userId: value.userId });
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

const visitOf = (visit: string, acts: readonly Act[]): Omit<Visit, 'event_id'> => {
  const count = (type: string) => acts.filter((act) => act.type === type).length;
  const steps = acts.filter((act) => act.productId !== null && act.type !== 'product_removed');
  const path: string[] = [];
  for (const { productId } of steps.slice(0, 50))
    if (path.at(-1) !== productId) path.push(productId as string);
  return {
    visit_id: visit,
    user_id: acts.findLast(({ userId }) => userId !== null)?.userId ?? null,
    started_at: acts[0]?.atMs ?? 0,
    entry_product_id: steps[0]?.productId ?? null,
    exit_product_id: steps.at(-1)?.productId ?? null,
    path: path.join(' '),
    actions: acts.length,
    views: count('product_viewed'),
    adds: count('product_added'),
    removes: count('product_removed'),
    searches: count('products_searched'),
    clicks: count('recommendation_clicked'),
    checkouts: count('checkout_started'),
    orders: count('ordered'),
    abandoned: count('product_added') > count('product_removed') && count('ordered') === 0,
    occurred_at: acts.at(-1)?.atMs ?? 0,
  };
};
