import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { testHost } from '#platform/testing/test-host';
import type { Authenticator } from './auth.js';
import type { HttpApp } from './http-app.js';
import { idempotencyMigrations, idempotent, idempotentIfKeyed } from './idempotency.js';
import { problem } from './problem-details.js';
import { createHttpServer } from './server.js';

const name = `test_idempotency_${randomUUID().replaceAll('-', '')}`;
let db: Database;
let app: HttpApp;
let onEffect: () => Promise<void>;

const auth: Authenticator = {
  principalOf: async (who = 'nobody') => ({ kind: 'user', userId: who, roles: [] }),
};

beforeAll(async () => {
  const url = new URL(engines().databaseUrl);
  url.pathname = `/${name}`;
  db = createDatabase(testHost(), {
    url: url.toString(),
    poolMax: 10,
    migrations: [projectPath(idempotencyMigrations)],
  });
  await db.start();
  await db.query('CREATE TABLE effects (note text NOT NULL)');
  app = createHttpServer(testHost(), { port: 0, title: 'x', auth }).app;
  const body = z.strictObject({ note: z.string().max(99), more: z.int().optional() });
  for (const url of ['/effects', '/effects/:id'])
    app.post(
      url,
      {
        access: 'user',
        requires: ['idempotency-key'],
        schema: {
          params: z.strictObject({ id: z.string().max(99).optional() }),
          body,
          response: { 201: z.object({ id: z.string() }) },
        },
      },
      async (request, reply) =>
        idempotent(db, request, reply, async (tx) => {
          await tx.query('INSERT INTO effects VALUES ($1)', [request.body.note]);
          await onEffect();
          return { status: 201, body: { id: randomUUID() }, headers: { location: '/effects/1' } };
        }),
    );
  app.post(
    '/optional',
    {
      access: 'user',
      accepts: ['idempotency-key'],
      schema: { body, response: { 201: z.object({ id: z.string() }) } },
    },
    async (request, reply) =>
      idempotentIfKeyed(db, request, reply, async (tx) => {
        await tx.query('INSERT INTO effects VALUES ($1)', [request.body.note]);
        return { status: 201, body: { id: randomUUID() }, headers: { location: '/effects/1' } };
      }),
  );
  app.post(
    '/secrets',
    {
      access: 'user',
      requires: ['idempotency-key'],
      schema: {
        headers: z.object({ 'x-token': z.string().max(99).optional() }),
        body,
        response: { 201: z.object({ id: z.string(), token: z.string().optional() }) },
      },
    },
    async (request, reply) => {
      const presented = request.headers['x-token'];
      const effect = async () => ({
        status: 201,
        body: { id: randomUUID() },
        secret: { field: 'token', value: presented ?? randomUUID() },
      });
      return idempotent(db, request, reply, effect, { caller: 'guest', presented });
    },
  );
  onEffect = async () => {};
});

afterAll(async () => {
  await db.stop();
  const admin = createDatabase(testHost(), { url: engines().databaseUrl, poolMax: 1 });
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.stop();
});

const post = (key: string, payload: object, who = 'ann', url = '/effects') =>
  app.inject({
    method: 'POST',
    url,
    headers: { 'idempotency-key': key, authorization: who },
    payload,
  });
const effects = async (note: string) =>
  (await db.query<{ n: number }>('SELECT count(*) AS n FROM effects WHERE note = $1', [note])).rows[0]?.n;

describe('a request with an idempotency key', () => {
  it('has its effect once and the same answer every time', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    const first = await post(key, { note, more: 1 });
    const again = await post(key, { more: 1, note });
    expect([again.statusCode, again.body, again.headers.location]).toEqual([201, first.body, '/effects/1']);
    expect([first.headers['idempotency-replayed'], again.headers['idempotency-replayed']]).toEqual([
      undefined,
      'true',
    ]);
    expect(await effects(note)).toBe(1);
  });

  it('that was answered gets its answer also when many repeats come at once', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    const first = await post(key, { note });
    const repeats = await Promise.all(Array.from({ length: 12 }, () => post(key, { note })));
    expect(new Set(repeats.map(({ statusCode, body }) => `${statusCode} ${body}`))).toEqual(
      new Set([`201 ${first.body}`]),
    );
  });

  it('may be sent without one where the route says so, and then has its effect each time', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    const send = (headers: Record<string, string>) =>
      app.inject({
        method: 'POST',
        url: '/optional',
        headers: { authorization: 'ann', ...headers },
        payload: { note },
      });
    const first = await send({ 'idempotency-key': key });
    const again = await send({ 'idempotency-key': key });
    expect([again.statusCode, again.body]).toEqual([201, first.body]);
    expect([again.headers['idempotency-replayed'], await effects(note)]).toEqual(['true', 1]);
    const without = [await send({}), await send({})];
    expect(without.map(({ statusCode, headers: { location } }) => [statusCode, location])).toEqual([
      [201, '/effects/1'],
      [201, '/effects/1'],
    ]);
    expect(await effects(note)).toBe(3);
    expect((await send({ 'idempotency-key': 'two words' })).json().code).toBe('invalid_header');
  });

  it('is 422 with another body, and another caller has keys of his own', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    await post(key, { note });
    const other = await post(key, { note, more: 2 });
    expect([other.statusCode, other.json().code]).toEqual([422, 'idempotency_key_reused']);
    expect((await post(key, { note }, 'bob')).statusCode).toBe(201);
    expect(await effects(note)).toBe(2);
  });

  it('is 422 for another thing, though the body is the same', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    for (const [id, status] of [
      ['one', 201],
      ['two', 422],
      ['one', 201],
    ] as const)
      expect((await post(key, { note }, 'ann', `/effects/${id}`)).statusCode).toBe(status);
    expect((await post(key, { note })).statusCode).toBe(422);
    expect(await effects(note)).toBe(1);
  });

  it('sent many times at once has its effect once; those that come too early are 409', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let arrived = (): void => {};
    const running = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    onEffect = () => {
      arrived();
      return held;
    };
    const first = post(key, { note });
    await running;
    const early = await Promise.all([1, 2, 3].map(() => post(key, { note })));
    expect(early.map((answer) => [answer.statusCode, answer.json().code])).toEqual(
      [1, 2, 3].map(() => [409, 'request_in_progress']),
    );
    onEffect = async () => {};
    letGo();
    expect((await first).statusCode).toBe(201);
    expect((await post(key, { note })).body).toBe((await first).body);
    expect(await effects(note)).toBe(1);
  });

  it('that failed has had no effect, and may be tried again', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    onEffect = async () => {
      throw problem(409, 'out_of_stock', 'gone');
    };
    expect((await post(key, { note })).json().code).toBe('out_of_stock');
    expect(await effects(note)).toBe(0);
    onEffect = async () => {};
    expect((await post(key, { note })).statusCode).toBe(201);
    expect(await effects(note)).toBe(1);
  });

  it('gives its secret again to whoever presents it, and to nobody else', async () => {
    const [note, token] = [randomUUID(), randomUUID()];
    const ask = async (key: string, headers: Record<string, string> = {}) =>
      (
        await app.inject({
          method: 'POST',
          url: '/secrets',
          headers: { 'idempotency-key': key, authorization: 'ann', ...headers },
          payload: { note },
        })
      ).json();
    for (const chosen of [undefined, token]) {
      const key = randomUUID();
      const first = await ask(key, chosen === undefined ? {} : { 'x-token': chosen });
      expect(first).toEqual({ id: expect.any(String), token: chosen ?? expect.any(String) });
      expect(await ask(key, { 'x-token': first.token })).toEqual(first);
      expect(await ask(key)).toEqual({ id: first.id });
      expect(await ask(key, { 'x-token': randomUUID() })).toEqual({ id: first.id });
      const { rows } = await db.query('SELECT * FROM idempotency_keys WHERE key = $1', [key]);
      expect(JSON.stringify(rows)).not.toContain(first.token);
    }
  });

  it('is forgotten after a day, and so are those before it', async () => {
    const [key, note] = [randomUUID(), randomUUID()];
    await post(key, { note });
    await db.query(`UPDATE idempotency_keys SET created_at = now() - interval '25 hours'`);
    expect((await post(key, { note, more: 2 })).statusCode).toBe(201);
    for (let keys = 0; keys < 16; keys += 1) await post(randomUUID(), { note });
    const { rows } = await db.query<{ n: number }>('SELECT count(*) AS n FROM idempotency_keys');
    expect(rows[0]?.n).toBe(17);
  });
});
