import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { labelled, labelledModels, labelledScenarios, labelOf } from '#schemas/recommendation-label';
import { termOf } from '#schemas/search-term';
import { type Activity, type AskedApp, askedApp, type SaleLine } from './testing/asked-app.js';

/** Every answer is computed a second time from the lines and actions themselves, by loops over them. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const startMs = Date.UTC(2026, 2, 16);
const nowMs = Date.UTC(2026, 3, 20, 12, 34, 56);
/** The clocks of London go forward in it. */
const period = { fromMs: Date.UTC(2026, 2, 25), toMs: Date.UTC(2026, 3, 6) };
const asked = `from=${new Date(period.fromMs).toISOString()}&to=${new Date(period.toMs).toISOString()}`;

const pick = <T>(of: readonly T[]): T => of[randomInt(of.length)] as T;
const products: string[] = Array.from({ length: 6 }, () => randomUUID());
const users = Array.from({ length: 25 }, () => randomUUID());
const recommendations = Array.from({ length: 40 }, () =>
  labelled(newId(), {
    scenario: pick(labelledScenarios),
    model: pick(labelledModels),
    experiment: randomInt(3) ? { code: randomInt(1, 4), arm: randomInt(3) } : null,
    exploredPlace: randomInt(2) ? randomInt(5) : null,
  }),
);
const types = [
  'product_viewed',
  'product_viewed',
  'product_added',
  'checkout_started',
  'products_searched',
  'recommendation_shown',
  'recommendation_clicked',
];
const terms = [
  'Lamp',
  ' lamp ',
  'LAMP',
  'tea  pot',
  'Tea pot',
  'Ｌamp',
  'grün',
  'GRÜN',
  "o'brien; DROP TABLE sales",
];

/** Different for each, so that "the last before" is always one. */
const times = new Set<number>();
const freshTime = (aboutMs: number): number => {
  for (let ms = aboutMs; ; ms += 1)
    if (!times.has(ms)) {
      times.add(ms);
      return ms;
    }
};

const activity: Activity[] = Array.from({ length: 220 }, () => {
  const visitId = randomUUID();
  const userId = randomInt(3) > 0 ? pick(users) : null;
  const beganMs = startMs + randomInt(nowMs - startMs - 2 * dayMs);
  return Array.from({ length: randomInt(1, 14) }, (): Activity => {
    const type = pick(types);
    const isOfProduct = /^(product_|recommendation_)/.test(type);
    return {
      type,
      visitId,
      userId: randomInt(4) > 0 ? userId : null,
      productId: isOfProduct ? pick(products) : null,
      query: type === 'products_searched' ? pick(terms) : null,
      results: type === 'products_searched' ? pick([null, 0, 0, 1, 24]) : null,
      position: type.startsWith('recommendation_') ? randomInt(5) : null,
      recommendationId: type.startsWith('recommendation_') ? pick(recommendations) : null,
      atMs: freshTime(beganMs + randomInt(randomInt(3) ? hourMs : 40 * hourMs)),
    };
  });
}).flat();

/** Additions in the last millisecond of the windows behind a click that attribution is asked for, and just after it. */
for (const windowMs of [hourMs, dayMs]) {
  const clickedMs = freshTime(period.fromMs + dayMs + windowMs);
  const visit = { visitId: randomUUID(), userId: null, productId: pick(products) };
  const recommendationId = pick(recommendations);
  activity.push({ ...visit, type: 'recommendation_clicked', recommendationId, position: 0, atMs: clickedMs });
  for (const afterMs of [windowMs, windowMs + 1])
    activity.push({ ...visit, type: 'product_added', atMs: clickedMs + afterMs });
}

const sales: SaleLine[] = Array.from({ length: 260 }, () => {
  const atMs = freshTime(startMs + randomInt(nowMs - startMs - 2 * dayMs));
  const order = {
    orderId: randomUUID(),
    userId: randomInt(5) ? pick(users) : null,
    currency: pick(['EUR', 'GBP']),
  };
  return Array.from({ length: randomInt(1, 5) }, (_, line) => {
    const productId = products[(line + randomInt(2)) % products.length] as string;
    const quantity = randomInt(1, 6);
    const sale: SaleLine = {
      ...order,
      line,
      productId,
      quantity,
      amountMinor: quantity * 275,
      kind: 'sale',
      atMs,
    };
    const back: SaleLine = {
      ...sale,
      kind: 'refund',
      quantity: -1,
      amountMinor: -275,
      atMs: atMs + randomInt(9 * dayMs),
    };
    return randomInt(5) ? [sale] : [sale, back];
  }).flat();
}).flat();

/**
 * The visits with which guests and accounts sent some of their orders: those of accounts need not be the last before, nor have
 * done anything else.
 */
const visitOfOrder = new Map<string, string>();
for (const { orderId, userId, productId } of sales) {
  const clicked = activity.filter(
    (one) => one.type === 'recommendation_clicked' && one.productId === productId,
  );
  if (userId === null && clicked.length > 0 && !visitOfOrder.has(orderId))
    visitOfOrder.set(orderId, pick(clicked).visitId);
  else if (userId !== null && !visitOfOrder.has(orderId) && randomInt(3) === 0)
    visitOfOrder.set(orderId, pick([pick(activity).visitId, randomUUID()]));
}

let shop: AskedApp;
beforeAll(async () => {
  shop = await askedApp(nowMs);
  // Two batches and what is behind them, each with a part of every visit, and of most orders.
  for (const part of [0, 1, 2]) {
    await shop.insertActivity(activity.filter((_, nth) => nth % 3 === part));
    await shop.insertSales(sales.filter((_, nth) => nth % 3 === part));
    if (part < 2) await shop.gather();
  }
  const placed = sales
    .filter(({ kind, line }) => kind === 'sale' && line === 0)
    .map(({ orderId, atMs }) => ({
      orderId,
      visitId: visitOfOrder.get(orderId) ?? null,
      atMs: atMs - randomInt(60_000),
    }));
  // Some were sent twice.
  await shop.insertPlaced([...placed, ...placed.filter(() => randomInt(4) === 0)]);
  await shop.insertProducts(products.map((productId, n) => ({ productId, name: `Product ${n}` })));
});
afterAll(() => shop.drop());

const within = ({ atMs }: { atMs: number }, { fromMs, toMs } = period): boolean =>
  atMs >= fromMs && atMs < toMs;
/**
 * The same from raw rows and, where the question can be answered from those, from gathered rows; with the tables of gathered
 * rows that it was then answered from.
 */
const answerBothWays = async (path: string) => {
  const answer = JSON.parse((await shop.ask(path)).text);
  shop.readGathered(true);
  const gathered = JSON.parse((await shop.ask(path)).text);
  const tables = gatheredTablesRead();
  shop.readGathered(false);
  expect(gathered).toEqual(answer);
  return { answer, tables };
};
const gatheredTablesRead = (): string[] =>
  ['order_sales', 'recommendation_actions', 'visit_actions'].filter((table) =>
    shop.statements().some((sql) => sql.includes(`FROM ${table}`)),
  );
const answerOf = async (path: string) => (await answerBothWays(path)).answer;
const groupBy = <T>(of: readonly T[], keyOf: (one: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const one of of) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
};
const distinct = (of: readonly unknown[]): number => new Set(of).size;

describe('overview', () => {
  const summary = (of: { fromMs: number; toMs: number }, ledger = sales) => {
    const lines = ledger.filter((line) => within(line, of));
    const sold = lines.filter(({ kind }) => kind === 'sale');
    const bought = (userId: unknown) =>
      sales.filter((line) => line.userId === userId && line.kind === 'sale');
    const isNew = (userId: unknown) => Math.min(...bought(userId).map(({ atMs }) => atMs)) >= of.fromMs;
    const buyersOf = (some: readonly SaleLine[]) => {
      const known = [...new Set(some.map(({ userId }) => userId))].filter((id) => id !== null);
      return { buyers: known.length, newBuyers: known.filter(isNew).length };
    };
    const money = [...groupBy(lines, ({ currency }) => currency)].map(([currency, all]) => {
      const sales = all.filter(({ kind }) => kind === 'sale');
      const sum = (some: readonly SaleLine[]) => some.reduce((total, line) => total + line.amountMinor, 0);
      const orders = distinct(sales.map(({ orderId }) => orderId));
      return {
        currency,
        orders,
        units: all.reduce((total, { quantity }) => total + quantity, 0),
        gross: sum(sales),
        refunds: sum(sales) - sum(all),
        net: sum(all),
        averageOrder: Math.round(sum(sales) / orders),
        ...buyersOf(sales),
      };
    });
    const actions = activity.filter((action) => within(action, of));
    const visitsWith = (type?: string) =>
      distinct(
        actions.filter((action) => type === undefined || action.type === type).map(({ visitId }) => visitId),
      );
    const orders = distinct(sold.map(({ orderId }) => orderId));
    return {
      items: money.sort((a, b) => (a.currency < b.currency ? -1 : 1)),
      traffic: {
        visits: visitsWith(),
        visitors: distinct(actions.map(({ userId }) => userId).filter((id) => id !== null)),
        visitsWithView: visitsWith('product_viewed'),
        visitsWithAddition: visitsWith('product_added'),
        visitsWithCheckout: visitsWith('checkout_started'),
        searches: actions.filter(({ type }) => type === 'products_searched').length,
        orders,
        ...buyersOf(sold),
        conversionRate: orders / visitsWith(),
      },
    };
  };

  it('is what the lines and the actions add up to, nobody counted twice', async () => {
    expect(await answerOf(`overview?${asked}`)).toMatchObject(summary(period));
  });

  it('has a refund where it was made, or where the refunded sale was', async () => {
    const soldAt = new Map(sales.map(({ orderId, kind, atMs }) => [kind === 'sale' ? orderId : '', atMs]));
    const bySale = sales.map((line) => ({ ...line, atMs: soldAt.get(line.orderId) ?? 0 }));
    const answer = await answerOf(`overview?${asked}&refunds=sale_day`);
    expect(answer).toMatchObject(summary(period, bySale));
    expect(answer.items).not.toEqual((await answerOf(`overview?${asked}`)).items);
  });

  it('counts a visit, and its account, in minutes only if they did something then', async () => {
    const anonymous = activity.filter(({ userId }) => userId === null);
    for (let nth = 0; nth < 12; nth += 1) {
      const fromMs = Math.floor(pick(anonymous).atMs / minuteMs) * minuteMs;
      const of = { fromMs, toMs: fromMs + pick([minuteMs, hourMs]) };
      const [from, to] = [of.fromMs, of.toMs].map((ms) => new Date(ms).toISOString());
      const { traffic } = await answerOf(`overview?from=${from}&to=${to}`);
      expect(traffic).toEqual(summary(of).traffic);
    }
  });

  it('stands beside the days before, by the calendar of the zone', async () => {
    // From midnight to midnight in London, with a day of 23 hours: the days before have one hour more.
    const [fromMs, toMs] = [Date.UTC(2026, 2, 28), Date.UTC(2026, 3, 3, 23)];
    const path = `overview?tz=Europe/London&from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
    const { items, traffic } = await answerOf(`${path}&compare=previous`);
    const now = summary({ fromMs, toMs });
    const then = summary({ fromMs: Date.UTC(2026, 2, 21), toMs: fromMs });
    expect(traffic).toEqual({ ...now.traffic, previous: then.traffic });
    expect(items).toEqual(
      now.items.map((row, place) => {
        const { currency: _, ...previous } = then.items[place] as (typeof then.items)[number];
        return { ...row, previous };
      }),
    );
  });
});

describe('funnel', () => {
  /** The visit that an order belongs to, of all actions that the question can see. */
  const orderActions = (reachMs: number): Activity[] => {
    const reach = { fromMs: period.fromMs, toMs: period.toMs + reachMs + 1 };
    const seen = activity.filter((action) => within(action, reach) && action.userId !== null);
    const began = [...groupBy(seen, ({ visitId, userId }) => `${visitId} ${userId}`).values()].map(
      (actions) => ({
        visitId: (actions[0] as Activity).visitId,
        userId: (actions[0] as Activity).userId,
        atMs: Math.min(...actions.map(({ atMs }) => atMs)),
      }),
    );
    return sales
      .filter((line) => line.kind === 'sale' && line.line === 0 && within(line, reach))
      .flatMap(({ orderId, userId, atMs }) => {
        const own = visitOfOrder.get(orderId);
        if (own !== undefined) return [{ type: 'order_confirmed', visitId: own, atMs }];
        if (userId === null) return [];
        const before = began.filter((visit) => visit.userId === userId && visit.atMs <= atMs);
        const last = before.sort((a, b) => b.atMs - a.atMs)[0];
        return last === undefined ? [] : [{ type: 'order_confirmed', visitId: last.visitId, atMs }];
      });
  };

  /** How far the visit comes from each first step, tried one by one. */
  const reached = (actions: readonly Activity[], steps: readonly string[], windowMs: number): number => {
    const inOrder = actions.toSorted((a, b) => a.atMs - b.atMs);
    const firsts = inOrder.filter((action) => action.type === steps[0] && within(action));
    return Math.max(
      0,
      ...firsts.map((first) => {
        let [place, atMs] = [1, first.atMs];
        for (const action of inOrder)
          if (action.type === steps[place] && action.atMs >= atMs && action.atMs <= first.atMs + windowMs) {
            place += 1;
            atMs = action.atMs;
          }
        return place;
      }),
    );
  };

  it.each([
    ['product_viewed,product_added,checkout_started,order_confirmed', 1_440],
    ['products_searched,product_viewed,product_added', 30],
    ['product_viewed,order_confirmed', 43_200],
    ['order_confirmed,product_viewed', 43_200],
    ['recommendation_shown,recommendation_clicked', 1],
    ['product_added,product_viewed,product_removed', 600],
  ])('of %s within %i minutes', async (steps, windowMinutes) => {
    const way = steps.split(',');
    const windowMs = windowMinutes * minuteMs;
    const all = [...activity, ...(steps.includes('order_confirmed') ? orderActions(windowMs) : [])];
    const levels = [...groupBy(all, ({ visitId }) => visitId).values()].map((actions) =>
      reached(actions, way, windowMs),
    );
    const visits = way.map((_, place) => levels.filter((level) => level > place).length);
    const { items } = await answerOf(`funnel?${asked}&steps=${steps}&windowMinutes=${windowMinutes}`);
    expect(items).toEqual(
      way.map((type, place) => ({
        step: place + 1,
        type,
        visits: visits[place],
        ofFirst: (visits[place] ?? 0) / (visits[0] ?? 0),
        ofPrevious: visits[Math.max(0, place - 1)]
          ? (visits[place] ?? 0) / (visits[Math.max(0, place - 1)] ?? 0)
          : null,
      })),
    );
    expect(visits[0]).toBeGreaterThan(0);
  });

  it.each([
    'product_viewed',
    'a,b',
    'product_viewed,product_viewed',
    '',
    ',',
    'product_viewed,product_added,',
  ])('refuses the steps %j', async (steps) => {
    expect((await shop.ask(`funnel?steps=${steps}`)).status).toBe(400);
  });
});

describe('retention', () => {
  const bucketOf = {
    day: (date: string) => date,
    week: (date: string) => String(Math.floor((Date.parse(date) / dayMs + 3) / 7)),
    month: (date: string) => date.slice(0, 7),
  };

  it.each([
    ['day', 'Europe/London'],
    ['week', 'America/New_York'],
    ['month', 'UTC'],
    ['week', 'Asia/Kathmandu'],
  ] as const)('by the %s of %s', async (granularity, zone) => {
    const [from, to] = ['2026-03-10T00:00:00Z', '2026-04-20T12:00:00Z'];
    const items: {
      cohort: string;
      size: number;
      period: number;
      from: string;
      buyers: number;
      rate: number;
    }[] = (await answerOf(`retention?granularity=${granularity}&tz=${zone}&from=${from}&to=${to}`)).items;
    const calendar = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
    const keyAt = (atMs: number) => bucketOf[granularity](calendar.format(atMs));
    const orders = sales.filter((line) => line.kind === 'sale' && line.userId !== null);
    const firsts = new Map(
      [...groupBy(orders, ({ userId }) => String(userId))].map(([id, of]) => [
        id,
        Math.min(...of.map((o) => o.atMs)),
      ]),
    );
    expect(items.length).toBeGreaterThanOrEqual(2);
    const covered = new Set<string>();
    for (const row of items) {
      const cohort = [...firsts].filter(([, atMs]) => keyAt(atMs) === keyAt(Date.parse(row.cohort)));
      const back = cohort.filter(([id]) =>
        orders.some((order) => order.userId === id && keyAt(order.atMs) === keyAt(Date.parse(row.from))),
      );
      expect(row).toMatchObject({
        size: cohort.length,
        buyers: back.length,
        rate: back.length / cohort.length,
      });
      if (row.period === 0) for (const [id] of cohort) covered.add(id);
      if (row.period === 0) expect(row.from).toBe(row.cohort);
    }
    expect(covered.size).toBe(firsts.size);
  });

  it('counts nobody as new who has ordered before the period', async () => {
    const from = Date.UTC(2026, 2, 28);
    const { items } = await answerOf(
      `retention?granularity=day&from=${new Date(from).toISOString()}&to=2026-04-20T12:00:00Z`,
    );
    const orders = sales.filter((line) => line.kind === 'sale' && line.userId !== null);
    const firsts = [...groupBy(orders, ({ userId }) => String(userId)).values()].map((of) =>
      Math.min(...of.map(({ atMs }) => atMs)),
    );
    const sizes = (items as { period: number; size: number }[]).filter(({ period }) => period === 0);
    expect(firsts.some((atMs) => atMs < from)).toBe(true);
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBe(firsts.filter((atMs) => atMs >= from).length);
  });

  it('has no row of a bucket that has not begun', async () => {
    const { items } = await answerOf(
      'retention?granularity=day&from=2026-03-10T00:00:00Z&to=2026-04-25T00:00:00Z',
    );
    const begins = (items as { from: string }[]).map(({ from }) => Date.parse(from));
    expect(Math.max(...begins)).toBe(Date.UTC(2026, 3, 20));
  });

  it('refuses more buckets than a table may have', async () => {
    const { status, text } = await shop.ask('retention?granularity=day&from=2025-01-01T00:00:00Z');
    expect([status, JSON.parse(text).errors]).toEqual([
      400,
      [{ path: '/from', message: expect.stringContaining('120 buckets') }],
    ]);
  });
});

describe('rfm', () => {
  it.each([
    ['days', period],
    ['weeks', { fromMs: startMs, toMs: Date.UTC(2026, 3, 30) }],
  ])(
    'puts every buyer into the segment of its fifths, and calls none of these days gone: %s',
    async (_, of) => {
      const fifth = (value: number, of: readonly number[]): number => {
        const below = of.filter((other) => other < value).length;
        const equal = of.filter((other) => other === value).length;
        return Math.min(5, 1 + Math.floor((5 * (below + equal / 2)) / of.length));
      };
      /** The table as people draw it: rows of recency 5 to 1, columns of value 1 to 5. */
      const table = [
        ['new', 'potential_loyalists', 'potential_loyalists', 'champions', 'champions'],
        ['promising', 'potential_loyalists', 'potential_loyalists', 'loyal', 'loyal'],
        ['about_to_sleep', 'about_to_sleep', 'need_attention', 'loyal', 'loyal'],
        ['hibernating', 'hibernating', 'at_risk', 'at_risk', 'cannot_lose'],
        ['hibernating', 'hibernating', 'at_risk', 'at_risk', 'cannot_lose'],
      ];
      const lines = sales.filter((line) => within(line, of) && line.userId !== null);
      const expected = [...groupBy(lines, ({ currency }) => currency)].flatMap(([currency, ofCurrency]) => {
        const buyers = [...groupBy(ofCurrency, ({ userId }) => String(userId)).values()]
          .filter((of) => of.some(({ kind }) => kind === 'sale'))
          .map((of) => {
            const sold = of.filter(({ kind }) => kind === 'sale');
            return {
              last: Math.max(...sold.map(({ atMs }) => atMs)),
              orders: distinct(sold.map(({ orderId }) => orderId)),
              net: of.reduce((sum, { amountMinor }) => sum + amountMinor, 0),
            };
          });
        const scored = buyers.map((buyer) => {
          const score = (key: 'last' | 'orders' | 'net') =>
            fifth(
              buyer[key],
              buyers.map((one) => one[key]),
            );
          const value = Math.ceil((score('orders') + score('net')) / 2);
          const daysAgo = (of.toMs - buyer.last) / dayMs;
          const recency = Math.max(score('last'), daysAgo <= 7 ? 4 : daysAgo <= 30 ? 3 : 1);
          return { ...buyer, segment: table[5 - recency]?.[value - 1] as string };
        });
        return [...groupBy(scored, ({ segment }) => segment)].map(([segment, those]) => {
          const sum = (key: 'orders' | 'net') => those.reduce((total, one) => total + one[key], 0);
          const daysMean =
            those.reduce((total, { last }) => total + (of.toMs - last) / dayMs, 0) / those.length;
          return {
            segment,
            currency,
            buyers: those.length,
            orders: sum('orders'),
            net: sum('net'),
            daysSinceOrder: expect.closeTo(daysMean, 1),
            ordersPerBuyer: expect.closeTo(sum('orders') / those.length, 1),
            netPerBuyer: Math.round(sum('net') / those.length),
          };
        });
      });
      const { items } = await answerOf(
        `rfm?from=${new Date(of.fromMs).toISOString()}&to=${new Date(of.toMs).toISOString()}`,
      );
      const keyOf = ({ segment, currency }: { segment: string; currency: string }) =>
        `${currency} ${segment}`;
      const sorted = <T extends { segment: string; currency: string }>(rows: T[]) =>
        rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      expect(sorted(items)).toEqual(sorted(expected));
    },
  );
});

describe('basket', () => {
  it.each(['lift', 'confidence', 'orders'])('has support, confidence and lift, by %s', async (by) => {
    const chosen = products[1] as string;
    const orders = [
      ...groupBy(
        sales.filter((line) => line.kind === 'sale' && within(line)),
        ({ orderId }) => orderId,
      ).values(),
    ].map((lines) => new Set(lines.map(({ productId }) => productId)));
    const withChosen = orders.filter((order) => order.has(chosen));
    const answer = await answerOf(`basket?productId=${chosen.toUpperCase()}&by=${by}&${asked}`);
    expect(answer).toMatchObject({ orders: orders.length, ordersOfProduct: withChosen.length });
    const others = products.filter((id) => id !== chosen && withChosen.some((order) => order.has(id)));
    expect(answer.items.map(({ productId }: { productId: string }) => productId).sort()).toEqual(
      others.sort(),
    );
    for (const row of answer.items) {
      const both = withChosen.filter((order) => order.has(row.productId)).length;
      const own = orders.filter((order) => order.has(row.productId)).length;
      expect(row).toEqual({
        productId: row.productId,
        name: `Product ${products.indexOf(row.productId)}`,
        orders: both,
        support: expect.closeTo(both / orders.length, 12),
        confidence: expect.closeTo(both / withChosen.length, 12),
        lift: expect.closeTo(both / withChosen.length / (own / orders.length), 12),
      });
    }
    const ranked = answer.items.map((row: Record<string, number>) => row[by]);
    expect(ranked).toEqual(ranked.toSorted((a: number, b: number) => b - a));
  });

  it('has no rows for a product that nobody bought, and refuses what is no product', async () => {
    expect(await answerOf(`basket?productId=${randomUUID()}`)).toMatchObject({
      items: [],
      ordersOfProduct: 0,
    });
    for (const query of [
      '',
      'productId=',
      'productId=lamp',
      `productId=${products[0]}&productId=${products[1]}`,
    ])
      expect((await shop.ask(`basket?${query}`)).status).toBe(400);
  });
});

describe('searches', () => {
  it.each([
    ['searches', 30],
    ['unanswered', 10],
    ['withoutResult', 30],
    ['searches', 1_440],
  ] as const)('by %s within %i minutes', async (by, windowMinutes) => {
    const expected = new Map<
      string,
      Record<'searches' | 'answered' | 'added' | 'withoutResult' | 'resultsKnown', number> & {
        visits: Set<string>;
      }
    >();
    for (const [visitId, actions] of groupBy(activity, (action) => action.visitId)) {
      const inOrder = actions.toSorted((a, b) => a.atMs - b.atMs);
      for (const [place, action] of inOrder.entries()) {
        if (action.type !== 'products_searched' || !within(action)) continue;
        const rest = inOrder.slice(place + 1);
        const next = rest.findIndex(({ type }) => type === 'products_searched');
        const after = rest
          .slice(0, next < 0 ? rest.length : next)
          .filter(({ atMs }) => atMs <= action.atMs + windowMinutes * minuteMs);
        const term = termOf(action.query ?? '');
        const counts = { searches: 0, answered: 0, added: 0, withoutResult: 0, resultsKnown: 0 };
        const row = expected.get(term) ?? { ...counts, visits: new Set() };
        expected.set(term, row);
        row.searches += 1;
        row.visits.add(visitId);
        if (after.some(({ type }) => type === 'product_viewed')) row.answered += 1;
        if (after.some(({ type }) => type === 'product_added')) row.added += 1;
        if (action.results === 0) row.withoutResult += 1;
        if (action.results !== null) row.resultsKnown += 1;
      }
    }
    const answer = await answerOf(`searches?by=${by}&windowMinutes=${windowMinutes}&${asked}`);
    const all = [...expected].map(([term, { visits, ...row }]) => ({
      term,
      ...row,
      visits: visits.size,
      clickThroughRate: row.answered / row.searches,
    }));
    const rankOf = (row: (typeof all)[number]) =>
      by === 'unanswered' ? row.searches - row.answered : row[by];
    all.sort((a, b) => rankOf(b) - rankOf(a) || b.searches - a.searches || (a.term < b.term ? -1 : 1));
    expect(answer.items).toEqual(all);
    expect(answer).toMatchObject({
      terms: expected.size,
      searches: all.reduce((sum, { searches }) => sum + searches, 0),
    });
    expect(all.some(({ answered, searches }) => answered > 0 && answered < searches)).toBe(true);
    expect(
      all.some(
        ({ withoutResult: none, resultsKnown: known, searches: of }) =>
          none > 0 && none < known && known < of,
      ),
    ).toBe(true);
  });
});

describe('attribution', () => {
  it.each([
    ['product', 24],
    ['recommendation', 720],
    ['model', 720],
    ['product', 1],
    ['scenario', 24],
    ['position', 24],
    ['model', 24],
    ['arm', 24],
    ['choice', 24],
  ] as const)(
    'by %s within %i hours credits each addition and each order line once',
    async (by, windowHours) => {
      const windowMs = windowHours * hourMs;
      const reach = { fromMs: period.fromMs, toMs: period.toMs + windowMs + 1 };
      const keyOf = ({ productId, recommendationId, position }: Activity): string => {
        const label = labelOf(recommendationId ?? '');
        const arm = label?.experiment;
        const keys = {
          product: productId,
          recommendation: recommendationId,
          scenario: label?.scenario,
          position,
          model: label?.model,
          arm: arm && `${arm.code} ${arm.arm}`,
          choice: label && (label.exploredPlace === position ? 'explored' : 'ranked'),
        };
        return String(keys[by] ?? '');
      };
      const accountOf = new Map<string, string>();
      for (const { visitId, userId, ...action } of activity)
        if (userId && within(action, reach)) accountOf.set(visitId, userId);
      const clicks = activity.filter(({ type }) => type === 'recommendation_clicked');
      /** Of all clicks, also of those behind the period; it counts if it lies in the period. */
      const lastClick = (atMs: number, isOf: (click: Activity) => boolean): Activity | undefined => {
        const last = clicks
          .filter((click) => isOf(click) && click.atMs <= atMs)
          .sort((a, b) => b.atMs - a.atMs)[0];
        return last !== undefined && within(last) && atMs <= last.atMs + windowMs ? last : undefined;
      };
      type Found = {
        shown: number;
        clicked: number;
        examined: number;
        correctedClickThroughRate: number | null;
        revenue: { amountMinor: number; currency: string }[];
      };
      type Row = {
        shown: number;
        clicked: number;
        added: number;
        orders: Set<string>;
        units: number;
        returned: number;
        revenue: Record<string, number>;
      };
      const expected = new Map<string, Row>();
      const row = (key: string): Row => {
        const known = expected.get(key) ?? {
          shown: 0,
          clicked: 0,
          added: 0,
          orders: new Set(),
          units: 0,
          returned: 0,
          revenue: {},
        };
        if (key !== '') expected.set(key, known);
        return known;
      };
      for (const action of activity.filter((one) => within(one))) {
        if (action.type === 'recommendation_shown') row(keyOf(action)).shown += 1;
        if (action.type === 'recommendation_clicked') row(keyOf(action)).clicked += 1;
      }
      for (const { type, visitId, productId, atMs } of activity) {
        if (type !== 'product_added') continue;
        const click = lastClick(atMs, (one) => one.visitId === visitId && one.productId === productId);
        if (click !== undefined) row(keyOf(click)).added += 1;
      }
      for (const { kind, userId, productId, atMs, orderId, line, quantity, amountMinor, currency } of sales) {
        const visit = visitOfOrder.get(orderId);
        if (kind !== 'sale' || !(userId || visit)) continue;
        const click = lastClick(
          atMs,
          (one) =>
            (userId ? accountOf.get(one.visitId) === userId : one.visitId === visit) &&
            one.productId === productId,
        );
        if (click === undefined) continue;
        const credited = row(keyOf(click));
        credited.orders.add(orderId);
        credited.units += quantity;
        for (const back of sales)
          if (back.kind === 'refund' && back.orderId === orderId && back.line === line)
            credited.returned -= back.quantity;
        credited.revenue[currency] = (credited.revenue[currency] ?? 0) + amountMinor;
      }
      const { items } = await answerOf(`attribution?by=${by}&windowHours=${windowHours}&limit=100&${asked}`);
      const found = items.map(({ revenue, examined, correctedClickThroughRate, ...rest }: Found) => {
        expect(examined).toBeLessThanOrEqual(rest.shown + 1e-6);
        expect(examined > 0).toBe(rest.shown > 0);
        expect(correctedClickThroughRate).toBe(examined === 0 ? null : rest.clicked / examined);
        return {
          ...rest,
          revenue: Object.fromEntries(revenue.map(({ currency, amountMinor }) => [currency, amountMinor])),
        };
      });
      const keyOfRow = (one: Record<string, unknown>) =>
        JSON.stringify(
          [
            'productId',
            'recommendationId',
            'scenario',
            'position',
            'model',
            'experiment',
            'arm',
            'choice',
          ].map((field) => one[field]),
        );
      const sorted = (rows: Record<string, unknown>[]) =>
        rows.toSorted((a, b) => (keyOfRow(a) < keyOfRow(b) ? -1 : 1));
      expect(sorted(found)).toEqual(
        sorted(
          [...expected].map(([key, { orders, ...rest }]) => ({
            productId: by === 'product' ? key : null,
            name: by === 'product' ? `Product ${products.indexOf(key)}` : null,
            recommendationId: by === 'recommendation' ? key : null,
            scenario: by === 'scenario' ? key : null,
            position: by === 'position' ? Number(key) : null,
            model: by === 'model' ? key : null,
            experiment: by === 'arm' ? Number(key.split(' ')[0]) : null,
            arm: by === 'arm' ? Number(key.split(' ')[1]) : null,
            choice: by === 'choice' ? key : null,
            ...rest,
            orders: orders.size,
            clickThroughRate: rest.shown ? rest.clicked / rest.shown : null,
            orderRate: rest.clicked ? orders.size / rest.clicked : null,
          })),
        ),
      );
      if (windowHours > 24) expect(found.some(({ orders }: { orders: number }) => orders > 0)).toBe(true);
    },
  );
});

describe('a period since 1970', () => {
  it.each(['funnel?steps=product_viewed,order_confirmed&windowMinutes=43200', 'attribution?by=model'])(
    'has of %s what one has that begins before all actions and orders',
    async (path) => {
      const since = (from: string) => answerOf(`${path}&from=${from}T00:00:00Z&to=2026-04-06T00:00:00Z`);
      const { items } = await since('2026-03-01');
      expect((await since('1970-01-01')).items).toEqual(items);
      expect(items.length).toBeGreaterThan(1);
    },
  );
});

describe('an answer with a limit', () => {
  it.each([
    'top-products?',
    'top-products?compare=previous&',
    `basket?productId=${products[0]}&`,
    'searches?',
    'attribution?',
  ])('of %s says whether there are more rows', async (path) => {
    const whole = await shop.ask(`${path}${asked}&limit=100`);
    const { items, truncated } = JSON.parse(whole.text);
    expect(truncated).toBe(false);
    expect(items.length).toBeGreaterThan(1);
    for (const [limit, isCut] of [
      [items.length - 1, true],
      [items.length, false],
    ]) {
      const cut = JSON.parse((await shop.ask(`${path}${asked}&limit=${limit}`)).text);
      expect(cut).toMatchObject({ items: items.slice(0, limit), truncated: isCut });
      for (const accept of ['text/csv', 'application/x-ndjson']) {
        const { headers } = await shop.ask(`${path}${asked}&limit=${limit}`, { accept });
        expect(headers['x-truncated']).toBe(String(isCut));
      }
    }
  });
});

describe('gathered rows', () => {
  const ways: Record<string, string[]> = {
    [`funnel?${asked}&steps=product_viewed,product_added,order_confirmed`]: ['order_sales', 'visit_actions'],
    [`searches?${asked}`]: ['visit_actions'],
    [`attribution?${asked}&by=product`]: ['recommendation_actions', 'visit_actions'],
    [`overview?${asked}`]: ['order_sales', 'visit_actions'],
    [`retention?${asked}&granularity=day`]: ['order_sales'],
    [`rfm?${asked}`]: ['order_sales'],
    ...Object.fromEntries(
      products.map((productId) => [`basket?${asked}&productId=${productId}`, ['order_sales']]),
    ),
  };
  const areEqual = async () => {
    for (const [path, tables] of Object.entries(ways))
      expect({ path, tables: (await answerBothWays(path)).tables }).toEqual({ path, tables });
  };

  it('of a batch that is not whole do not count, and two instances may make the same one', async () => {
    await shop.clickhouse.command(
      'INSERT INTO visit_actions SELECT * REPLACE (1 AS batch, cityHash64(visit_key) AS visit_key) FROM visit_actions',
    );
    await shop.clickhouse.command(
      'INSERT INTO order_sales SELECT * REPLACE (1 AS batch, cityHash64(order_key) AS order_key) FROM order_sales',
    );
    await areEqual();
    await Promise.all([shop.gather(), shop.gather()]);
    await areEqual();
  });

  it('of a time with nothing in it are as the raw ones, and no period ends before it begins', async () => {
    for (const name of [
      'overview',
      'retention',
      'rfm',
      `basket?productId=${products[0]}`,
      'funnel',
      'searches',
    ]) {
      const path = name.includes('?') ? `${name}&` : `${name}?`;
      const { items } = await answerOf(`${path}from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z`);
      expect(items.filter(({ visits }: { visits?: number }) => visits !== 0)).toEqual([]);
      for (const to of ['2026-03-01T00:00:00Z', '2026-02-01T00:00:00Z'])
        expect((await shop.ask(`${path}from=2026-03-01T00:00:00Z&to=${to}`)).status).toBe(400);
    }
  });

  it('of visits answer a funnel with orders also while those are not gathered', async () => {
    const path = `funnel?${asked}&steps=product_viewed,order_confirmed`;
    const { items } = await answerOf(path);
    shop.readGathered(true, { areOrdersToo: false });
    expect(await shop.items(path)).toEqual(items);
    expect(gatheredTablesRead()).toEqual(['visit_actions']);
    shop.readGathered(false);
  });

  it('of orders in several of them are put together, whatever was sent twice or late', async () => {
    const [first] = sales as [SaleLine];
    const again = sales
      .filter(() => randomInt(4) === 0)
      .map((line) => ({
        ...line,
        atMs: line.atMs + pick([0, 0, 1, -dayMs, dayMs]),
        currency: pick([line.currency, 'JPY']),
        userId: pick([line.userId, line.userId, pick(users), null]) as string | null,
        productId: pick([line.productId, pick(products)]),
      }));
    for (const part of [0, 1, 2]) {
      const atMs = period.fromMs + part;
      await shop.insertSales(again.filter((_, nth) => nth % 3 === part));
      await shop.insertSales([{ ...first, kind: 'sale', line: part, productId: products[part] ?? '', atMs }]);
      shop.change();
      if (part < 2) await shop.gather();
      await areEqual();
    }
  });

  it('are made anew where the raw rows are others', async () => {
    const { visitId } = activity[0] as Activity;
    const inserted = { kafka_partition: 0, kafka_offset: 1, occurred_at: '2026-03-26 12:00:00.000' };
    await shop.clickhouse.insertRows('shopper_activity', [
      {
        ...inserted,
        event_id: randomUUID(),
        type: 'products_searched',
        visit_id: visitId,
        query: 'found later',
      },
    ]);
    const before = JSON.parse((await shop.ask(`basket?${asked}&productId=${products[0]}`)).text);
    await shop.clickhouse.insertRows('sales', [
      {
        ...inserted,
        event_id: randomUUID(),
        order_id: randomUUID(),
        line: 0,
        product_id: products[0],
        category: 'home',
        quantity: 1,
        amount_minor: 1,
        currency: 'EUR',
        kind: 'sale',
      },
    ]);
    shop.change();
    for (const path of Object.keys(ways)) expect((await answerBothWays(path)).tables).toEqual([]);
    await shop.gather();
    const { items } = await answerOf(`searches?${asked}`);
    expect(items.map(({ term }: { term: string }) => term)).toContain('found later');
    const { ordersOfProduct } = await answerOf(`basket?${asked}&productId=${products[0]}`);
    expect(ordersOfProduct).toBe(before.ordersOfProduct + 1);
    await areEqual();
  });
});
