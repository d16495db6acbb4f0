import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import type { ReceivedEvent } from '#platform/messaging/events';
import { inTransaction } from '#platform/postgres/transaction';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { createBell } from '#platform/waiting/bell';
import type { EventMap, EventType } from '#schemas/events';
import { reactions } from './reactions.js';
import { createReviewStore } from './review-store.js';
import { reviewRoutes } from './routes.js';
import { createShopFacts } from './shop-facts-store.js';

/** The endpoints of reviews on a real database. */

const host = testHost('review-test');
/** `<role> <userId>`: whoever says so is it. */
const auth: Authenticator = {
  principalOf: async (authorization) => {
    const [role, userId] = (authorization ?? '').split(' ');
    return role && userId ? { kind: 'user', userId, roles: [role] } : { kind: 'anonymous' };
  },
};
let scratch: ScratchDatabase;
let app: HttpApp;
const published: { type: string; value: Record<string, unknown> }[] = [];

beforeAll(async () => {
  scratch = await scratchDatabase(['platform/outbox/migrations', 'services/review/migrations']);
  app = createHttpServer(host, { port: 0, title: 'review', auth }).app;
  const events = {
    event: (type: string, key: string, value: object) => {
      published.push({ type, value: value as Record<string, unknown> });
      return { topic: type, key, value: Buffer.from(JSON.stringify(value)), headers: {} };
    },
  };
  reviewRoutes(app, scratch.db, createReviewStore({ events, clock: host.clock }));
});
afterAll(() => scratch.drop());

const react = <T extends EventType>(type: T, value: object) =>
  inTransaction(scratch.db, async (tx) => {
    await reactions(createShopFacts())[type]?.(tx, { type, value } as ReceivedEvent<T, EventMap[T]>);
  });
const ask = async (method: 'GET' | 'POST' | 'PATCH', url: string, as?: string, body?: object) => {
  const answer = await app.inject({
    method,
    url,
    headers: as === undefined ? {} : { authorization: as },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, body: answer.json() };
};

const customer = () => `customer ${randomUUID()}`;
const idOf = (caller: string) => caller.split(' ')[1] as string;
const moderator = `support ${randomUUID()}`;
const product = async (): Promise<string> => {
  const productId = randomUUID();
  await react('ProductCreated', { productId, version: 1, active: true });
  return productId;
};
const words = { rating: 4, title: 'Bright', text: 'Burns for hours.' };
const submit = (productId: string, as?: string, body: object = words) =>
  ask('POST', `/api/products/${productId}/reviews`, as, body);
const approve = (id: string, status = 'approved') =>
  ask('PATCH', `/api/reviews/${id}`, moderator, { status });
const ratings = (productId: string) =>
  published.filter(({ type, value }) => type === 'ProductRated' && value.productId === productId);

describe('a review', () => {
  it('is written once by a person, however often and fast it is sent', async () => {
    const productId = await product();
    const author = customer();
    const statuses = (await Promise.all([1, 2, 3, 4].map(() => submit(productId, author)))).map(
      ({ status }) => status,
    );
    expect(statuses.sort()).toEqual([201, 409, 409, 409]);
    expect((await submit(productId, customer())).status).toBe(201);
    expect((await submit(productId)).status).toBe(401);
    expect(published.filter(({ value }) => value.productId === productId)).toHaveLength(2);
  });

  it.each([
    {},
    { ...words, rating: 0 },
    { ...words, rating: 4.5 },
    { ...words, title: '' },
    { ...words, stars: 5 },
  ])('is refused as %o', async (body) =>
    expect((await submit(await product(), customer(), body)).status).toBe(400),
  );

  it('is of a product that is sold', async () => {
    const productId = await product();
    expect((await submit(randomUUID(), customer())).status).toBe(404);
    await react('ProductUpdated', { productId, version: 2, active: false });
    expect((await submit(productId, customer())).status).toBe(404);
    expect((await ask('GET', `/api/products/${productId}/reviews`)).status).toBe(404);
    await react('ProductUpdated', { productId, version: 3, active: true });
    await react('ProductUpdated', { productId, version: 2, active: false });
    expect((await submit(productId, customer())).status).toBe(201);
    await react('ProductDeleted', { productId, version: 4 });
    expect((await submit(productId, customer())).status).toBe(404);
  });

  it('is verified by a confirmed order, before it or after it', async () => {
    const productId = await product();
    const [before, after, never] = [customer(), customer(), customer()];
    const buy = (userId: string | null) =>
      react('OrderConfirmed', { userId, lines: [{ productId }, { productId }] });
    await buy(idOf(before));
    await buy(null);
    expect((await submit(productId, before)).body).toMatchObject({
      verifiedPurchase: true,
      status: 'pending',
    });
    const { body } = await submit(productId, after);
    expect(body.verifiedPurchase).toBe(false);
    await buy(idOf(after));
    expect((await approve(body.id)).body.verifiedPurchase).toBe(true);
    expect((await submit(productId, never)).body.verifiedPurchase).toBe(false);
  });

  it('is verified, or wordless, also when it is written while the order is confirmed, or the account erased', async () => {
    const productId = await product();
    const meanwhile = async <T extends EventType>(type: T, value: object, author: string) => {
      const [noted, mayCommit] = [createBell(), createBell()];
      const noting = inTransaction(scratch.db, async (tx) => {
        await reactions(createShopFacts())[type]?.(tx, { type, value } as ReceivedEvent<T, EventMap[T]>);
        noted.ring();
        await mayCommit.wait(10_000);
      });
      await noted.wait(10_000);
      let isAnswered = false;
      const answer = submit(productId, author).finally(() => {
        isAnswered = true;
      });
      const waits = async () =>
        (
          await scratch.db.query(
            'SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())',
          )
        ).rows.length > 0;
      await eventually(async () => isAnswered || (await waits()));
      mayCommit.ring();
      await noting;
      return answer;
    };
    const [buyer, erased] = [customer(), customer()];
    const lines = [{ productId, quantity: 1 }];
    const confirmed = await meanwhile('OrderConfirmed', { userId: idOf(buyer), lines }, buyer);
    expect(confirmed.body.verifiedPurchase).toBe(true);
    expect((await meanwhile('UserErased', { userId: idOf(erased) }, erased)).status).toBe(401);
  });

  it('is shown to others when it is approved, and counts in the rating for as long as it is', async () => {
    const productId = await product();
    const author = customer();
    const { body } = await submit(productId, author);
    const list = async (as?: string) => (await ask('GET', `/api/products/${productId}/reviews`, as)).body;
    expect((await list()).items).toEqual([]);
    expect((await list(author)).items).toMatchObject([
      { id: body.id, status: 'pending', userId: idOf(author) },
    ]);
    for (const _ of [1, 2]) expect((await approve(body.id)).status).toBe(200);
    const other = await submit(productId, customer(), { ...words, rating: 1 });
    await approve(other.body.id);
    expect(await list()).toMatchObject({
      items: [{ rating: 1, userId: null }, { rating: 4 }],
      rating: { average: 2.5, count: 2 },
    });
    await approve(other.body.id, 'rejected');
    expect(await list()).toMatchObject({ items: [{ id: body.id }], rating: { average: 4, count: 1 } });
    expect(
      ratings(productId).map(({ value: { ratingVersion, sum, count } }) => [ratingVersion, sum, count]),
    ).toEqual([
      [1, 4, 1],
      [2, 5, 2],
      [3, 4, 1],
    ]);
  });

  it('is approved once by several moderators at once', async () => {
    const productId = await product();
    const ids = await Promise.all([1, 2, 3].map(async () => (await submit(productId, customer())).body.id));
    await Promise.all([...ids, ...ids, ...ids].map((id) => approve(id)));
    const last = ratings(productId)
      .map(({ value }) => value)
      .sort((a, b) => Number(b.ratingVersion) - Number(a.ratingVersion))[0];
    expect([ratings(productId).length, last]).toMatchObject([3, { ratingVersion: 3, sum: 12, count: 3 }]);
  });

  it('is moderated by staff alone, who see all', async () => {
    const productId = await product();
    const { body } = await submit(productId, customer());
    expect((await ask('PATCH', `/api/reviews/${body.id}`, customer(), { status: 'approved' })).status).toBe(
      403,
    );
    expect((await ask('GET', '/api/reviews', customer())).status).toBe(403);
    expect((await approve(randomUUID())).status).toBe(404);
    expect((await approve(body.id, 'best')).status).toBe(400);
    const waiting = await ask('GET', '/api/reviews?status=pending&limit=1', moderator);
    expect(waiting.body.items).toMatchObject([{ id: body.id, status: 'pending' }]);
    const next = await ask(
      'GET',
      `/api/reviews?status=pending&limit=100&cursor=${waiting.body.next}`,
      moderator,
    );
    expect(next.body.items.map(({ id }: { id: string }) => id)).not.toContain(body.id);
  });

  it('is in its author’s own list, whatever became of it', async () => {
    const [author, another] = [customer(), customer()];
    const own: string[] = [];
    for (let nth = 0; nth < 2; nth += 1) own.unshift((await submit(await product(), author)).body.id);
    await submit(await product(), another);
    await approve(own[0] ?? '', 'rejected');
    const first = await ask('GET', '/api/users/me/reviews?limit=1', author);
    const second = await ask('GET', `/api/users/me/reviews?limit=1&cursor=${first.body.next}`, author);
    expect([first.body.items[0].id, second.body.items[0].id, second.body.next]).toEqual([...own, null]);
    expect(first.body.items[0].status).toBe('rejected');
    expect((await ask('GET', '/api/users/me/reviews')).status).toBe(401);
  });

  it('loses its words when its author is erased, and keeps its stars', async () => {
    const productId = await product();
    const author = customer();
    const { body } = await submit(productId, author);
    await approve(body.id);
    for (const _ of [1, 2]) await react('UserErased', { userId: idOf(author) });
    expect((await ask('GET', `/api/products/${productId}/reviews`)).body).toMatchObject({
      items: [{ title: '', text: '', rating: 4 }],
      rating: { average: 4, count: 1 },
    });
    expect((await submit(await product(), author)).status).toBe(401);
  });

  it('is of nobody who is known to have bought anything, once its author is erased', async () => {
    const [productId, later] = [await product(), await product()];
    const [author, other] = [customer(), customer()];
    for (const userId of [author, other].map(idOf))
      await react('OrderConfirmed', { userId, lines: [{ productId }] });
    await react('UserErased', { userId: idOf(author) });
    await react('OrderConfirmed', { userId: idOf(author), lines: [{ productId: later }] });
    const { rows } = await scratch.db.query('SELECT user_id FROM purchases WHERE product_id = ANY ($1)', [
      [productId, later],
    ]);
    expect(rows).toEqual([{ user_id: idOf(other) }]);
  });
});

describe('votes', () => {
  it('count each person once, by their last word, and order the list', async () => {
    const productId = await product();
    const author = customer();
    const [one, other] = [await submit(productId, author), await submit(productId, customer())];
    const vote = (id: string, as: string | undefined, helpful: unknown = true) =>
      ask('POST', `/api/reviews/${id}/votes`, as, { helpful } as object);
    const voter = customer();
    expect((await vote(one.body.id, voter)).status).toBe(404);
    for (const { body } of [one, other]) await approve(body.id);
    expect((await vote(one.body.id, undefined)).status).toBe(401);
    expect((await vote(one.body.id, author)).body.code).toBe('own_review');
    expect((await vote(one.body.id, voter, 'yes')).status).toBe(400);
    await Promise.all([1, 2, 3].map(() => vote(one.body.id, voter)));
    await vote(other.body.id, voter, true);
    expect((await vote(other.body.id, voter, false)).body.votes).toEqual({ helpful: 0, unhelpful: 1 });
    expect((await vote(one.body.id, customer())).body.votes).toEqual({ helpful: 2, unhelpful: 0 });
    const path = `/api/products/${productId}/reviews?sort=helpful&limit=1`;
    const first = await ask('GET', path);
    expect(first.body.items).toMatchObject([{ id: one.body.id }]);
    const second = await ask('GET', `${path}&cursor=${first.body.next}`);
    expect(second.body).toMatchObject({ items: [{ id: other.body.id }], next: null });
    const unsorted = await ask('GET', `/api/products/${productId}/reviews?cursor=${first.body.next}`);
    expect([unsorted.status, unsorted.body.code]).toEqual([400, 'invalid_cursor']);
    const [mark, place] = JSON.parse(Buffer.from(first.body.next, 'base64url').toString());
    const beyond = Buffer.from(JSON.stringify([mark, { ...place, helpful: 2 ** 40 }])).toString('base64url');
    expect((await ask('GET', `${path}&cursor=${beyond}`)).status).toBe(400);
  });
});
