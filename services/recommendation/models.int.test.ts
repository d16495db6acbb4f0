import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { newId } from '#platform/ids';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { testHost } from '#platform/testing/test-host';
import type { DayOfContest } from '#recommenders/contest';
import { firstSet, parameterSets } from '#recommenders/parameter-sets';
import { createRecommender } from '#recommenders/recommender';
import type { ModelPromoted } from '#schemas/events';
import type { Role } from '#schemas/roles';
import { createModel } from './model.js';
import { modelRoutes } from './model-routes.js';
import { createPromotionStore } from './promotion-store.js';
import { promoteTheProven } from './promotion-worker.js';
import { standingOf } from './standing.js';

const url = new URL(engines().databaseUrl);
url.pathname = `/test_models_${newId().replaceAll('-', '').slice(-12)}`;
const staffId = randomUUID();
let db: Database;
let deps: Parameters<typeof modelRoutes>[1];
let app: ReturnType<typeof createHttpServer>['app'];
const contest = { live: firstSet as string, of: new Map<string, DayOfContest[]>() };

/** Takes the bearer token for the caller's role. */
const auth: Authenticator = {
  principalOf: async (header) =>
    header === undefined
      ? { kind: 'anonymous' }
      : { kind: 'user', userId: staffId, roles: [header.replace('Bearer ', '') as Role] },
};

beforeAll(async () => {
  db = createDatabase(testHost('recommendation'), {
    url: url.toString(),
    migrations: ['platform/outbox/migrations', 'services/recommendation/migrations'].map(projectPath),
  });
  await db.start();
  const events = {
    event: (type: string, key: string, value: object, { occurredAt }: { occurredAt: number }) => ({
      topic: type,
      key,
      value: Buffer.from(JSON.stringify(value)),
      headers: { 'event-id': newId(), 'occurred-at': String(occurredAt) },
    }),
  };
  const host = testHost('recommendation');
  const promotions = createPromotionStore({ events: events as never, clock: host.clock });
  deps = {
    db,
    promotions,
    contest: {
      get live() {
        return contest.live;
      },
      days: (id) => contest.of.get(id) ?? [],
    },
  };
  app = createHttpServer(host, { port: 0, title: 'test', auth }).app;
  modelRoutes(app, deps);
});
afterAll(async () => {
  await db.stop();
  const admin = createDatabase(testHost(), { url: engines().databaseUrl, poolMax: 1 });
  await admin.query(`DROP DATABASE IF EXISTS ${url.pathname.slice(1)}`);
  await admin.stop();
});
beforeEach(async () => {
  await db.query('TRUNCATE model_promotions, outbox_a, outbox_b');
  contest.live = firstSet;
  contest.of.clear();
});

/** Days on which the set finds what was chosen a place earlier in half of the lessons. */
const daysAhead = (count: number, lessons: number, ahead = 0.1): DayOfContest[] =>
  Array.from({ length: count }, (_, nth) => ({
    day: 20_000 + nth,
    scenario: 'product',
    lessons,
    live: lessons * 0.2,
    own: lessons * (0.2 + ahead),
    ahead: lessons * ahead,
    squares: lessons * 0.04,
  }));

const ask = async (method: 'GET' | 'POST', path: string, body?: object, role = 'support') => {
  const answer = await app.inject({
    method,
    url: `/api/recommendations/models${path}`,
    headers: role === '' ? {} : { authorization: `Bearer ${role}` },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, body: answer.json() };
};
const liveIn = async (): Promise<string> =>
  (await ask('GET', '')).body.items.find(({ isLive }: { isLive: boolean }) => isLive).id;
const reason = 'A test of it.';

it('lists every set, the first one live, and what is known of the others', async () => {
  contest.of.set('brief', daysAhead(3, 10));
  const { status, body } = await ask('GET', '');
  expect(status).toBe(200);
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual(parameterSets.map(({ id }) => id));
  expect(await liveIn()).toBe(firstSet);
  const comparisons = Object.fromEntries(
    body.items.map(({ id, comparison }: { id: string; comparison: { lessons: number } | null }) => [
      id,
      comparison?.lessons ?? null,
    ]),
  );
  expect(comparisons).toEqual({ [firstSet]: null, brief: 30, lasting: 0, strict: 0 });
  expect(body.promotions).toEqual([]);
  expect((await ask('GET', '', undefined, 'customer')).status).toBe(403);
  const first = (await ask('GET', '?limit=3')).body;
  const rest = (await ask('GET', `?limit=3&cursor=${first.next}`)).body;
  expect([...first.items, ...rest.items]).toEqual(body.items);
  expect(rest.next).toBeNull();
  expect((await ask('GET', '?cursor=x')).status).toBe(400);
});

it('promotes only what is proven, or was live before, unless somebody insists; each is an event with its evidence', async () => {
  expect((await ask('POST', '/nobody/promote', { reason })).status).toBe(404);
  expect((await ask('POST', '/brief/promote', { reason: '' })).status).toBe(400);
  expect((await ask('POST', `/${firstSet}/promote`, { reason })).body.code).toBe('model_is_live');
  expect((await ask('POST', '/brief/promote', { reason })).body.code).toBe('not_better_beyond_doubt');
  expect((await ask('POST', '/brief/promote')).body.code).toBe('not_better_beyond_doubt');

  contest.of.set('brief', daysAhead(20, 100));
  const promoted = await ask('POST', '/brief/promote', { reason });
  expect(promoted).toMatchObject({
    status: 200,
    body: { number: 1, model: 'brief', previous: firstSet, reason, promotedBy: staffId },
  });
  expect(promoted.body.evidence).toMatchObject({ lessons: 2000, days: 20, isBetterBeyondDoubt: true });
  expect(await liveIn()).toBe('brief');

  // What this instance still knows is about the set that was live before.
  contest.of.set('lasting', daysAhead(20, 100));
  expect((await ask('POST', '/lasting/promote', { reason })).status).toBe(409);
  contest.live = 'brief';
  contest.of.clear();
  expect((await ask('POST', `/${firstSet}/promote`, { reason: 'Back again.' })).status).toBe(200);
  expect(await liveIn()).toBe(firstSet);
  expect((await ask('POST', '/brief/promote')).body).toMatchObject({ number: 3, reason: '' });
  expect((await ask('POST', '/strict/promote', { reason, evenIfUnproven: true })).status).toBe(200);

  const { rows } = await db.query<{ value: Buffer }>('SELECT value FROM outbox ORDER BY seq');
  const events = rows.map(({ value }) => JSON.parse(value.toString()) as ModelPromoted);
  expect(events.map(({ number, model, previous }) => [number, model, previous])).toEqual([
    [1, 'brief', firstSet],
    [2, firstSet, 'brief'],
    [3, 'brief', firstSet],
    [4, 'strict', 'brief'],
  ]);
  expect(JSON.parse(events[0]?.evidence ?? '')).toEqual(promoted.body.evidence);
  expect((await ask('GET', '')).body.promotions.map(({ number }: { number: number }) => number)).toEqual([
    4, 3, 2, 1,
  ]);
});

it('lets one of two promote who saw the same', async () => {
  const both = await Promise.all(
    [0, 1].map(() => ask('POST', '/brief/promote', { reason, evenIfUnproven: true })),
  );
  expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
});

it('promotes by itself the one that is furthest ahead beyond doubt, and nothing else', async () => {
  expect(await promoteTheProven(deps)).toBeNull();
  contest.of.set('brief', daysAhead(20, 100, 0.05));
  contest.of.set('lasting', daysAhead(20, 100, 0.1));
  contest.of.set('strict', daysAhead(10, 1000, 0.1));
  expect(await promoteTheProven(deps)).toMatchObject({ model: 'lasting', promotedBy: null });
  // Before this instance has read of it, it promotes nothing more.
  expect(await promoteTheProven(deps)).toBeNull();
});

it('is not proven by few days or lessons, nor where one scenario becomes worse', () => {
  expect(standingOf(daysAhead(20, 100), 3).isBetterBeyondDoubt).toBe(true);
  expect(standingOf(daysAhead(13, 1000), 3).isBetterBeyondDoubt).toBe(false);
  expect(standingOf(daysAhead(20, 10), 3).isBetterBeyondDoubt).toBe(false);
  expect(standingOf(daysAhead(20, 100, 0.001), 3).isBetterBeyondDoubt).toBe(false);
  const worse = daysAhead(20, 100, -0.1).map((day) => ({ ...day, scenario: 'home' as const }));
  expect(standingOf([...daysAhead(20, 1000), ...worse], 3).isBetterBeyondDoubt).toBe(false);
});

it('is applied by every instance that reads the event', () => {
  const recommender = createRecommender();
  createModel(recommender).take({ type: 'ModelPromoted', value: { model: 'lasting' } }, 0);
  expect(recommender.contest.live).toBe('lasting');
});
