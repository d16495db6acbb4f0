import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator, Principal } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { decodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { newId } from '#platform/ids';
import type { ReceivedEvent } from '#platform/messaging/events';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import { projectPath } from '#platform/project';
import { createRedis } from '#platform/redis/client';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { firstSet } from '#recommenders/parameter-sets';
import { createRecommender } from '#recommenders/recommender';
import type { EventMap } from '#schemas/events';
import { type ArmModel, codeOf, type Experiment } from '#schemas/experiments';
import { teamAt } from '#schemas/interleaving';
import { labelOf } from '#schemas/recommendation-label';
import { type SimilarityView, similarityKeys } from '#schemas/similarity-state';
import { type Catalogue, createCatalogueStore } from './catalogue-store.js';
import { freshCatalogue } from './fresh-view.js';
import { createModel } from './model.js';
import { reactions } from './reactions.js';
import { recommend } from './recommend.js';
import { redisSimilarityView, viewOrNothing } from './redis-view.js';
import { interleavedVersion, popularityVersion, recommendationRoutes, similarityVersion } from './routes.js';
import { noRules, type Rules, rulesSchema } from './rules.js';

const url = new URL(engines().databaseUrl);
url.pathname = `/test_recommendation_${newId().replaceAll('-', '').slice(-12)}`;
const redisUrl = new URL(engines().redisUrl);
redisUrl.pathname = '/11';
const redis = new Redis(redisUrl.toString(), { lazyConnect: true });
const nowMs = Date.now();
const [lamp, shade, bulb, clock, spade] = ['lamp', 'shade', 'bulb', 'clock', 'spade'] as const;
const keys = similarityKeys.of('test');
let host: RunnableHost;
let db: Database;
let base: string;
let catalogue: Catalogue;
let similarity: SimilarityView;
const model = createModel(createRecommender());
let experiments: readonly Experiment[] = [];
let isReady = false;
let rules: Rules = noRules;
const listModel = { ...model, isReady: () => isReady };

/** Takes the bearer token for the user's id. */
const auth: Authenticator = {
  principalOf: async (header): Promise<Principal> =>
    header === undefined
      ? { kind: 'anonymous' }
      : {
          kind: 'user',
          userId: header.replace('Bearer ', ''),
          roles: [header.endsWith('staff') ? 'support' : 'customer'],
        },
};

beforeAll(async () => {
  await redis.connect();
  await redis.flushdb();
  host = testHost('recommendation');
  db = host.use(
    createDatabase(host, {
      url: url.toString(),
      migrations: ['platform/inbox/migrations', 'services/recommendation/migrations'].map(projectPath),
    }),
  );
  const client = host.use(createRedis(host, redisUrl.toString()));
  const store = createCatalogueStore(db, { nowMs: Date.now, recentMs: 86_400_000 });
  // A clock that runs a million times as fast, so that a list sees what was stored just now.
  catalogue = freshCatalogue(store, { monotonicMs: () => performance.now() * 1_000_000 });
  const http = createHttpServer(host, { port: 0, title: 'test', auth });
  similarity = viewOrNothing(redisSimilarityView(client.client, host.clock), client);
  recommendationRoutes(http.app, host, {
    similarity,
    catalogue,
    model: listModel,
    experiments: () => experiments,
    rules: () => rules,
  });
  host.use(http.component);
  await host.start();
  base = http.component.url;

  const table = reactions(store);
  const react = <T extends keyof EventMap>(type: T, value: EventMap[T]) =>
    inTransaction(db, async (tx) => {
      await table[type]?.(tx, { type, value } as ReceivedEvent<T, EventMap[T]>);
      model.take({ type, value }, nowMs);
    });
  for (const [productId, category] of [
    [lamp, 'home/lighting'],
    [shade, 'home/lighting'],
    [bulb, 'home/lighting'],
    [clock, 'home/clocks'],
    [spade, 'garden'],
  ] as const) {
    await react('StockAdjusted', {
      productId,
      onHand: 9,
      available: 9,
      delta: 9,
      stockVersion: 1,
      reason: 'initial',
      occurredAt: nowMs,
    });
    await react('ProductCreated', {
      productId,
      version: 1,
      name: productId,
      description: '',
      category,
      priceMinor: 100,
      currency: 'GBP',
      brand: null,
      tags: [],
      groupId: null,
      active: true,
      initialStock: 9,
      attributes: '{}',
      images: [],
      ageRestricted: false,
      featured: false,
      changedBy: null,
      createdAt: nowMs,
      occurredAt: nowMs,
    });
  }
  const line = { productId: bulb, quantity: 9, available: 0, stockVersion: 2 };
  await react('StockReserved', { orderId: newId(), lines: [line], expiresAt: nowMs, occurredAt: nowMs });
  await react('OrderConfirmed', {
    orderId: newId(),
    version: 2,
    userId: 'buyer',
    paymentId: newId(),
    lines: [{ productId: shade, quantity: 1, unitPriceMinor: 100 }],
    totalMinor: 100,
    currency: 'GBP',
    occurredAt: nowMs,
  });
  await redis.hset(similarityKeys.meta, { epoch: 'test', learnedUpTo: nowMs });
  await redis.zadd(keys.pairs(lamp), 9, bulb, 5, shade, 1, spade, 8, 'ghost');
  await redis.zadd(keys.masses, 10, lamp, 10, bulb, 10, shade, 10, spade, 10, 'ghost');
  await redis.zadd(keys.popularity, 3, 'ghost', 2, clock, 1, lamp);
  await redis.set(keys.visit('v'), `${lamp} 1`);
  await redis.zadd(keys.interests('visitor'), nowMs, lamp);
});
afterAll(async () => {
  await host.stop();
  await redis.flushdb();
  redis.disconnect();
  const admin = createDatabase(testHost(), { url: engines().databaseUrl, poolMax: 1 });
  await admin.query(`DROP DATABASE IF EXISTS ${url.pathname.slice(1)}`);
  await admin.stop();
});

type Answer = {
  recommendationId: string;
  modelVersion: string;
  asOf: string;
  items: { productId: string; score: number; reason: { kind: string; because: string[] } }[];
};

type Explanation = Answer & {
  source: string;
  candidates: {
    productId: string;
    place: number | null;
    modelScore: number | null;
    parts: Record<string, number>;
    movedBy: string[];
    removedBy: string | null;
  }[];
};

const ask = async (query: string, token?: string) => {
  const answer = await fetch(`${base}/api/recommendations?${query}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  return { status: answer.status, body: (await answer.json()) as Answer };
};
/** The list of one model for the visit that is shown mixed lists. */
const homeListOf = async (model: ArmModel): Promise<string[]> => {
  const { items } = await recommend(
    {
      scenario: 'home',
      visitId: 'mixed',
      exclude: [],
      limit: 3,
      nowMs,
      ...(model === 'popularity' ? { isPopularity: true } : {}),
    },
    { similarity, catalogue, model: listModel, rules: () => noRules },
  );
  return items.map(({ productId }) => productId);
};
const listed = async (query: string, token?: string) =>
  (await ask(query, token)).body.items.map(({ productId }) => productId);

describe('GET /api/recommendations', () => {
  it('names the list, its model, what it has learned up to and why each product is there', async () => {
    const { status, body } = await ask(`scenario=product&productId=${lamp}`);
    expect(status).toBe(200);
    expect(body.recommendationId).toMatch(/^[\da-f-]{36}$/);
    expect(body.modelVersion).toBe(similarityVersion);
    expect(body.asOf).toBe(new Date(nowMs).toISOString());
    expect(body.items.map(({ productId }) => productId)).toEqual([shade, spade, clock]);
    expect(body.items[0]?.reason).toEqual({ kind: 'seen_together', because: [lamp] });
  });

  it('leaves out what is sold out, unknown, bought, excluded, and of another category', async () => {
    const all = await listed('scenario=home&visitId=v');
    expect(all).not.toContain(bulb);
    expect(all).not.toContain('ghost');
    expect(await listed('scenario=home&visitId=v&userId=buyer')).not.toContain(shade);
    expect(await listed('scenario=home&visitId=v', 'buyer')).not.toContain(shade);
    expect(await listed(`scenario=home&exclude=${clock},${shade}`)).toEqual([lamp, spade]);
    expect((await listed('scenario=home&category=home')).sort()).toEqual([clock, lamp, shade]);
    expect(await listed('scenario=home&limit=1')).toHaveLength(1);
  });

  it('may be shared by callers without a token where nobody is named, and by nobody else', async () => {
    const sharing = async (query: string, headers = {}) => {
      const answer = await fetch(`${base}/api/recommendations?${query}`, { headers });
      const { recommendationId } = (await answer.json()) as Answer;
      const { ownId, ...said } = decodeSharedAnswer(answer.headers.get(sharedAnswerHeader)) ?? {};
      return ownId === undefined ? null : [ownId === recommendationId, said];
    };
    const query = `scenario=product&productId=${lamp}`;
    expect(await sharing(query)).toEqual([true, { roles: ['anonymous'], ageMsMax: 300 }]);
    for (const named of ['visitId=v', 'userId=buyer', 'visitId=unknown'])
      expect([named, await sharing(`${query}&${named}`)]).toEqual([named, null]);
    expect(await sharing(query, { authorization: 'Bearer buyer' })).toBeNull();
    expect(await sharing(query, { authorization: 'Bearer staff' })).toBeNull();
  });

  it('is not empty for a category that does not exist, nor an error for as many exclusions as are documented', async () => {
    expect((await listed('scenario=home&category=nosuch')).sort()).toEqual(
      (await listed('scenario=home')).sort(),
    );
    const exclude = (count: number) => Array.from({ length: count }, () => newId()).join(',');
    expect((await listed(`scenario=home&exclude=${exclude(500)}`)).length).toBeGreaterThan(0);
    const { status, body } = await ask(`scenario=home&exclude=${exclude(501)}`);
    expect([status, body]).toMatchObject([
      400,
      { errors: [{ path: '/query/exclude', message: 'must be at most 500 ids, separated by commas' }] },
    ]);
  });

  it('keeps its promises also to who writes ids in capitals and a category as a person would', async () => {
    const capitals = `${clock},${shade}`.toUpperCase();
    expect(await listed(`scenario=home&exclude=${capitals}`)).toEqual([lamp, spade]);
    expect(await listed('scenario=home&visitId=v&userId=BUYER')).not.toContain(shade);
    const beside = await listed(`scenario=product&productId=${lamp.toUpperCase()}`);
    expect(beside).toEqual(await listed(`scenario=product&productId=${lamp}`));
    const clocks = await ask('scenario=home&category=%20Home%20/Clocks/');
    expect(clocks.body.items.map(({ productId }) => productId)).toEqual([clock]);
  });

  it('uses a visitor’s interests for himself, and never for somebody who only names him', async () => {
    const own = (await ask('scenario=home', 'visitor')).body.items;
    expect(own[0]?.reason).toEqual({ kind: 'seen_together', because: [lamp] });
    for (const body of [
      (await ask('scenario=home&userId=visitor')).body,
      (await ask('scenario=home&userId=visitor', 'somebody-else')).body,
    ])
      expect(body.items.flatMap(({ reason }) => reason.because)).toEqual([]);
  });

  it('answers for whom and what it has never heard of', async () => {
    for (const query of [
      'scenario=home&userId=x&visitId=y',
      'scenario=product&productId=z',
      'scenario=product',
    ])
      expect((await listed(query)).length, query).toBeGreaterThan(0);
  });

  it('answers every scenario with products that may be shown, and why', async () => {
    for (const scenario of ['similar', 'cart', 'reorder', 'new-arrivals', 'trending']) {
      const { status, body } = await ask(
        `scenario=${scenario}&productId=${lamp}&productIds=${spade}`,
        'buyer',
      );
      expect(status, scenario).toBe(200);
      expect(body.modelVersion).toBe(firstSet);
      const shown = body.items.map(({ productId }) => productId);
      expect(shown.length, scenario).toBeGreaterThan(0);
      for (const never of [bulb, lamp, spade, 'ghost']) expect(shown, scenario).not.toContain(never);
      const scores = body.items.map(({ score }) => score);
      expect(scores, scenario).toEqual(scores.toSorted((a, b) => b - a));
    }
  });

  it('puts what the buyer bought first where he reorders, and leaves it out elsewhere', async () => {
    const again = (await ask('scenario=reorder', 'buyer')).body.items;
    expect(again[0]).toMatchObject({ productId: shade, reason: { kind: 'bought_before', because: [shade] } });
    expect(await listed('scenario=trending', 'buyer')).not.toContain(shade);
    const named = (await ask('scenario=reorder&userId=buyer')).body.items;
    expect(named.map(({ reason }) => reason.kind)).not.toContain('bought_before');
  });

  it('says true reasons: what was ordered together', async () => {
    const order = { orderId: newId(), version: 2, userId: null, paymentId: newId(), totalMinor: 1 };
    const lines = [lamp, clock].map((productId) => ({ productId, quantity: 1, unitPriceMinor: 1 }));
    model.take(
      { type: 'OrderConfirmed', value: { ...order, lines, currency: 'GBP', occurredAt: nowMs } },
      nowMs,
    );
    const [first] = (await ask(`scenario=cart&productIds=${lamp}`)).body.items;
    expect(first).toMatchObject({ productId: clock, reason: { kind: 'bought_together', because: [lamp] } });
  });

  it('labels each list with its scenario and model, and under an experiment with the visit’s arm', async () => {
    const plain = (await ask('scenario=trending&visitId=v')).body;
    expect(labelOf(plain.recommendationId)).toEqual({
      scenario: 'trending',
      model: firstSet,
      experiment: null,
      exploredPlace: null,
    });
    const arms = [
      { name: 'models', model: 'live' as const, percent: 50 },
      { name: 'best-sellers', model: 'popularity' as const, percent: 50 },
    ];
    const experiment = { id: 'home', unit: 'visit' as const, metric: 'ordered' as const, arms };
    experiments = [{ ...experiment, scenarios: ['home'], isRunning: true }];
    const versions = new Set<string>();
    for (let nth = 0; nth < 20; nth += 1) {
      const { body } = await ask(`scenario=home&visitId=visit-${nth}&limit=3`);
      const again = await ask(`scenario=home&visitId=visit-${nth}&limit=3`);
      const label = labelOf(body.recommendationId);
      expect(label).toMatchObject({ scenario: 'home', model: body.modelVersion });
      expect(again.body.modelVersion).toBe(body.modelVersion);
      expect(arms[label?.experiment?.arm ?? -1]?.model === 'popularity').toBe(
        body.modelVersion === popularityVersion,
      );
      expect(body.items.map(({ productId }) => productId)).not.toContain(bulb);
      versions.add(body.modelVersion);
    }
    expect(versions.size).toBe(2);
    expect(labelOf((await ask('scenario=home')).body.recommendationId)?.experiment).toBeNull();
    experiments = [
      {
        ...experiment,
        scenarios: ['trending'],
        isRunning: true,
        arms: [{ name: 'all', model: 'lasting' as const, percent: 100 }],
      },
    ];
    const ofSet = (await ask('scenario=trending&visitId=v')).body;
    expect(ofSet.modelVersion).toBe('lasting');
    expect(labelOf(ofSet.recommendationId)).toMatchObject({ model: 'lasting', experiment: { arm: 0 } });
    const mixing = { ...experiment, metric: 'clicked' as const, design: 'interleave' as const };
    experiments = [{ ...mixing, scenarios: ['home'], isRunning: true }];
    const bySource = await Promise.all([arms[0]!.model, arms[1]!.model].map((model) => homeListOf(model)));
    for (let nth = 0; nth < 8; nth += 1) {
      const { body } = await ask('scenario=home&visitId=mixed&limit=3');
      expect(body.modelVersion).toBe(interleavedVersion);
      expect(labelOf(body.recommendationId)).toMatchObject({
        model: interleavedVersion,
        experiment: { code: codeOf('home') },
      });
      const ids = body.items.map(({ productId }) => productId);
      const expected: string[] = [];
      for (let place = 0; place < ids.length; place += 1)
        expected.push(bySource[teamAt(body.recommendationId, place)]!.find((id) => !expected.includes(id))!);
      expect([ids.length, ids]).toEqual([3, expected]);
    }
    rules = rulesSchema.parse({ pin: [{ productId: spade, position: 1 }] });
    const pinned = (await ask('scenario=home&visitId=mixed&limit=3')).body;
    expect([pinned.items[0]?.productId, labelOf(pinned.recommendationId)?.experiment]).toEqual([spade, null]);
    rules = noRules;
    experiments = [{ ...experiment, scenarios: ['home'], isRunning: false }];
    expect(
      labelOf((await ask('scenario=home&visitId=visit-1')).body.recommendationId)?.experiment,
    ).toBeNull();
    experiments = [];
  });

  it('answers every scenario with the models once they are learned, and the similarities until then', async () => {
    isReady = true;
    const beside = await ask(`scenario=product&productId=${lamp}`);
    expect(beside.body.modelVersion).toBe(firstSet);
    expect(beside.body.items.map(({ productId }) => productId).sort()).toEqual([clock, shade, spade].sort());
    expect((await ask('scenario=home&visitId=v')).body.modelVersion).toBe(firstSet);
    isReady = false;
    expect((await ask('scenario=home&visitId=v')).body.modelVersion).toBe(similarityVersion);
  });

  it('follows the rules, and explains to staff alone what they and the models did', async () => {
    isReady = true;
    rules = rulesSchema.parse({
      exclude: [{ productId: shade }],
      pin: [{ productId: spade, position: 1 }],
      bury: [{ category: 'home/clocks' }],
    });
    const query = `scenario=similar&productId=${lamp}`;
    expect(await listed(query)).toEqual([spade, clock]);
    const explain = async (token?: string) => {
      const answer = await fetch(`${base}/api/recommendations/explain?${query}`, {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      });
      return { status: answer.status, body: (await answer.json()) as Explanation };
    };
    expect([(await explain()).status, (await explain('buyer')).status]).toEqual([401, 403]);
    const { status, body } = await explain('staff');
    expect([status, body.source]).toEqual([200, 'model']);
    expect(body.items.map(({ productId }) => productId)).toEqual([spade, clock]);
    const of = (id: string) => body.candidates.find(({ productId }) => productId === id);
    expect(of(spade)).toMatchObject({ place: 1, movedBy: ['pin[0]'], removedBy: null });
    expect(of(clock)).toMatchObject({ place: 2, movedBy: ['bury[0]'], removedBy: null });
    expect(of(shade)).toMatchObject({ place: null, removedBy: 'exclude[0]' });
    expect(of(bulb)).toMatchObject({ place: null, removedBy: 'not_sellable' });
    expect(of(lamp)).toMatchObject({ place: null, removedBy: 'asked_to_exclude' });
    for (const { modelScore, parts } of body.candidates)
      if (modelScore !== null) {
        const sum = Object.values(parts).reduce((total, part) => total + part, 0);
        expect(sum).toBeCloseTo(modelScore, 3);
      }
    isReady = false;
    rules = noRules;
  });

  it('is not empty where rules exclude every best seller but one', async () => {
    rules = rulesSchema.parse({ exclude: [lamp, shade, clock].map((productId) => ({ productId })) });
    expect(await listed('scenario=home&limit=1')).toEqual([spade]);
    rules = noRules;
  });

  it.each([
    'scenario=nothing',
    '',
    'scenario=home&limit=0',
    'scenario=home&limit=101',
    'scenario=home&limit=x',
    'scenario=home&limit=0x10',
    'scenario=home&limit=1e1',
    'scenario=home&limit=',
    'scenario=home&category=/',
    'scenario=home&productId=',
  ])('refuses %j with 400', async (query) => {
    expect((await ask(query)).status).toBe(400);
  });

  it('answers from what has sold while Redis is away', async () => {
    const alone = testHost('recommendation');
    const away = createRedis(alone, 'redis://127.0.0.1:1');
    const http = createHttpServer(alone, { port: 0, title: 'test', auth });
    recommendationRoutes(http.app, alone, {
      similarity: viewOrNothing(redisSimilarityView(away.client, host.clock), away),
      catalogue,
      model: listModel,
      experiments: () => [],
      rules: () => rules,
    });
    alone.use(away);
    alone.use(http.component);
    await alone.start();
    const answer = await fetch(
      `${http.component.url}/api/recommendations?scenario=product&productId=${lamp}&visitId=v&userId=buyer`,
    );
    const { items } = (await answer.json()) as Answer;
    expect(items.map(({ productId }) => productId).sort()).toEqual([clock, spade]);
    expect(items.map(({ reason }) => reason.kind)).not.toContain('seen_together');
    await alone.stop();
  });

  it('sees a state rebuilt under a new epoch', async () => {
    const learnedSource = async () =>
      (await ask(`scenario=product&productId=${lamp}`)).body.items.some(
        ({ reason }) => reason.kind === 'seen_together',
      );
    expect(await learnedSource()).toBe(true);
    await redis.hset(similarityKeys.meta, { epoch: 'next' });
    await eventually(async () => !(await learnedSource()));
    await redis.hset(similarityKeys.meta, { epoch: 'test' });
    await eventually(learnedSource);
  });
});
