import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { bucketOf, bucketsOf, codeOf, type Experiment } from '#schemas/experiments';
import { teamAt } from '#schemas/interleaving';
import { labelled } from '#schemas/recommendation-label';
import { type Activity, type AskedApp, askedApp, type SaleLine } from './testing/asked-app.js';

/** Figures of an experiment are computed a second time by loops over what happened. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const nowMs = Date.UTC(2026, 3, 20, 12, 34, 56);
const experiment: Experiment = {
  id: 'home-models',
  scenarios: ['home'],
  unit: 'visit',
  metric: 'clicked',
  isRunning: true,
  arms: [
    { name: 'best-sellers', model: 'popularity', percent: 50 },
    { name: 'models', model: 'live', percent: 50 },
  ],
};
const byAccount: Experiment = { ...experiment, id: 'home-accounts', unit: 'user', metric: 'revenue' };
const mixed: Experiment = { ...experiment, id: 'home-mixed', design: 'interleave' };
const ended: Experiment = { ...experiment, id: 'ended', isRunning: false };

const ranges = bucketsOf(experiment);
const armOf = (of: Experiment, unit: string): number => {
  const bucket = bucketOf(of.id, unit);
  return ranges.findIndex(({ from, to }) => bucket >= from && bucket < to);
};
const listOf = (of: Experiment, arm: number): string =>
  labelled(newId(), {
    scenario: 'home',
    model: 'learned-blend-1',
    experiment: { code: codeOf(of.id), arm },
    exploredPlace: null,
  });

type Outcome = {
  arm: number;
  shown: number;
  clicks: number;
  additions: number;
  amounts: number[];
  returned: number;
};
const outcomes: Outcome[] = [];
const preferred: { first: number; second: number }[] = [];
const accounts: { arm: number; amounts: number[] }[] = [];
const activity: Activity[] = [];
const sales: SaleLine[] = [];
const placed: { orderId: string; visitId: string | null; atMs: number }[] = [];

/** The second arm is clicked four times as often, and nothing else differs. */
for (let nth = 0; nth < 900; nth += 1) {
  const visitId = `visit-${nth}`;
  const arm = armOf(experiment, visitId);
  const sinceMs = nowMs - 2 * 24 * hourMs + nth * minuteMs;
  const recommendationId = listOf(experiment, arm);
  const of = (type: string, atMs: number, more: Partial<Activity> = {}): Activity => ({
    type,
    visitId,
    atMs,
    ...more,
  });
  const shown = randomInt(1, 4);
  const clicks = randomInt(10) < (arm === 1 ? 4 : 1) ? randomInt(1, 3) : 0;
  const additions = randomInt(4) === 0 ? 1 : 0;
  activity.push(of('product_added', sinceMs - 1));
  for (let place = 0; place < shown; place += 1)
    activity.push(
      of('recommendation_shown', sinceMs + place, { recommendationId, position: place, productId: 'p' }),
    );
  // What another list of the visit, or a list of an arm that is not the visit's, has to do with it is not counted.
  activity.push(of('recommendation_shown', sinceMs, { recommendationId: listOf(experiment, 1 - arm) }));
  activity.push(of('recommendation_clicked', sinceMs + 5, { recommendationId: randomUUID() }));
  for (let click = 0; click < clicks; click += 1)
    activity.push(of('recommendation_clicked', sinceMs + 10, { recommendationId, productId: 'p' }));
  for (let adding = 0; adding < additions; adding += 1) activity.push(of('product_added', sinceMs + 20));
  activity.push(of('product_added', sinceMs + 25 * hourMs));
  const outcome: Outcome = { arm, shown, clicks, additions, amounts: [], returned: 0 };
  for (let order = randomInt(3); order > 0; order -= 1) {
    const orderId = randomUUID();
    const isLate = randomInt(4) === 0;
    const isConfirmed = randomInt(5) > 0;
    placed.push({ orderId, visitId, atMs: sinceMs + (isLate ? 25 * hourMs : hourMs) });
    if (!isConfirmed) continue;
    const amountMinor = randomInt(1, 9) * 100;
    const line: SaleLine = {
      orderId,
      line: 0,
      productId: 'q',
      quantity: 2,
      amountMinor,
      currency: 'EUR',
      kind: 'sale',
      atMs: sinceMs + hourMs + 1,
    };
    sales.push(line);
    const isBack = randomInt(5) === 0;
    if (isBack)
      sales.push({ ...line, kind: 'refund', quantity: -1, amountMinor: -50, atMs: sinceMs + 3 * hourMs });
    if (isLate) continue;
    outcome.amounts.push(amountMinor);
    if (isBack) outcome.returned += 1;
  }
  outcomes.push(outcome);

  const mixedId = listOf(mixed, armOf(mixed, visitId));
  activity.push(of('recommendation_shown', sinceMs, { recommendationId: mixedId, position: 0 }));
  const liked = { first: 0, second: 0 };
  for (let click = randomInt(3); click > 0; click -= 1) {
    const wanted = randomInt(4) === 0 ? 0 : 1;
    const pair = 2 * randomInt(30);
    const position = teamAt(mixedId, pair) === wanted ? pair : pair + 1;
    const team = teamAt(mixedId, position);
    activity.push(of('recommendation_clicked', sinceMs + 10, { recommendationId: mixedId, position }));
    liked[team === 0 ? 'first' : 'second'] += 1;
  }
  preferred.push(liked);

  const userId = randomUUID();
  const account = { arm: armOf(byAccount, userId), amounts: [] as number[] };
  activity.push(
    of('recommendation_shown', sinceMs, { userId, recommendationId: listOf(byAccount, account.arm) }),
  );
  if (randomInt(2)) {
    const amountMinor = randomInt(1, 99);
    sales.push({ ...line(userId, amountMinor), atMs: sinceMs + hourMs });
    account.amounts.push(amountMinor);
  }
  accounts.push(account);
}

function line(userId: string, amountMinor: number): SaleLine {
  const orderId = randomUUID();
  return {
    orderId,
    line: 0,
    productId: 'q',
    userId,
    quantity: 1,
    amountMinor,
    currency: 'EUR',
    kind: 'sale',
    atMs: 0,
  };
}

let shop: AskedApp;
beforeAll(async () => {
  shop = await askedApp(nowMs, undefined, () => [experiment, byAccount, mixed, ended]);
  await shop.insertActivity(activity);
  await shop.insertSales(sales);
  // Some were sent twice.
  await shop.insertPlaced([...placed, ...placed.filter(() => randomInt(4) === 0)]);
});
afterAll(() => shop.drop());

type Arm = {
  visitors: number;
  ordered: number;
  measured: {
    metric: string;
    mean: { value: number } | null;
    againstFirst: { value: number; low: number; high: number; lift: number; pValue: number } | null;
  }[];
};
const result = async (id: string, query = '') => {
  const { status, text } = await shop.ask(`../recommendations/experiments/${id}${query}`, {
    role: 'support',
  });
  expect(status, text).toBe(200);
  return JSON.parse(text) as {
    arms: Arm[];
    verdict: string;
    shareProbability: number;
    currency: string;
    preference: {
      first: number;
      second: number;
      difference: { value: number; low: number; pValue: number } | null;
    } | null;
  };
};
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe('an experiment by visits', () => {
  it('counts for each arm what its visits did after they were shown a list', async () => {
    const { arms, currency } = await result('home-models');
    expect(currency).toBe('EUR');
    for (const [arm, found] of arms.entries()) {
      const own = outcomes.filter((outcome) => outcome.arm === arm);
      expect(found).toMatchObject({
        ...experiment.arms[arm],
        visitors: own.length,
        lists: own.length,
        shown: sum(own.map(({ shown }) => shown)),
        clicks: sum(own.map(({ clicks }) => clicks)),
        clicked: own.filter(({ clicks }) => clicks > 0).length,
        additions: sum(own.map(({ additions }) => additions)),
        added: own.filter(({ additions }) => additions > 0).length,
        orders: sum(own.map(({ amounts }) => amounts.length)),
        ordered: own.filter(({ amounts }) => amounts.length > 0).length,
        units: 2 * sum(own.map(({ amounts }) => amounts.length)),
        returned: sum(own.map(({ returned }) => returned)),
        revenue: [{ amountMinor: sum(own.flatMap(({ amounts }) => amounts)), currency: 'EUR' }],
      });
    }
  });

  it('finds the difference that there is, says it in a sentence, and finds none where there is none', async () => {
    const { arms, verdict, shareProbability } = await result('home-models');
    const clicked = arms[1]?.measured.find(({ metric }) => metric === 'clicked');
    expect(clicked?.againstFirst?.low).toBeGreaterThan(0);
    expect(clicked?.againstFirst?.pValue).toBeLessThan(0.001);
    expect(verdict).toMatch(
      /^“models” has more visitors who click on a recommendation than “best-sellers” by \+\d+/,
    );
    expect(shareProbability).toBeGreaterThan(0.001);
    expect(arms[0]?.measured.every(({ againstFirst }) => againstFirst === null)).toBe(true);
    const early = await result('home-models', '?from=2026-04-18T12:30:00Z&to=2026-04-18T12:50:00Z');
    expect(early.verdict).toMatch(/^Too early to say/);
    expect((await result('ended')).verdict).toMatch(/^Too early to say/);
  });
});

describe('an experiment whose lists mix both arms', () => {
  it('counts which arm’s products each visit clicked more, and says which is preferred', async () => {
    const { preference, verdict } = await result('home-mixed');
    const first = preferred.filter((of) => of.first > of.second).length;
    const second = preferred.filter((of) => of.second > of.first).length;
    expect(preference).toMatchObject({ first, second });
    expect(preference?.difference?.value).toBeCloseTo((second - first) / preferred.length, 9);
    expect(preference?.difference?.low).toBeGreaterThan(0);
    expect(preference?.difference?.pValue).toBeLessThan(0.001);
    expect(verdict).toBe(
      `“models” is preferred: ${second} visits clicked more products of “models”, ${first} more of “best-sellers”.`,
    );
    expect((await result('home-models')).preference).toBeNull();
    const early = await result('home-mixed', '?from=2026-04-18T12:30:00Z&to=2026-04-18T12:40:00Z');
    expect(early.verdict).toMatch(/^Too early to say/);
  });
});

describe('an experiment by accounts', () => {
  it('adds up what the accounts of each arm spent', async () => {
    const { arms } = await result('home-accounts');
    for (const [arm, found] of arms.entries()) {
      const own = accounts.filter((account) => account.arm === arm);
      const spent = own.map(({ amounts }) => sum(amounts));
      expect(found).toMatchObject({
        visitors: own.length,
        ordered: spent.filter((amount) => amount > 0).length,
      });
      const revenue = found.measured.find(({ metric }) => metric === 'revenue');
      expect(revenue?.mean?.value).toBeCloseTo(sum(spent) / own.length, 6);
    }
  });
});

describe('the experiments', () => {
  it('are listed page by page for staff, and one that is not defined is 404', async () => {
    const page = async (query: string) =>
      JSON.parse((await shop.ask(`../recommendations/experiments${query}`, { role: 'admin' })).text);
    const first = await page('?limit=2');
    expect(first.items).toEqual(
      [experiment, byAccount].map((of) => ({ ...of, design: 'split', code: codeOf(of.id) })),
    );
    const second = await page(`?limit=2&cursor=${first.next}`);
    const found = second.items.map(({ id, design }: Experiment) => [id, design]);
    expect([found, second.next]).toEqual([
      [
        ['home-mixed', 'interleave'],
        ['ended', 'split'],
      ],
      null,
    ]);
    const status = async (path: string, role: string) =>
      (await shop.ask(`../recommendations/${path}`, { role })).status;
    expect(await status('experiments/nobody', 'support')).toBe(404);
    expect(await status('experiments', 'customer')).toBe(403);
    expect(await status('experiments', '')).toBe(401);
    expect(await status('experiments/home-models?from=2027-01-01T00:00:00Z', 'admin')).toBe(400);
    expect(await status('experiments/home-models?windowHours=0', 'admin')).toBe(400);
  });
});
