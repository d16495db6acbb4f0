import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { codeOf } from '#schemas/experiments';
import { labelOf } from '#schemas/recommendation-label';
import { catalogueOf } from '../local/catalogue/catalogue.js';
import { shopClient } from '../local/shop-client.js';
import { createAssortment } from '../local/shoppers/assortment.js';
import { countsOf, defineExperiment, reportOf, runVisits, totalsOf } from '../local/shoppers/trial.js';
import { readRunFile, shopAt } from './shop.js';

type Recommendations = {
  recommendationId: string;
  asOf: string;
  items: { productId: string; score: number; reason: { kind: string; because: string[] } }[];
};

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
let admin: string;

beforeAll(async () => {
  admin = await shop.login(run.adminEmail, run.adminPassword);
});

const recommend = async (query: string, token?: string): Promise<Recommendations> => {
  const { status, body } = await shop.call<Recommendations>('GET', `/api/recommendations?${query}`, {
    token,
  });
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
};
const idsIn = async (query: string, token?: string) =>
  (await recommend(query, token)).items.map(({ productId }) => productId);

const look = async (visitId: string, productIds: readonly string[], token?: string) => {
  const events = productIds.map((productId, nth) => ({
    type: 'product_viewed',
    visitId,
    productId,
    occurredAt: new Date(Date.now() - 1000 + nth).toISOString(),
  }));
  const answer = await shop.call<{ accepted: number }>('POST', '/api/events', { token, body: { events } });
  expect(answer.status).toBe(202);
  expect(answer.body.accepted).toBe(productIds.length);
};

const twoProducts = () =>
  Promise.all([
    shop.createProduct(admin, { initialStock: 5 }),
    shop.createProduct(admin, { initialStock: 5, category: 'garden/plants' }),
  ]);

describe('recommendations', () => {
  it('learn from one visit within 5 s that two products go together', async () => {
    const [lamp, fern] = await twoProducts();
    await eventually(
      async () => (await idsIn('scenario=home&category=garden/plants&limit=100')).includes(fern),
      {
        timeoutMs: 5_000,
        message: 'the new product to be known',
      },
    );
    const toldAtMs = performance.now();
    await look(randomUUID(), [lamp, fern]);
    const answer = await eventually(
      async () => {
        const found = await recommend(`scenario=product&productId=${lamp}&limit=5`);
        expect(found.items[0]?.productId).toBe(fern);
        return found;
      },
      { timeoutMs: 5_000, everyMs: 20, message: 'the neighbour' },
    );
    const learnedMs = performance.now() - toldAtMs;
    expect(answer.items[0]?.reason).toEqual({ kind: 'seen_together', because: [lamp] });
    expect(learnedMs).toBeLessThan(5_000);
    process.stdout.write(`a new pair is a neighbour after ${Math.round(learnedMs)} ms\n`);
  });

  it('answer every scenario, and have a new product among the new arrivals and its like within 5 s', async () => {
    const [lamp, fern] = await twoProducts();
    const startedAtMs = performance.now();
    await eventually(
      async () => (await idsIn('scenario=new-arrivals&category=garden/plants&limit=100')).includes(fern),
      {
        timeoutMs: 5_000,
        everyMs: 50,
        message: 'the new arrival',
      },
    );
    process.stdout.write(
      `a new product is among the new arrivals after ${Math.round(performance.now() - startedAtMs)} ms\n`,
    );
    for (const scenario of ['similar', 'cart', 'reorder', 'trending']) {
      const list = await idsIn(`scenario=${scenario}&productId=${lamp}&productIds=${lamp}`);
      expect(list.length, scenario).toBeGreaterThan(0);
      expect(list, scenario).not.toContain(lamp);
    }
  });

  it('of a cart go with the caller’s own where none is named, and have nothing of it', async () => {
    const [lamp, fern] = await twoProducts();
    await look(randomUUID(), [lamp, fern]);
    const { token } = await shop.registerCustomer();
    const items = [{ productId: lamp, quantity: 1 }];
    expect((await shop.call('PUT', '/api/cart', { token, body: { items } })).status).toBe(200);
    const becauseOf = async (owner?: string) =>
      (await recommend('scenario=cart&limit=100', owner)).items.flatMap(({ reason }) => reason.because);
    await eventually(async () => expect(await becauseOf(token)).toContain(lamp), { timeoutMs: 5_000 });
    expect(await idsIn('scenario=cart&limit=100', token)).not.toContain(lamp);
    expect(await becauseOf()).not.toContain(lamp);
  });

  it('at home follow nobody who merely names a visitor', async () => {
    const [lamp, fern] = await twoProducts();
    const visitor = await shop.registerCustomer();
    const view = (productId: string) => ({
      type: 'product_viewed',
      visitId: randomUUID(),
      userId: visitor.userId,
      productId,
      occurredAt: new Date().toISOString(),
    });
    const sent = await shop.call('POST', '/api/events', { body: { events: [view(lamp)] } });
    expect([sent.status, sent.body]).toEqual([202, { accepted: 1, errors: [] }]);
    const own = view(fern);
    await shop.call('POST', '/api/events', { token: visitor.token, body: { events: [own] } });
    await shop.call('POST', '/api/events', {
      body: { events: [{ ...own, userId: undefined, productId: lamp }] },
    });
    const reasons = async () =>
      (await recommend('scenario=home&limit=100', visitor.token)).items.flatMap(
        ({ reason }) => reason.because,
      );
    // What came after the forged event was learned, and what is learned of a visitor is the visitor's own.
    await eventually(async () => (await reasons()).includes(fern), { timeoutMs: 10_000 });
    expect(await reasons()).not.toContain(lamp);
  });

  it('at home follow what this visitor looked at, and show it to nobody else', async () => {
    const [lamp, fern] = await twoProducts();
    const visitor = await shop.registerCustomer();
    await look(randomUUID(), [lamp, fern]);
    await look(randomUUID(), [lamp], visitor.token);
    const because = async (query: string, token?: string) =>
      (await recommend(query, token)).items.flatMap(({ reason }) => reason.because);
    await eventually(async () => (await because('scenario=home', visitor.token)).includes(lamp));
    const other = await shop.registerCustomer();
    expect(await because(`scenario=home&userId=${visitor.userId}`)).not.toContain(lamp);
    expect(await because(`scenario=home&userId=${visitor.userId}`, other.token)).not.toContain(lamp);
    expect(await because(`scenario=home&userId=${visitor.userId}`, admin)).toContain(lamp);
  });

  it('never show what has sold out, nor to its buyer what was bought', async () => {
    const lamp = await shop.createProduct(admin, { initialStock: 5 });
    const last = await shop.createProduct(admin, { initialStock: 1 });
    const bought = await shop.createProduct(admin, { initialStock: 5 });
    await look(randomUUID(), [lamp, last, bought]);
    const query = `scenario=product&productId=${lamp}&limit=100`;
    await eventually(async () => {
      const found = await idsIn(query);
      return found.includes(last) && found.includes(bought);
    });
    const buyer = await shop.registerCustomer();
    const placed = await shop.placeOrder({
      token: buyer.token,
      items: [
        { productId: last, quantity: 1 },
        { productId: bought, quantity: 1 },
      ],
    });
    expect((await shop.settled(placed.body.id, buyer.token)).status).toBe('confirmed');
    await eventually(async () => !(await idsIn(query)).includes(last), { timeoutMs: 5_000 });
    await eventually(async () => !(await idsIn(query, buyer.token)).includes(bought), { timeoutMs: 5_000 });
    for (const asked of [`${query}&userId=${buyer.userId}`, `scenario=home&limit=100&userId=${buyer.userId}`])
      expect(await idsIn(asked)).not.toContain(bought);
    expect(await idsIn(query)).toContain(bought);
  });

  it('follow within 2 s the rules that staff set, and are explained to staff by the same rules', async () => {
    const [lamp, fern] = await twoProducts();
    const query = `scenario=product&productId=${lamp}&limit=100`;
    await look(randomUUID(), [lamp, fern]);
    await eventually(async () => (await idsIn(query)).includes(fern), { timeoutMs: 5_000 });
    const path = '/api/recommendations/rules';
    const before = await shop.call<Record<string, unknown>>('GET', path, { token: admin });
    const set = async (rules: Record<string, unknown>) => {
      const { headers } = await shop.call('GET', path, { token: admin });
      const ifMatch = { 'if-match': headers.get('etag') ?? '' };
      expect((await shop.call('PUT', path, { token: admin, body: rules, headers: ifMatch })).status).toBe(
        200,
      );
    };
    await set({ ...before.body, exclude: [{ productId: fern }] });
    await eventually(async () => !(await idsIn(query)).includes(fern), { timeoutMs: 2_000, everyMs: 50 });
    type Explained = { candidates: { productId: string; removedBy: string | null }[] };
    const { body } = await shop.call<Explained>('GET', `/api/recommendations/explain?${query}`, {
      token: admin,
    });
    expect(body.candidates.find(({ productId }) => productId === fern)?.removedBy).toBe('exclude[0]');
    await set(before.body);
    await eventually(async () => (await idsIn(query)).includes(fern), { timeoutMs: 2_000, everyMs: 50 });
  });

  it('are never empty and never an error, for whomever and whatever is named', async () => {
    for (const query of [
      'scenario=home',
      `scenario=home&userId=${randomUUID()}`,
      `scenario=home&visitId=${randomUUID()}&userId=nobody`,
      `scenario=product&productId=${randomUUID()}`,
      'scenario=product&productId=nothing',
    ]) {
      const { items, asOf } = await recommend(query);
      expect(items.length, query).toBeGreaterThan(0);
      expect(Date.parse(asOf)).toBeLessThanOrEqual(Date.now());
    }
  });

  it('honour limit, exclude and category', async () => {
    const some = await idsIn('scenario=home&limit=7');
    expect(some).toHaveLength(7);
    const others = await idsIn(`scenario=home&limit=7&exclude=${some.join(',')}`);
    for (const productId of some) expect(others).not.toContain(productId);
    const answer = await shop.call<{ items: { id: string; category: string }[] }>(
      'GET',
      '/api/products?limit=1',
    );
    const category = answer.body.items[0]?.category ?? '';
    for (const productId of await idsIn(`scenario=home&limit=3&category=${category}`)) {
      const product = await shop.call<{ category: string }>('GET', `/api/products/${productId}`);
      expect(product.body.category).toBe(category);
    }
    const refused = await shop.call('GET', '/api/recommendations?scenario=home&limit=101');
    expect(refused.status).toBe(400);
  });
});

describe('an experiment of recommendations', () => {
  it('reports of each arm what shoppers did, to the last click', async () => {
    const client = shopClient(run.gateway, { connectionsMax: 6, traceRatio: 0 });
    const catalogue = catalogueOf(200);
    const assortment = createAssortment(client, catalogue);
    await assortment.refresh();
    const id = `of-a-test-${randomUUID().slice(0, 8)}`;
    // Equal arms, so that other tests on this platform get the same lists.
    const arms = ['one', 'other'].map((name) => ({ name, model: 'live' as const, percent: 50 }));
    const experiment = { id, unit: 'visit' as const, metric: 'clicked' as const, isRunning: true, arms };
    await defineExperiment(client, admin, id, { ...experiment, scenarios: ['product'] });
    await eventually(
      async () => {
        const { recommendationId } = await recommend(`scenario=product&productId=x&visitId=${randomUUID()}`);
        return labelOf(recommendationId)?.experiment?.code === codeOf(id);
      },
      { timeoutMs: 2_000, everyMs: 50, message: 'the experiment to be applied' },
    );
    const world = { shop: client, catalogue, assortment, nowMs: Date.now };
    const outcomes = await runVisits(world, { count: 12, atOnce: 6, seed: Date.now() % 1_000_000_000 });
    await eventually(
      async () => expect(countsOf(await reportOf(client, admin, id))).toEqual(totalsOf(outcomes)),
      {
        timeoutMs: 20_000,
        everyMs: 500,
      },
    );
    await defineExperiment(client, admin, id, null);
    await client.close();
  });
});
