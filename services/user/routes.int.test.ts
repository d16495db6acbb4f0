import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig } from '#platform/config';
import { remoteAuthenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase, type Database, serviceDatabaseUrl } from '#platform/postgres/pool';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { startService } from '#platform/testing/started-service';
import { testHost } from '#platform/testing/test-host';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { userConfig } from './config.js';
import { service } from './service.js';
import { refreshGraceMs, refreshLateMs } from './user.js';

const adminEmail = 'Root@Example.org';
const adminPassword = 'root root root';
const database = `user_test_${randomUUID().replaceAll('-', '')}`;
let url: string;
let host: RunnableHost;
let db: Database;
let clock: HandClock;

const start = async (): Promise<void> => {
  const { databaseUrl, kafka, schemaRegistryUrl } = engines();
  const config = loadConfig(userConfig, {
    USER_PORT: '0',
    DATABASE_URL: databaseUrl,
    ...kafkaEnv(kafka),
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    USER_DATABASE: database,
    ADMIN_EMAIL: adminEmail,
    ADMIN_PASSWORD: adminPassword,
  });
  host = testHost('user', { clock });
  url = await startService(service, config, host);
};

beforeAll(async () => {
  const { databaseUrl, kafka, schemaRegistryUrl } = engines();
  clock = handClock();
  const registry = createSchemaRegistry(schemaRegistryUrl);
  for (const { subject, schema } of [records.UserRegistered, records.UserRolesChanged])
    await registry.register(subject, schema);
  const admin = await connectBroker(testHost(), kafka).admin();
  await admin.createTopics([{ topic: topics.users.topic, partitions: topics.users.partitions }]);
  await admin.close();
  await start();
  db = createDatabase(testHost(), { url: serviceDatabaseUrl(databaseUrl, database), poolMax: 2 });
});

afterAll(async () => {
  await host.stop();
  await db.stop();
  const server = createDatabase(testHost(), { url: engines().databaseUrl, poolMax: 1 });
  await server.query(`DROP DATABASE IF EXISTS cartstream_${database} WITH (FORCE)`);
  await server.stop();
});

type Answer = { status: number; headers: Headers; body: Record<string, unknown> };

const call = async (
  method: string,
  path: string,
  options: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
): Promise<Answer> => {
  const answer = await fetch(url + path, {
    method,
    headers: {
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) };
};

const login = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  user: z.object({ id: z.string(), email: z.string(), roles: z.array(z.string()) }),
});
const someone = () => ({ email: `${randomUUID()}@example.org`, password: 'correct horse', name: 'Ann' });
const register = async (account = someone()) =>
  login.parse((await call('POST', '/api/auth/register', { body: account })).body);
const logIn = (email: string, password: string) =>
  call('POST', '/api/auth/login', { body: { email, password } });
const asAdmin = async () => login.parse((await logIn(adminEmail, adminPassword)).body);
const refresh = (refreshToken: string) => call('POST', '/api/auth/refresh', { body: { refreshToken } });

describe('an account', () => {
  it('is opened once for an address, however it is written', async () => {
    const account = someone();
    const first = await call('POST', '/api/auth/register', { body: account });
    expect(first.status).toBe(201);
    expect(first.body.user).toMatchObject({ email: account.email, name: 'Ann', roles: ['customer'] });
    expect(first.body.user).not.toHaveProperty('password');
    const again = { ...account, email: account.email.toUpperCase() };
    const second = await call('POST', '/api/auth/register', { body: again });
    expect([second.status, second.body.code]).toEqual([409, 'email_taken']);
  });

  it('opened twenty times at once exists once', async () => {
    const account = someone();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call('POST', '/api/auth/register', { body: account })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
  });

  it('is told to others without name or address, in the transaction that opens it', async () => {
    const { user } = await register();
    const { rows } = await db.query<{ value: Buffer; headers: Record<string, string> }>(
      'SELECT value, headers FROM outbox WHERE topic = $1 AND key = $2',
      [topics.users.topic, user.id],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.headers).toMatchObject({
      'event-id': expect.any(String),
      'correlation-id': expect.any(String),
    });
    expect(rows[0]?.value.toString('latin1')).not.toContain('example.org');
    await eventually(async () => {
      const { rows: left } = await db.query<{ n: number }>('SELECT outbox_unpublished() AS n');
      return left[0]?.n === 0;
    });
  });

  it('is the same account after a restart, and its tokens stay good', async () => {
    const account = someone();
    const { accessToken } = await register(account);
    await host.stop();
    await start();
    expect((await call('GET', '/api/users/me', { token: accessToken })).status).toBe(200);
    expect((await logIn(account.email, account.password)).status).toBe(200);
  });

  it('can be renamed by its owner, not from a version that is gone', async () => {
    const { accessToken: token } = await register();
    const etag = (await call('GET', '/api/users/me', { token })).headers.get('etag') ?? '';
    const renamed = await call('PATCH', '/api/users/me', {
      token,
      body: { name: 'Bo' },
      headers: { 'if-match': etag },
    });
    expect([renamed.status, renamed.body.name]).toEqual([200, 'Bo']);
    const stale = await call('PATCH', '/api/users/me', {
      token,
      body: { name: 'Cy' },
      headers: { 'if-match': etag },
    });
    expect([stale.status, stale.body.code]).toEqual([412, 'stale_version']);
    const cached = await call('GET', '/api/users/me', {
      token,
      headers: { 'if-none-match': renamed.headers.get('etag') ?? '' },
    });
    expect(cached.status).toBe(304);
  });
});

describe('a login', () => {
  it('answers an unknown address as it answers a wrong password', async () => {
    const account = someone();
    await register(account);
    const [wrong, unknown] = await Promise.all([
      logIn(account.email, 'wrong horse'),
      logIn('nobody@example.org', 'wrong horse'),
    ]);
    const shown = ({ status, headers, body: { correlationId: _id, ...body } }: Answer) => ({
      status,
      body,
      challenge: headers.get('www-authenticate'),
    });
    expect(shown(wrong)).toEqual(shown(unknown));
    expect(wrong.status).toBe(401);
  });

  it('gives a token that another service can verify by the published keys', async () => {
    const { accessToken, user } = await register();
    const elsewhere = createHttpServer(testHost('other'), {
      port: 0,
      title: 'Other',
      auth: remoteAuthenticator(
        { userUrls: ['http://127.0.0.1:1', url], tokenIssuer: 'cartstream', tokenAudience: 'cartstream-api' },
        clock,
      ),
    });
    elsewhere.app.get('/who', { access: 'user' }, async (request) => request.principal);
    const answer = await elsewhere.app.inject({
      url: '/who',
      headers: { authorization: `Bearer ${accessToken}` },
    });
    expect(answer.json()).toEqual({ kind: 'user', userId: user.id, roles: ['customer'] });
    const { body } = await call('GET', '/.well-known/jwks.json');
    expect(JSON.stringify(body)).not.toContain('"d"');
  });

  it('goes on by refreshing: each token is traded for the next', async () => {
    const first = await register();
    const second = login.parse((await refresh(first.refreshToken)).body);
    const third = await refresh(second.refreshToken);
    expect(third.status).toBe(200);
    expect(new Set([first.refreshToken, second.refreshToken, third.body.refreshToken]).size).toBe(3);
  });

  it('goes on as one when its token is traded several times at once, or again after a lost answer', async () => {
    const { refreshToken } = await register();
    const together = await Promise.all(Array.from({ length: 5 }, () => refresh(refreshToken)));
    expect(together.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    clock.advanceMs(refreshGraceMs);
    const late = await refresh(refreshToken);
    const next = new Set([...together, late].map(({ body }) => body.refreshToken));
    expect(next.size).toBe(1);
    expect(next).not.toContain(refreshToken);
    const [successor = ''] = next;
    expect((await refresh(String(successor))).status).toBe(200);
  });

  it.each([11_000, 5 * 60_000, 3 * 60 * 60_000])(
    'goes on in the active tab and in the one that is %d ms late',
    async (lateMs) => {
      const { refreshToken } = await register();
      const active = login.parse((await refresh(refreshToken)).body);
      clock.advanceMs(lateMs);
      const late = await refresh(refreshToken);
      expect([late.status, late.body.refreshToken]).toEqual([200, active.refreshToken]);
      expect((await refresh(active.refreshToken)).status).toBe(200);
    },
  );

  it('goes on in the active tab when another comes with a token from before the last', async () => {
    const { refreshToken } = await register();
    const second = login.parse((await refresh(refreshToken)).body);
    const active = login.parse((await refresh(second.refreshToken)).body);
    clock.advanceMs(refreshGraceMs + 1000);
    expect((await refresh(refreshToken)).body.code).toBe('invalid_refresh_token');
    expect((await refresh(active.refreshToken)).status).toBe(200);
  });

  it('ends for everybody when a token comes back that the login left behind long ago', async () => {
    const first = await register();
    const second = login.parse((await refresh(first.refreshToken)).body);
    const third = login.parse((await refresh(second.refreshToken)).body);
    clock.advanceMs(refreshLateMs + 1);
    expect((await refresh(first.refreshToken)).status).toBe(401);
    const heir = await refresh(third.refreshToken);
    expect([heir.status, heir.body.code]).toEqual([401, 'invalid_refresh_token']);
  });

  it('ends at logout, and logging out twice is no error', async () => {
    const { refreshToken } = await register();
    const logOut = () => call('POST', '/api/auth/logout', { body: { refreshToken } });
    expect([(await logOut()).status, (await logOut()).status]).toEqual([204, 204]);
    expect((await refresh(refreshToken)).status).toBe(401);
  });

  it('works although the browser still sends the token that has expired', async () => {
    const account = someone();
    const { accessToken, refreshToken } = await register(account);
    clock.advanceMs(16 * 60_000);
    expect((await call('GET', '/api/users/me', { token: accessToken })).body.code).toBe('token_expired');
    const answer = await call('POST', '/api/auth/refresh', { body: { refreshToken }, token: accessToken });
    expect(answer.status).toBe(200);
  });

  it('is 503 rather than a queue without end', async () => {
    const answers = await Promise.all(
      Array.from({ length: 120 }, () => logIn('nobody@example.org', 'x'.repeat(8))),
    );
    const busy = answers.filter(({ status }) => status === 503);
    expect(busy.length).toBeGreaterThan(0);
    expect(busy[0]?.headers.get('retry-after')).toBe('2');
    expect(answers.every(({ status }) => status === 401 || status === 503)).toBe(true);
  });
});

describe('an admin', () => {
  it('is there from the start, with the password of the configuration', async () => {
    const { user } = await asAdmin();
    expect(user).toMatchObject({ email: 'root@example.org', roles: ['customer', 'admin'] });
  });

  it('gives roles, which the next login has', async () => {
    const account = someone();
    const { user } = await register(account);
    const { accessToken: token } = await asAdmin();
    const roles = ['analyst', 'customer'];
    const changed = await call('PUT', `/api/users/${user.id}/roles`, { token, body: { roles } });
    expect([changed.status, changed.body.roles]).toEqual([200, ['customer', 'analyst']]);
    const { body } = await logIn(account.email, account.password);
    expect(body.user).toMatchObject({ roles: ['customer', 'analyst'] });
  });

  it('cannot be the last to go', async () => {
    const { accessToken: token, user } = await asAdmin();
    const answer = await call('PUT', `/api/users/${user.id}/roles`, { token, body: { roles: ['customer'] } });
    expect([answer.status, answer.body.code]).toEqual([409, 'last_admin']);
  });

  it('sees every account once, page by page; others see none', async () => {
    const { accessToken: customer } = await register();
    expect((await call('GET', '/api/users', { token: customer })).status).toBe(403);
    expect((await call('GET', '/api/users')).status).toBe(401);
    const { accessToken: token } = await asAdmin();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const answer = await call('GET', `/api/users?limit=3${query}`, { token });
      const page = answer.body as { items: { id: string }[]; next: string | null };
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    }
    const { rows } = await db.query<{ n: number }>('SELECT count(*) AS n FROM users');
    expect([seen.length, new Set(seen).size]).toEqual([rows[0]?.n, rows[0]?.n]);
  });
});
