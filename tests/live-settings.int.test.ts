import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '#platform/config';
import { connectBroker } from '#platform/messaging/connect-broker';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { startService } from '#platform/testing/started-service';
import { testHost } from '#platform/testing/test-host';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { configConfig } from '../services/config/config.js';
import { service } from '../services/config/service.js';
import { startGateway } from '../services/gateway/testing/gateway.js';

/** Settings are changed at the gateway, which obeys them itself: nothing else runs but the configuration service. */

const database = `config_test_${randomUUID().replaceAll('-', '')}`;
const admin = randomUUID();
const kid = 'test';
let keys: Server;
let gateway: { url: string; host: RunnableHost };
let config: RunnableHost;
let env: Record<string, string>;
let token: (userId: string, role: string) => Promise<string>;

const startConfig = async (): Promise<string> => {
  config = testHost('config');
  return startService(
    service,
    loadConfig(configConfig, { ...env, CONFIG_PORT: '0', LIMITS: 'relaxed' }),
    config,
  );
};

beforeAll(async () => {
  const { databaseUrl, kafka, schemaRegistryUrl } = engines();
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA' }] });
  keys = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(jwks),
  );
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  token = (userId, role) =>
    new SignJWT({ roles: [role] })
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'at+jwt' })
      .setSubject(userId)
      .setIssuer('cartstream')
      .setAudience('cartstream-api')
      .setExpirationTime('1h')
      .sign(privateKey);
  for (const { subject, schema } of [records.SettingChanged, records.ShopperActivity])
    await createSchemaRegistry(schemaRegistryUrl).register(subject, schema);
  const brokerAdmin = await connectBroker(testHost(), kafka).admin();
  await brokerAdmin.createTopics(
    [topics.config, topics.shopperActivity].map(({ topic, partitions }) => ({ topic, partitions })),
  );
  await brokerAdmin.close();
  env = {
    DATABASE_URL: databaseUrl,
    ...kafkaEnv(kafka),
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    CONFIG_DATABASE: database,
    USER_URL: `http://127.0.0.1:${(keys.address() as AddressInfo).port}`,
  };
  gateway = await startGateway({ CONFIG_URL: await startConfig(), USER_URL: env.USER_URL ?? '' });
});

afterAll(async () => {
  // The topic is that of every test on these engines.
  for (const key of ['limits.payments', 'recommendations.rules']) await rollBack(key, 0);
  await Promise.all([gateway.host.stop(), config.stop()]);
  keys.close();
});

type Setting = { key: string; value: unknown; default: unknown; isDefault: boolean; version: number };
type Answer<T> = { status: number; etag: string | null; body: T };

const ask = async <T = Setting & { code?: string; items?: never[] }>(
  method: string,
  path: string,
  {
    body,
    headers = {},
    as = 'admin',
  }: { body?: unknown; headers?: Record<string, string>; as?: string } = {},
): Promise<Answer<T>> => {
  const answer = await fetch(`${gateway.url}/api/config${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await token(admin, as)}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, etag: answer.headers.get('etag'), body: (await answer.json()) as T };
};

const set = async (key: string, value: unknown): Promise<Answer<Setting>> => {
  const { etag } = await ask('GET', `/${key}`);
  return ask('PUT', `/${key}`, { body: { value }, headers: { 'if-match': etag ?? '' } });
};
const rollBack = (key: string, version: number) => ask('POST', `/${key}/rollback`, { body: { version } });

/** The status of a payment by a client of whom nobody has heard, after `before` others. */
const payments = async (count: number): Promise<number[]> => {
  const address = `10.${[0, 0, 0].map(() => Math.floor(Math.random() * 250) + 1).join('.')}`;
  const statuses: number[] = [];
  for (let nth = 0; nth < count; nth += 1) {
    const answer = await fetch(`${gateway.url}/api/payments`, {
      method: 'POST',
      headers: { 'x-forwarded-for': address },
    });
    await answer.arrayBuffer();
    statuses.push(answer.status);
  }
  return statuses;
};
const within2s = { timeoutMs: 2000, everyMs: 100 };

describe('a limit', () => {
  it('that is changed holds within 2 s, while the configuration service is away, and until it is taken back', async () => {
    expect(await payments(3)).not.toContain(429);
    const changed = await set('limits.payments', 2);
    expect(changed).toMatchObject({ status: 200, body: { value: 2, default: 30_000, isDefault: false } });
    await eventually(
      async () => expect((await payments(3)).map((s) => s === 429)).toEqual([false, false, true]),
      within2s,
    );

    await config.stop();
    expect((await payments(3))[2]).toBe(429);

    const url = await startConfig();
    await gateway.host.stop();
    gateway = await startGateway({ CONFIG_URL: url, USER_URL: env.USER_URL ?? '' });
    await eventually(async () => expect((await payments(3))[2]).toBe(429), within2s);
    expect((await rollBack('limits.payments', 0)).body).toMatchObject({ value: 30_000, isDefault: true });
    await eventually(async () => expect(await payments(3)).not.toContain(429), within2s);
  });
});

describe('a setting', () => {
  const key = 'orders.paymentWaitMs';

  it('is listed with its bounds, its default and its unit', async () => {
    const { body } = await ask<{ items: Setting[]; next: null }>('GET', '?limit=100');
    expect(body.items.find((item) => item.key === key)).toEqual({
      key,
      value: 900_000,
      default: 900_000,
      isDefault: true,
      unit: 'milliseconds',
      description: expect.any(String),
      schema: { type: 'integer', minimum: 1000, maximum: 86_400_000 },
      version: 0,
      changedBy: null,
      changedAt: null,
    });
    const first = await ask<{ items: Setting[]; next: string }>('GET', '?limit=1');
    const second = await ask<{ items: Setting[] }>('GET', `?limit=1&cursor=${first.body.next}`);
    expect([first.body.items[0]?.key, second.body.items[0]?.key]).toEqual(
      body.items.slice(0, 2).map((item) => item.key),
    );
  });

  it('keeps every change, with who made it, and returns to an earlier value', async () => {
    await set(key, 5000);
    await set(key, 6000);
    expect((await rollBack(key, 1)).body).toMatchObject({ value: 5000, version: 3, changedBy: admin });
    const { body } = await ask<{ items: object[] }>('GET', `/${key}/history`);
    expect(body.items).toMatchObject([
      { version: 3, value: 5000, rolledBackTo: 1, changedBy: admin },
      { version: 2, value: 6000, rolledBackTo: null },
      { version: 1, value: 5000, rolledBackTo: null },
    ]);
    expect(await rollBack(key, 0)).toMatchObject({ status: 200, body: { value: 900_000, version: 4 } });
    expect(await rollBack(key, 9)).toMatchObject({
      status: 404,
      body: { code: 'setting_version_not_found' },
    });
  });

  it('does not return to a value that its bounds allow no more', async () => {
    await set(key, 5000);
    const { version } = (await set(key, 6000)).body;
    const stored = createDatabase(testHost(), {
      url: serviceDatabaseUrl(engines().databaseUrl, database),
      poolMax: 1,
    });
    // As a version with other bounds has left it.
    await stored.query(`UPDATE setting_history SET value = '5' WHERE key = $1 AND version = $2`, [
      key,
      version - 1,
    ]);
    await stored.stop();
    expect(await rollBack(key, version - 1)).toMatchObject({
      status: 409,
      body: { code: 'value_not_allowed' },
    });
    expect((await ask('GET', `/${key}`)).body).toMatchObject({ value: 6000, version });
    await rollBack(key, 0);
  });

  it('may be a list of records, which has the bounds that its description says', async () => {
    const arms = ['live', 'popularity'].map((model) => ({ name: model, model, percent: 50 }));
    const experiment = {
      id: `of-a-test-${randomUUID().slice(0, 8)}`,
      scenarios: ['home'],
      unit: 'visit',
      metric: 'clicked',
      isRunning: false,
      arms,
    };
    const experiments = 'recommendations.experiments';
    const changed = await set(experiments, [experiment]);
    expect(changed).toMatchObject({
      status: 200,
      body: { value: [experiment], default: [], isDefault: false },
    });
    for (const wrong of [
      [{ ...experiment, unit: 'planet' }],
      [{ ...experiment, arms: arms.map((arm) => ({ ...arm, percent: 51 })) }],
      [experiment, experiment],
      [{ ...experiment, more: 1 }],
      [{ ...experiment, scenarios: ['new-arrivals'] }],
      'home',
      Array.from({ length: 11 }, (_, nth) => ({ ...experiment, id: `e-${nth}` })),
    ])
      expect((await set(experiments, wrong)).status, JSON.stringify(wrong)).toBe(400);
    expect((await rollBack(experiments, 0)).body).toMatchObject({ value: [], isDefault: true });
  });

  it('is changed by one of two who saw the same version', async () => {
    const { etag } = await ask('GET', '/outbox.unpublishedMax');
    const headers = { 'if-match': etag ?? '' };
    const both = await Promise.all(
      [7000, 8000].map((value) => ask('PUT', '/outbox.unpublishedMax', { body: { value }, headers })),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 412]);
    await rollBack('outbox.unpublishedMax', 0);
  });

  it.each([[999], [86_400_001], [1000.5], ['1000'], [true], [null], [[1]]])(
    'refuses the value %j',
    async (value) => {
      expect(await set(key, value)).toMatchObject({ status: 400, body: { code: 'invalid_body' } });
    },
  );

  it('answers in the order of the conventions', async () => {
    expect((await ask('PUT', '/nothing', { as: 'support', body: {} })).status).toBe(403);
    expect((await ask('PUT', '/nothing', { body: {} })).status).toBe(428);
    expect((await ask('PUT', '/nothing', { body: {}, headers: { 'if-match': '"0"' } })).status).toBe(400);
    const body = { value: 1 };
    expect((await ask('PUT', '/nothing', { body, headers: { 'if-match': '"0"' } })).status).toBe(404);
    const stale = { 'if-match': '"9999"' };
    for (const wrong of [{}, { value: 1 }])
      expect((await ask('PUT', `/${key}`, { body: wrong, headers: stale })).status).toBe(412);
    expect((await ask('POST', `/${key}/rollback`, { body: {}, headers: stale })).status).toBe(412);
    const { etag, body: shown } = await ask('GET', `/${key}`);
    expect((await ask('PUT', `/${key}`, { body: shown, headers: { 'if-match': etag ?? '' } })).status).toBe(
      200,
    );
    await rollBack(key, 0);
  });
});

describe('the rules of recommendations', () => {
  const of = (method: string, body?: unknown, headers: Record<string, string> = {}, as = 'support') =>
    ask<{ code?: string; version: number; exclude: object[]; maxPerBrand: number | null; errors?: object[] }>(
      method,
      '/../recommendations/rules',
      { body, headers, as },
    );
  const rules = { exclude: [{ category: 'Home / Toys/' }, { productId: 'A-1' }], maxPerBrand: 2 };

  it('that an event cannot carry are refused before anything changes', async () => {
    const wide = (length: number) => '李'.repeat(length);
    const target = { productId: wide(128), category: wide(200), brand: wide(200) };
    const large = { exclude: Array(500).fill(target), bury: Array(90).fill(target) };
    const { etag } = await of('GET');
    const headers = { 'if-match': etag ?? '' };
    const refused = { status: 413, body: { code: 'value_too_large' } };
    expect(Buffer.byteLength(JSON.stringify(large))).toBeGreaterThan(900_000);
    expect(await of('PUT', large, headers)).toMatchObject(refused);
    expect(await ask('PUT', '/recommendations.rules', { body: { value: large }, headers })).toMatchObject(
      refused,
    );
    expect((await of('GET')).etag).toBe(etag);
  });

  it('are a setting with history that staff read and replace as a whole', async () => {
    const { etag, body: before } = await of('GET');
    expect(before).toMatchObject({ version: 0, pin: [], exclude: [], maxPerBrand: null });
    const changed = await of('PUT', rules, { 'if-match': etag ?? '' });
    const normal = [{ category: 'home/toys' }, { productId: 'a-1' }];
    expect(changed).toMatchObject({ status: 200, body: { exclude: normal, maxPerBrand: 2, version: 1 } });
    expect(await of('PUT', rules, { 'if-match': etag ?? '' })).toMatchObject({
      status: 412,
      body: { code: 'stale_version' },
    });
    // What GET answers may be sent back: the fields that the server keeps are ignored.
    const { etag: second, body } = await of('GET');
    expect((await of('PUT', body, { 'if-match': second ?? '' })).body).toMatchObject({ version: 2 });
    const key = 'recommendations.rules';
    const history = await ask<{ items: object[] }>('GET', `/${key}/history`);
    expect(history.body.items).toMatchObject([{ version: 2 }, { version: 1, value: { exclude: normal } }]);
    expect(await ask('GET', `/${key}`)).toMatchObject({ body: { value: { maxPerBrand: 2 }, version: 2 } });
    await rollBack(key, 0);
    expect((await of('GET')).body).toMatchObject({ version: 3, exclude: [], maxPerBrand: null });
  });

  it('are checked in the order of the conventions', async () => {
    expect((await of('GET', undefined, {}, 'analyst')).status).toBe(403);
    expect((await of('PUT', { exclude: 1 })).status).toBe(428);
    expect((await of('PUT', { surprise: 1 }, { 'if-match': '"99"' })).status).toBe(412);
    expect(await of('PUT', { exclude: [{}], surprise: 1 }, { 'if-match': '*' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_body', errors: expect.any(Array) },
    });
    const inverted = { priceBand: [{ minMinor: 5, maxMinor: 1 }] };
    const refused = { status: 400, body: { errors: [{ path: '/priceBand/0/maxMinor' }] } };
    expect(await of('PUT', inverted, { 'if-match': '*' })).toMatchObject(refused);
    expect((await set('recommendations.rules', inverted)).status).toBe(400);
    expect((await of('PUT', {}, { 'if-match': '"99"' })).status).toBe(412);
  });
});
