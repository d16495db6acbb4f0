import { randomUUID } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig } from '#platform/config';
import { remoteAuthenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createEventReader, type EventReader, type ReceivedEvent } from '#platform/messaging/events';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase, type Database, serviceDatabaseUrl } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { startService } from '#platform/testing/started-service';
import { testHost } from '#platform/testing/test-host';
import { type EventMap, records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { publishes } from './announcements.js';
import { userConfig } from './config.js';
import { service } from './service.js';

const adminEmail = 'Root@Example.org';
const adminPassword = 'root root root';
const database = `user_test_${randomUUID().replaceAll('-', '')}`;
let url: string;
let host: RunnableHost;
let db: Database;
let clock: HandClock;
let reader: EventReader;

const start = async (admin = { email: adminEmail, password: adminPassword }): Promise<void> => {
  const { databaseUrl, kafka, schemaRegistryUrl, redisUrl } = engines();
  const config = loadConfig(userConfig, {
    USER_PORT: '0',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    ...kafkaEnv(kafka),
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    USER_DATABASE: database,
    ADMIN_EMAIL: admin.email,
    ADMIN_PASSWORD: admin.password,
  });
  host = testHost('user', { clock });
  url = await startService(service, config, host);
};

beforeAll(async () => {
  const { databaseUrl, kafka, schemaRegistryUrl } = engines();
  clock = handClock();
  const registry = createSchemaRegistry(schemaRegistryUrl);
  await Promise.all(publishes.map((type) => registry.register(records[type].subject, records[type].schema)));
  reader = createEventReader(registry, records);
  const admin = await connectBroker(testHost(), kafka).admin();
  await admin.createTopics(
    [topics.users, topics.userContacts].map(({ topic, partitions }) => ({ topic, partitions })),
  );
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
/** The account's events of this type, as they are in the outbox. */
const eventsOf = async <T extends (typeof publishes)[number]>(
  key: string,
  type: T,
): Promise<EventMap[T][]> => {
  const { topic } = records[type];
  const { rows } = await db.query<{ value: Buffer; headers: Record<string, string> }>(
    'SELECT value, headers FROM outbox WHERE topic = $1 AND key = $2 ORDER BY seq',
    [topic, key],
  );
  const record = { key: Buffer.from(key), offset: 0n, timestampMs: 0, rawHeaders: [] };
  const read = await Promise.all(
    rows.map(({ value, headers }) => reader.read({ topic, partition: 0 }, { ...record, value, headers })),
  );
  return read
    .filter((event): event is ReceivedEvent => event?.type === type)
    .map(({ value }) => value as EventMap[T]);
};
const mailedTo = async (userId: string, purpose: string): Promise<string> =>
  (await eventsOf(userId, 'UserTokenIssued')).findLast((issued) => issued.purpose === purpose)?.token ?? '';
const giveRoles = async (id: string, roles: string[]) =>
  call('PUT', `/api/users/${id}/roles`, { token: (await asAdmin()).accessToken, body: { roles } });
/** Its owner alone sees it, with a validator. */
const isOneOf = async (
  path: string,
  shown: object,
  { token, stranger }: { token: string; stranger: string },
) => {
  const one = await call('GET', path, { token });
  expect([one.status, one.body]).toMatchObject([200, shown]);
  const headers = { 'if-none-match': one.headers.get('etag') ?? '' };
  expect((await call('GET', path, { token, headers })).status).toBe(304);
  expect((await call('GET', path, { token: stranger })).status).toBe(404);
};
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
    expect((await eventsOf(user.id, 'UserRegistered'))[0]).toMatchObject({ userId: user.id });
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
    const who = {
      kind: 'user',
      userId: user.id,
      roles: ['customer'],
      sessionId: expect.any(String),
      expiresAtMs: expect.any(Number),
    };
    expect(answer.json()).toEqual(who);
    expect(decodeProtectedHeader(accessToken).alg).toBe('EdDSA');
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
    clock.advanceMs(10_000);
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

  it('ends for everybody when a token comes back that the session left behind', async () => {
    const first = await register();
    const second = login.parse((await refresh(first.refreshToken)).body);
    const third = login.parse((await refresh(second.refreshToken)).body);
    expect((await refresh(first.refreshToken)).body.code).toBe('invalid_refresh_token');
    const heir = await refresh(third.refreshToken);
    expect([heir.status, heir.body.code]).toEqual([401, 'invalid_refresh_token']);
    expect(await eventsOf(first.user.id, 'UserSessionEnded')).toMatchObject([{ reason: 'token_reuse' }]);
  });

  it('ends alone: the other sessions of the account go on', async () => {
    const account = someone();
    const first = await register(account);
    const other = login.parse((await logIn(account.email, account.password)).body);
    const second = login.parse((await refresh(first.refreshToken)).body);
    await refresh(second.refreshToken);
    await refresh(first.refreshToken);
    expect((await refresh(other.refreshToken)).status).toBe(200);
  });

  it('ends at logout, and logging out twice is no error', async () => {
    const { refreshToken } = await register();
    const logOut = () => call('POST', '/api/auth/logout', { body: { refreshToken } });
    expect([(await logOut()).status, (await logOut()).status]).toEqual([204, 204]);
    expect((await refresh(refreshToken)).status).toBe(401);
  });

  it.each([undefined, {}])('ends at a logout with the body %j by its access token', async (body) => {
    const { accessToken: token, refreshToken, user } = await register();
    const logOut = (as?: string) =>
      call('POST', '/api/auth/logout', {
        ...(body === undefined ? {} : { body }),
        ...(as === undefined ? {} : { token: as }),
      });
    const nobodys = await logOut();
    expect([nobodys.status, nobodys.body.errors]).toMatchObject([400, [{ path: '/refreshToken' }]]);
    expect((await logOut('invented')).status).toBe(401);
    expect([(await logOut(token)).status, (await logOut(token)).status]).toEqual([204, 204]);
    expect((await refresh(refreshToken)).status).toBe(401);
    expect(await eventsOf(user.id, 'UserSessionEnded')).toMatchObject([{ reason: 'logout' }]);
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

  it('gives roles by the version that the list shows, not by one that is gone', async () => {
    const account = someone();
    const { user } = await register(account);
    const { accessToken: token } = await asAdmin();
    const listed = async () => {
      const { body } = await call('GET', `/api/users?email=${account.email}`, { token });
      return (body.items as { version: number }[])[0]?.version;
    };
    const seen = await listed();
    const give = (roles: string[]) =>
      call('PUT', `/api/users/${user.id}/roles`, {
        token,
        body: { roles },
        headers: { 'if-match': `"${seen}"` },
      });
    const given = await give(['customer', 'support']);
    expect([given.status, given.headers.get('etag')]).toEqual([200, `"${await listed()}"`]);
    const blind = await give(['customer', 'analyst']);
    expect([blind.status, blind.body.code]).toEqual([412, 'stale_version']);
    const { body } = await logIn(account.email, account.password);
    expect(body.user).toMatchObject({ roles: ['customer', 'support'] });
  });

  it('cannot be the last to go', async () => {
    const { accessToken: token, user } = await asAdmin();
    const answer = await call('PUT', `/api/users/${user.id}/roles`, { token, body: { roles: ['customer'] } });
    expect([answer.status, answer.body.code]).toEqual([409, 'last_admin']);
  });

  it('has no say from the moment that the role is taken, whatever the token of before says', async () => {
    const account = someone();
    const { user } = await register(account);
    await giveRoles(user.id, ['customer', 'admin']);
    const { accessToken: token, refreshToken } = login.parse(
      (await logIn(account.email, account.password)).body,
    );
    expect((await giveRoles(user.id, ['customer'])).status).toBe(200);
    const answers = [
      await call('PUT', `/api/users/${user.id}/roles`, { token, body: { roles: ['customer', 'admin'] } }),
      await call('PUT', `/api/users/${randomUUID()}/roles`, { token, body: { roles: ['admin'] } }),
      await call('POST', '/api/api-keys', { token, body: { name: 'Kept', scopes: ['orders:read'] } }),
    ];
    const forbidden = [403, 'forbidden'];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([forbidden, forbidden, forbidden]);
    expect((await refresh(refreshToken)).status).toBe(401);
    const ended = await eventsOf(user.id, 'UserSessionEnded');
    expect(ended.map(({ reason }) => reason)).toEqual(['roles_changed', 'roles_changed']);
  });

  it('ends no session by giving the roles that the account has', async () => {
    const { user, refreshToken } = await register();
    expect((await giveRoles(user.id, ['customer'])).status).toBe(200);
    expect((await refresh(refreshToken)).status).toBe(200);
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

describe('the admin of the configuration', () => {
  const restart = async (...admin: Parameters<typeof start>) => {
    await host.stop();
    await start(...admin);
  };
  const ask = (email: string) => call('POST', '/api/auth/password-reset', { body: { email } });
  const confirm = (token: string) =>
    call('POST', '/api/auth/password-reset/confirm', { body: { token, password: 'a horse of theirs' } });

  it('has the password of the configuration alone once that is another one', async () => {
    const { user, refreshToken } = await asAdmin();
    await ask(adminEmail);
    await restart({ email: adminEmail, password: 'rotated root' });
    try {
      expect((await logIn(adminEmail, 'rotated root')).status).toBe(200);
      expect((await logIn(adminEmail, adminPassword)).status).toBe(401);
      expect((await refresh(refreshToken)).status).toBe(401);
      expect((await confirm(await mailedTo(user.id, 'reset_password'))).body.code).toBe('invalid_token');
      expect(await eventsOf(user.id, 'UserPasswordChanged')).toHaveLength(1);
    } finally {
      await restart();
    }
    const { refreshToken: kept } = await asAdmin();
    await restart();
    expect((await refresh(kept)).status).toBe(200);
    expect(await eventsOf(user.id, 'UserPasswordChanged')).toHaveLength(2);
  });

  it('leaves nothing in the hands of who has registered the address before', async () => {
    const account = someone();
    const { user, refreshToken } = await register(account);
    await ask(account.email);
    await restart({ email: account.email, password: 'root of ours' });
    await restart();
    expect((await logIn(account.email, 'root of ours')).body.user).toMatchObject({
      roles: ['customer', 'admin'],
    });
    expect((await logIn(account.email, account.password)).status).toBe(401);
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await confirm(await mailedTo(user.id, 'reset_password'))).status).toBe(422);
    expect((await giveRoles(user.id, ['customer'])).status).toBe(200);
  });

  it('ends the sessions of an account that has the password already and gets the role', async () => {
    const account = someone();
    const { user, refreshToken } = await register(account);
    await restart(account);
    await restart();
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await giveRoles(user.id, ['customer'])).status).toBe(200);
  });
});

describe('an e-mail address', () => {
  const verify = (token: string) => call('POST', '/api/auth/verify-email', { body: { token } });

  it('is verified by the token that was sent to it, also when the link is followed twice', async () => {
    const account = someone();
    const { user, accessToken: token } = await register(account);
    expect((await call('GET', '/api/users/me', { token })).body.emailVerified).toBe(false);
    const [issued] = await eventsOf(user.id, 'UserTokenIssued');
    expect(issued).toMatchObject({ purpose: 'verify_email', email: account.email, name: 'Ann' });
    const sent = issued?.token ?? '';
    expect([(await verify(sent)).status, (await verify(sent)).status]).toEqual([204, 204]);
    expect((await call('GET', '/api/users/me', { token })).body.emailVerified).toBe(true);
    expect(await eventsOf(user.id, 'UserEmailVerified')).toHaveLength(1);
    expect((await eventsOf(user.id, 'UserContactChanged')).at(-1)).toMatchObject({
      version: 2,
      email: account.email,
      isEmailVerified: true,
    });
  });

  it('is not verified by an invented token, one of another purpose, or one that expired', async () => {
    const account = someone();
    const { user } = await register(account);
    await call('POST', '/api/auth/password-reset', { body: { email: account.email } });
    const reset = await mailedTo(user.id, 'reset_password');
    for (const token of ['invented', reset]) expect((await verify(token)).body.code).toBe('invalid_token');
    clock.advanceMs(24 * 60 * 60_000 + 1);
    expect((await verify(await mailedTo(user.id, 'verify_email'))).status).toBe(422);
    expect((await verify('x'.repeat(513))).body.code).toBe('invalid_body');
  });

  it('gets another token on request, while it is not verified', async () => {
    const { user, accessToken: token } = await register();
    const resend = () => call('POST', '/api/auth/verify-email/resend', { token });
    expect((await resend()).status).toBe(202);
    const sent = (await eventsOf(user.id, 'UserTokenIssued')).map((issued) => issued.token);
    expect(new Set(sent).size).toBe(2);
    expect((await verify(sent[0] ?? '')).status).toBe(204);
    expect((await resend()).status).toBe(202);
    expect(await eventsOf(user.id, 'UserTokenIssued')).toHaveLength(2);
  });
});

describe('a forgotten password', () => {
  const ask = (email: string) => call('POST', '/api/auth/password-reset', { body: { email } });
  const confirm = (token: string, password: string) =>
    call('POST', '/api/auth/password-reset/confirm', { body: { token, password } });

  it('is asked for alike with and without an account', async () => {
    const account = someone();
    await register(account);
    const [known, unknown] = [await ask(account.email.toUpperCase()), await ask('nobody@example.org')];
    expect([known.status, known.body]).toEqual([202, {}]);
    expect([unknown.status, unknown.body]).toEqual([202, {}]);
  });

  it('is replaced once by the token, which ends all sessions and proves the address', async () => {
    const account = someone();
    const { user, refreshToken } = await register(account);
    await ask(account.email);
    await ask(account.email);
    const sent = (await eventsOf(user.id, 'UserTokenIssued')).filter(
      (issued) => issued.purpose === 'reset_password',
    );
    const [first = '', second = ''] = sent.map((issued) => issued.token);
    expect((await confirm(first, 'short')).status).toBe(400);
    const together = await Promise.all([confirm(first, 'another horse'), confirm(first, 'another horse')]);
    expect(together.map(({ status }) => status).sort()).toEqual([204, 422]);
    expect((await confirm(second, 'third horse')).body.code).toBe('invalid_token');
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await logIn(account.email, account.password)).status).toBe(401);
    const { body } = await logIn(account.email, 'another horse');
    expect(body.user).toMatchObject({ emailVerified: true });
    expect(await eventsOf(user.id, 'UserPasswordChanged')).toHaveLength(1);
  });

  it('stays when the token is an hour old', async () => {
    const account = someone();
    const { user } = await register(account);
    await ask(account.email);
    clock.advanceMs(60 * 60_000 + 1);
    expect((await confirm(await mailedTo(user.id, 'reset_password'), 'another horse')).status).toBe(422);
    expect((await logIn(account.email, account.password)).status).toBe(200);
  });

  it('can be changed by who has the current one; the other sessions end', async () => {
    const account = someone();
    const { accessToken: token, refreshToken } = await register(account);
    const other = login.parse((await logIn(account.email, account.password)).body);
    const change = (currentPassword: string) =>
      call('PUT', '/api/users/me/password', {
        token,
        body: { currentPassword, newPassword: 'another horse' },
      });
    expect((await change('wrong horse')).body.code).toBe('wrong_password');
    expect((await change(account.password)).status).toBe(204);
    expect((await refresh(refreshToken)).status).toBe(200);
    expect((await refresh(other.refreshToken)).status).toBe(401);
  });

  it('cannot be replaced by a token of before, once its owner has changed it', async () => {
    const account = someone();
    const { accessToken: token, user } = await register(account);
    await ask(account.email);
    const body = { currentPassword: account.password, newPassword: 'another horse' };
    expect((await call('PUT', '/api/users/me/password', { token, body })).status).toBe(204);
    const answer = await confirm(await mailedTo(user.id, 'reset_password'), 'third horse');
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid_token']);
    expect((await logIn(account.email, 'another horse')).status).toBe(200);
  });
});

describe('a password that is replaced while a request with it waits for the account', () => {
  /** Holds the account until `request` waits for it, and gives it the password of `other` before it goes on. */
  const replacedDuring = async (email: string, other: string, request: () => Promise<Answer>) => {
    const asked = await inTransaction(db, async (tx) => {
      await tx.query('SELECT FROM users WHERE email = $1 FOR UPDATE', [email]);
      const asking = request();
      await eventually(async () => {
        const { rows } = await db.query<{ waiting: number }>(
          'SELECT count(*)::int AS waiting FROM pg_stat_activity ' +
            `WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rows[0]?.waiting === 1;
      });
      await tx.query(
        'UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE email = $2) WHERE email = $1',
        [email, other],
      );
      return { asking };
    });
    return asked.asking;
  };
  const twoAccounts = async () => {
    const [account, other] = [someone(), { ...someone(), password: 'another horse' }];
    const { accessToken: token } = await register(account);
    await register(other);
    return { account, other, token };
  };

  it('opens no session', async () => {
    const { account, other } = await twoAccounts();
    const { email, password } = account;
    const answer = await replacedDuring(email, other.email, () => logIn(email, password));
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_credentials']);
    expect((await logIn(email, other.password)).status).toBe(200);
  });

  it('does not allow another change', async () => {
    const { account, other, token } = await twoAccounts();
    const body = { currentPassword: account.password, newPassword: 'third horse' };
    const answer = await replacedDuring(account.email, other.email, () =>
      call('PUT', '/api/users/me/password', { token, body }),
    );
    expect(answer.body.code).toBe('wrong_password');
    expect((await logIn(account.email, other.password)).status).toBe(200);
  });
});

describe('sessions', () => {
  it('are listed with the one that asks, and ended one by one or all', async () => {
    const account = someone();
    const first = await register(account);
    clock.advanceMs(1);
    const { headers, ...second } = await logIn(account.email, account.password);
    expect(headers.get('cache-control')).toBe('no-store');
    const other = login.parse(second.body);
    const list = async (token: string) =>
      (await call('GET', '/api/auth/sessions', { token })).body.items as { id: string; current: boolean }[];
    const seen = await list(other.accessToken);
    expect(seen.map(({ current }) => current)).toEqual([true, false]);
    const end = (id: string, token = other.accessToken) =>
      call('DELETE', `/api/auth/sessions/${id}`, { token });
    const stranger = await register();
    expect((await end(seen[1]?.id ?? '', stranger.accessToken)).body.code).toBe('session_not_found');
    const path = `/api/auth/sessions/${seen[1]?.id}`;
    await isOneOf(path, seen[1] ?? {}, { token: other.accessToken, stranger: stranger.accessToken });
    expect((await end(seen[1]?.id ?? '')).status).toBe(204);
    expect((await call('GET', path, { token: other.accessToken })).body.code).toBe('session_not_found');
    expect((await end(seen[1]?.id ?? '')).status).toBe(404);
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect((await list(other.accessToken)).map(({ id }) => id)).toEqual([seen[0]?.id]);
    expect((await call('DELETE', '/api/auth/sessions', { token: other.accessToken })).status).toBe(204);
    expect((await refresh(other.refreshToken)).status).toBe(401);
    expect((await refresh(stranger.refreshToken)).status).toBe(200);
  });
});

describe('what an account has', () => {
  const address = { name: 'Ann', line1: '1 Row', city: 'Bonn', postalCode: '53111', country: 'DE' };
  const subscription = (endpoint = `https://push.example.org/${randomUUID()}`) => ({
    endpoint,
    keys: { p256dh: 'B'.repeat(87), auth: 'a'.repeat(22) },
  });

  it('includes addresses, each seen and removed by the owner alone', async () => {
    const { accessToken: token, user } = await register();
    const { accessToken: stranger } = await register();
    const added = await call('POST', '/api/users/me/addresses', { token, body: address });
    expect([added.status, added.body]).toMatchObject([201, address]);
    await isOneOf(`/api/users/me/addresses/${added.body.id}`, added.body, { token, stranger });
    const remove = (as: string) => call('DELETE', `/api/users/me/addresses/${added.body.id}`, { token: as });
    expect((await remove(stranger)).body.code).toBe('address_not_found');
    expect((await call('GET', '/api/users/me/addresses', { token })).body).toEqual({
      items: [added.body],
      next: null,
    });
    expect([(await remove(token)).status, (await remove(token)).status]).toEqual([204, 404]);
    const [event] = await eventsOf(user.id, 'UserAddressAdded');
    expect(event).toEqual({ userId: user.id, addressId: added.body.id, occurredAt: expect.any(Number) });
  });

  it('has fifty addresses at most, also when they come at once', async () => {
    const { accessToken: token } = await register();
    const add = () => call('POST', '/api/users/me/addresses', { token, body: address });
    const statuses = (await Promise.all(Array.from({ length: 55 }, add))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(50);
    expect(statuses.filter((status) => status === 409)).toHaveLength(5);
  });

  it('includes devices, which move with the browser to whoever logged in last', async () => {
    const [ann, bo] = [await register(), await register()];
    const body = subscription();
    const add = ({ accessToken: token }: typeof ann) =>
      call('POST', '/api/users/me/devices', { token, body });
    const devicesOf = async ({ accessToken: token }: typeof ann) =>
      (await call('GET', '/api/users/me/devices', { token })).body.items;
    expect([(await add(ann)).status, (await add(ann)).status]).toEqual([201, 200]);
    expect((await add(bo)).status).toBe(201);
    expect(await devicesOf(ann)).toEqual([]);
    expect(await devicesOf(bo)).toMatchObject([{ endpoint: body.endpoint }]);
    expect((await eventsOf(ann.user.id, 'UserContactChanged')).at(-1)?.devices).toEqual([]);
    const [device] = (await eventsOf(bo.user.id, 'UserContactChanged')).at(-1)?.devices ?? [];
    expect(device).toMatchObject({ endpoint: body.endpoint, ...body.keys });
    const path = `/api/users/me/devices/${device?.deviceId}`;
    const shown = { id: device?.deviceId, endpoint: body.endpoint };
    await isOneOf(path, shown, { token: bo.accessToken, stranger: ann.accessToken });
    expect((await eventsOf(ann.user.id, 'UserDeviceRemoved')).length).toBe(1);
  });

  it('includes no device in the own network', async () => {
    const { accessToken: token } = await register();
    const body = subscription('https://127.0.0.1/');
    const answer = await call('POST', '/api/users/me/devices', { token, body });
    expect([answer.status, answer.body.code]).toEqual([422, 'push_endpoint_refused']);
  });

  it('is exported whole', async () => {
    const { accessToken: token, user } = await register();
    await call('POST', '/api/users/me/addresses', { token, body: address });
    await call('POST', '/api/users/me/devices', { token, body: subscription() });
    const { status, headers, body } = await call('GET', '/api/users/me/export', { token });
    expect([status, headers.get('content-disposition')]).toEqual([
      200,
      expect.stringContaining('attachment'),
    ]);
    expect(body).toMatchObject({
      account: { id: user.id, email: user.email, phone: null },
      addresses: [address],
      devices: [{ name: null }],
      sessions: [{ current: true }],
    });
    expect(JSON.stringify(body)).not.toContain('argon2');
  });
});

describe('an erased account', () => {
  it('leaves its id alone, and its address free', async () => {
    const account = someone();
    const { accessToken: token, refreshToken, user } = await register(account);
    await call('POST', '/api/users/me/addresses', {
      token,
      body: { name: 'Ann', line1: '1 Row', city: 'Bonn', postalCode: '53111', country: 'DE' },
    });
    expect((await call('DELETE', '/api/users/me', { token })).status).toBe(204);
    expect((await call('DELETE', '/api/users/me', { token })).status).toBe(404);
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await logIn(account.email, account.password)).status).toBe(401);
    expect(await eventsOf(user.id, 'UserErased')).toHaveLength(1);
    expect(await eventsOf(user.id, 'UserContactErased')).toHaveLength(1);
    for (const table of ['users', 'logins', 'refresh_tokens', 'mailed_tokens', 'addresses', 'devices']) {
      const { rows } = await db.query<{ row: string }>(`SELECT t::text AS row FROM ${table} t`);
      expect(rows.filter(({ row }) => row.includes(user.id) || row.includes(account.email))).toEqual([]);
    }
    expect((await register(account)).user.id).not.toBe(user.id);
  });

  it('is not the last admin', async () => {
    const { accessToken: token } = await asAdmin();
    expect((await call('DELETE', '/api/users/me', { token })).body.code).toBe('last_admin');
  });

  it('has put nothing of the person on the topic that is kept for ever', async () => {
    const account = { ...someone(), name: 'Annegret Unmistakable' };
    const { accessToken: token, user } = await register(account);
    await call('PATCH', '/api/users/me', { token, body: { phone: '+4915112345678' } });
    await call('POST', '/api/auth/password-reset', { body: { email: account.email } });
    const { rows } = await db.query<{ topic: string; value: Buffer }>(
      'SELECT topic, value FROM outbox WHERE key = $1',
      [user.id],
    );
    const bytesOn = (topic: string) =>
      rows
        .filter((row) => row.topic === topic)
        .map(({ value }) => value.toString('latin1'))
        .join();
    for (const secret of [
      account.email,
      'Unmistakable',
      '+49151',
      await mailedTo(user.id, 'reset_password'),
    ]) {
      expect(bytesOn(topics.users.topic)).not.toContain(secret);
      expect(bytesOn(topics.userContacts.topic)).toContain(secret);
    }
    expect(topics.userContacts.retentionMs).toBeLessThanOrEqual(7 * 24 * 60 * 60_000);
  });
});

describe('an API key', () => {
  const create = async (body: object) =>
    call('POST', '/api/api-keys', { token: (await asAdmin()).accessToken, body });
  const exchange = (key: unknown) => call('POST', '/internal/api-key-tokens', { body: { key } });

  it('is shown once, stored as a digest, and no longer good once it was revoked', async () => {
    const made = await create({
      name: 'Warehouse',
      scopes: ['orders:write', 'inventory:read', 'orders:write'],
    });
    expect([made.status, made.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const { id, key, ...shown } = made.body;
    expect(shown).toMatchObject({
      scopes: ['inventory:read', 'orders:write'],
      expiresAt: null,
      lastUsedAt: null,
    });
    const { rows } = await db.query<{ row: string }>('SELECT k::text AS row FROM api_keys k WHERE id = $1', [
      id,
    ]);
    expect(rows[0]?.row).not.toContain(String(key).slice(8, 30));
    const [created] = await eventsOf(String(id), 'ApiKeyCreated');
    expect(created).toMatchObject({ scopes: ['inventory:read', 'orders:write'] });
    const exchanged = await exchange(key);
    expect(decodeJwt(String(exchanged.body.token))).toMatchObject({ sub: id, scopes: created?.scopes });
    const { accessToken: token } = await asAdmin();
    const [listed] = (await call('GET', '/api/api-keys?limit=1', { token })).body.items as object[];
    expect(listed).toEqual({ id, ...shown, lastUsedAt: expect.any(String) });
    const revoke = () => call('DELETE', `/api/api-keys/${id}`, { token });
    expect([(await revoke()).status, (await revoke()).status]).toEqual([204, 404]);
    expect((await exchange(key)).status).toBe(401);
    expect(await eventsOf(String(id), 'ApiKeyRevoked')).toHaveLength(1);
  });

  it('ends at its time, and reaches no account', async () => {
    const expiresAt = new Date(clock.nowMs() + 60_000).toISOString();
    const { body } = await create({ name: 'Short', scopes: ['orders:read'], expiresAt });
    const { token } = (await exchange(body.key)).body;
    const answer = await call('GET', '/api/users', { token: String(token) });
    expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope']);
    clock.advanceMs(60_000);
    expect((await exchange(body.key)).status).toBe(401);
    expect((await create({ name: 'Late', scopes: ['orders:read'], expiresAt })).status).toBe(422);
    expect((await create({ name: 'Wide', scopes: ['users:write'] })).status).toBe(400);
    expect((await create({ name: 'None', scopes: [] })).status).toBe(400);
  });
});

describe('the key of access tokens', () => {
  it('changes without ending a token', async () => {
    const kidsOf = async () =>
      ((await call('GET', '/.well-known/jwks.json')).body.keys as { kid: string }[]).map(({ kid }) => kid);
    const restart = async () => {
      await host.stop();
      await start();
    };
    const kidOf = (token: string) => decodeProtectedHeader(token).kid;
    const [first] = await kidsOf();
    clock.advanceMs(30 * 24 * 60 * 60_000);
    await restart();
    const kids = await kidsOf();
    expect([kids.length, kids[1]]).toEqual([2, first]);
    const account = someone();
    const before = await register(account);
    expect(kidOf(before.accessToken)).toBe(first);
    clock.advanceMs(14 * 60_000 + 59_000);
    const last = login.parse((await logIn(account.email, account.password)).body);
    expect(kidOf(last.accessToken)).toBe(first);
    clock.advanceMs(60_000);
    await restart();
    const after = login.parse((await logIn(account.email, account.password)).body);
    expect(kidOf(after.accessToken)).toBe(kids[0]);
    for (const { accessToken: token } of [last, after])
      expect((await call('GET', '/api/users/me', { token })).status).toBe(200);
    clock.advanceMs(20 * 60_000);
    await restart();
    expect(await kidsOf()).toEqual([kids[0]]);
  });
});
