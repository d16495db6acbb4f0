import { type IncomingMessage, request as rawRequest } from 'node:http';
import { connect } from 'node:net';
import { json as bodyOf } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PlatformError } from '#platform/errors';
import type { RunnableHost } from '#platform/service-host';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { takeLoggedErrors } from '#platform/testing/logged-errors';
import { testHost } from '#platform/testing/test-host';
import type { Authenticator, Principal } from './auth.js';
import { assertIfMatch, etagOf, notModified, sendWithEtag } from './etag.js';
import type { HttpApp } from './http-app.js';
import { problem, problems, unavailable } from './problem-details.js';
import { createHttpServer } from './server.js';
import { strictJson } from './strict-json.js';

const users: Record<string, Principal> = {
  'Bearer ann': { kind: 'user', userId: 'ann', roles: ['customer'] },
  'Bearer ada': { kind: 'user', userId: 'ada', roles: ['admin'] },
};

const auth: Authenticator = {
  principalOf: async (authorization) => {
    if (authorization === 'Bearer unverifiable')
      throw unavailable('authentication_unavailable', 'no keys', 2);
    if (authorization === undefined) return { kind: 'anonymous' };
    const known = users[authorization];
    if (known === undefined)
      throw problem(401, 'invalid_token', 'no', { headers: { 'www-authenticate': 'Bearer' } });
    return known;
  },
};

const thing = z.strictObject({
  name: z.string().max(20),
  count: z.int(),
  inner: z.strictObject({ a: z.string().max(20) }).optional(),
});

const one = '018f3f6e-5c3a-7b57-9c1e-0a4a5c9d0001';
let host: RunnableHost;
let app: HttpApp;
let url: string;

beforeAll(async () => {
  host = testHost('things');
  const server = createHttpServer(host, { port: 0, title: 'Things', auth, bodyBytesMax: 2000 });
  app = server.app;
  const id = z.strictObject({ id: z.uuid() });
  app.post(
    '/api/things',
    { access: 'public', schema: { body: thing, response: { 201: z.object({ name: z.string() }) } } },
    async (request, reply) => reply.code(201).send({ name: request.body.name }),
  );
  app.get(
    '/api/things',
    {
      access: 'public',
      schema: {
        querystring: z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20) }),
        response: { 200: z.object({ limit: z.int(), correlationId: z.string() }) },
      },
    },
    async (request) => ({
      limit: request.query.limit,
      correlationId: currentCorrelation()?.correlationId ?? 'none',
    }),
  );
  app.get(
    '/api/things/:id',
    {
      access: 'user',
      schema: { params: id, response: { 200: z.object({ id: z.string() }), ...notModified } },
    },
    async (request, reply) => sendWithEtag(request, reply, etagOf(3), { id: request.params.id }),
  );
  app.post(
    '/api/things/loose',
    { access: 'public', schema: { body: z.strictObject({ a: z.int().optional() }).nullish() } },
    async (request) => ({ body: request.body ?? null }),
  );
  app.post(
    '/api/lines',
    { access: 'public', schema: { consumes: ['application/x-ndjson'], body: z.any() } },
    async () => ({}),
  );
  app.get('/api/things/special', { access: 'public' }, async () => ({}));
  app.post('/api/acts', { access: 'public' }, async ({ body }) => ({ body: body ?? 'none' }));
  app.put(
    '/api/things/:id',
    {
      access: ['admin'],
      requires: ['if-match'],
      // Of what is there: the other things are none.
      versionOf: async ({ params }) => ((params as { id: string }).id === one ? 3 : undefined),
      schema: { params: id, body: thing, response: { 200: z.object({}), ...problems(404) } },
    },
    async (request, reply) => {
      assertIfMatch(request, etagOf(3));
      return reply.send({});
    },
  );
  app.post(
    '/api/effects',
    {
      access: 'user',
      requires: ['idempotency-key'],
      schema: { body: thing, response: { 202: z.object({}) } },
    },
    async (_request, reply) => reply.code(202).send({}),
  );
  app.post(
    '/api/things/:id/effects',
    {
      access: 'public',
      requires: ['idempotency-key'],
      authorises: async ({ principal, params }) => {
        const { id } = params as { id: string };
        if (principal.kind !== 'user' || principal.userId !== id)
          throw problem(404, 'thing_not_found', 'There is no such thing.');
      },
      schema: { params: z.strictObject({ id: z.string().max(20) }), body: thing },
    },
    async (_request, reply) => reply.code(202).send({}),
  );
  app.get(
    '/api/catalogue',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: { response: { 200: z.object({ kind: z.string() }) } },
    },
    async (request) => ({ kind: request.principal.kind }),
  );
  app.get('/api/broken', { access: 'public' }, async () => {
    throw new Error('the secret reason');
  });
  app.get('/api/away', { access: 'public' }, async () => {
    throw new PlatformError('postgres_unavailable', 'secret host', { retriable: true });
  });
  host.use(server.component);
  await host.start();
  url = server.component.url;
});

afterAll(() => host.stop());

const id = one;
const json = { 'content-type': 'application/json' };
const good = '{"name":"a","count":1}';

const send = (method: string, path: string, headers: Record<string, string> = {}, body?: string | Buffer) =>
  app.inject({
    method: method as 'GET',
    url: path,
    headers,
    ...(body === undefined ? {} : { payload: body }),
  });

const nestedJson = (depth: number): string =>
  `{"name":${'['.repeat(depth)}"constructor"${']'.repeat(depth)}}`;

describe('authorisation that depends on the thing', () => {
  const path = '/api/things/ann/effects';
  const keyed = { ...json, 'idempotency-key': 'k' };

  it.each([
    ['a good body', keyed, good],
    ['a body that is not JSON', keyed, '{'],
    ['no body', { 'idempotency-key': 'k' }, undefined],
    ['a body of another type', { ...keyed, 'content-type': 'text/xml' }, '<a/>'],
    ['a body in another coding', { ...keyed, 'content-encoding': 'gzip' }, gzipSync(good)],
    ['a body that is too large', keyed, `{"name":"${'a'.repeat(3000)}"}`],
    ['an unknown field', keyed, '{"other":1}'],
    ['no key of the operation', json, good],
  ])('answers a stranger alike for %s', async (_what, headers, body) => {
    for (const authorization of ['Bearer ada', undefined]) {
      const answer = await send('POST', path, { ...headers, ...(authorization && { authorization }) }, body);
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'thing_not_found']);
    }
  });

  it('lets whoever owns it go on to the body', async () => {
    const own = { ...keyed, authorization: 'Bearer ann' };
    expect((await send('POST', path, own, good)).statusCode).toBe(202);
    expect((await send('POST', path, own, '{')).json().code).toBe('malformed_json');
    expect((await send('POST', path, { ...own, 'content-type': 'text/xml' }, '<a/>')).statusCode).toBe(415);
  });
});

describe('whatever goes wrong', () => {
  it.each([
    ['an unknown route', 'GET', '/api/nothing', {}, undefined, 404, 'route_not_found'],
    ['an unknown route with a bad body', 'POST', '/api/nothing', json, '{', 404, 'route_not_found'],
    ['another method', 'DELETE', '/api/things', {}, undefined, 405, 'method_not_allowed'],
    [
      'another method than the path has',
      'PUT',
      '/api/things/special?a=1',
      {},
      undefined,
      405,
      'method_not_allowed',
    ],
    ['another method with a bad body', 'PUT', '/api/things', json, '{', 405, 'method_not_allowed'],
    ['a bad escape', 'GET', '/api/things/%zz', {}, undefined, 400, 'invalid_url'],
    ['an escape that is no UTF-8', 'GET', '/api/things/%ff', {}, undefined, 400, 'invalid_url'],
    ['a query that is no UTF-8', 'GET', '/api/things?limit=%ff', {}, undefined, 400, 'invalid_url'],
    ['half a character in a query', 'GET', '/api/things?limit=%c3', {}, undefined, 400, 'invalid_url'],
    ['half a pair in a query', 'GET', '/api/things?limit=%ed%a0%80', {}, undefined, 400, 'invalid_url'],
    ['a bad escape in a query', 'GET', '/api/things?limit=%zz', {}, undefined, 400, 'invalid_url'],
    ['a NUL in the path', 'GET', '/api/things?limit=%00', {}, undefined, 400, 'invalid_url'],
    [
      'a path parameter',
      'GET',
      '/api/things/1',
      { authorization: 'Bearer ann' },
      undefined,
      400,
      'invalid_path',
    ],
    ['a query that is no number', 'GET', '/api/things?limit=many', {}, undefined, 400, 'invalid_query'],
    ['a query given twice', 'GET', '/api/things?limit=1&limit=2', {}, undefined, 400, 'invalid_query'],
    ['a huge number', 'GET', '/api/things?limit=1e999', {}, undefined, 400, 'invalid_query'],
    ['malformed JSON', 'POST', '/api/things', json, '{"name":', 400, 'malformed_json'],
    ['no body', 'POST', '/api/things', {}, undefined, 400, 'invalid_body'],
    ['an empty body', 'POST', '/api/things', json, '', 400, 'malformed_json'],
    ['invalid UTF-8', 'POST', '/api/things', json, Buffer.from([0x22, 0xff, 0x22]), 400, 'malformed_json'],
    ['an unknown field', 'POST', '/api/things', json, '{"name":"a","count":1,"x":1}', 400, 'invalid_body'],
    [
      'an unknown inner field',
      'POST',
      '/api/things',
      json,
      '{"name":"a","count":1,"inner":{"a":"","b":1}}',
      400,
      'invalid_body',
    ],
    ['a NUL in text', 'POST', '/api/things', json, '{"name":"\\u0000","count":1}', 400, 'invalid_body'],
    ['an escaped __proto__', 'POST', '/api/things', json, '{"__pr\\u006fto__":{}}', 400, 'invalid_body'],
    ['a deep nest', 'POST', '/api/things', json, nestedJson(400), 400, 'invalid_body'],
    [
      'half a surrogate pair',
      'POST',
      '/api/things',
      json,
      '{"name":"\\ud800","count":1}',
      400,
      'invalid_body',
    ],
    [
      'a prototype key',
      'POST',
      '/api/things',
      json,
      '{"name":"a","count":1,"__proto__":{}}',
      400,
      'invalid_body',
    ],
    ['an escaped prototype key', 'POST', '/api/things', json, '{"\\u005f_proto__":{}}', 400, 'invalid_body'],
    [
      'a number past all bounds',
      'POST',
      '/api/things',
      json,
      '{"name":"a","count":1e400}',
      400,
      'invalid_body',
    ],
    [
      'another media type',
      'POST',
      '/api/things',
      { 'content-type': 'text/plain' },
      good,
      415,
      'unsupported_media_type',
    ],
    [
      'a body in another coding',
      'POST',
      '/api/things',
      { ...json, 'content-encoding': 'gzip' },
      gzipSync(good),
      415,
      'unsupported_content_coding',
    ],
    [
      'a whole number that JavaScript would change',
      'POST',
      '/api/things',
      json,
      '{"name":"a","count":9007199254740993}',
      400,
      'invalid_body',
    ],
    ['an unknown parameter', 'GET', '/api/things?nosuch=1', {}, undefined, 400, 'invalid_query'],
    [
      'an unknown parameter of no parameters',
      'GET',
      '/api/catalogue?q=1',
      {},
      undefined,
      400,
      'invalid_query',
    ],
    ['too much', 'POST', '/api/things', json, `{"name":"${'a'.repeat(3000)}"}`, 413, 'body_too_large'],
    ['a stranger', 'GET', `/api/things/${id}`, {}, undefined, 401, 'authentication_required'],
    [
      'a bad token where anybody may',
      'GET',
      '/api/things',
      { authorization: 'Bearer no' },
      undefined,
      401,
      'invalid_token',
    ],
    [
      'the wrong role',
      'PUT',
      `/api/things/${id}`,
      { authorization: 'Bearer ann' },
      undefined,
      403,
      'forbidden',
    ],
    [
      'an update of nothing in particular',
      'PUT',
      `/api/things/${id}`,
      { authorization: 'Bearer ada', ...json },
      '{',
      428,
      'if_match_required',
    ],
    [
      'a stale update',
      'PUT',
      `/api/things/${id}`,
      { authorization: 'Bearer ada', 'if-match': '"2"', ...json },
      good,
      412,
      'stale_version',
    ],
    [
      'a stale update with a bad body',
      'PUT',
      `/api/things/${id}`,
      { authorization: 'Bearer ada', 'if-match': '"2"', ...json },
      '{',
      412,
      'stale_version',
    ],
    [
      'an update with a bad body',
      'PUT',
      `/api/things/${id}`,
      { authorization: 'Bearer ada', 'if-match': '"3"', ...json },
      '{',
      400,
      'malformed_json',
    ],
    [
      'an update of what is not there with a bad body',
      'PUT',
      `/api/things/${id.replace('8f', '8e')}`,
      { authorization: 'Bearer ada', 'if-match': '"2"', ...json },
      '{',
      400,
      'malformed_json',
    ],
    [
      'no idempotency key',
      'POST',
      '/api/effects',
      { authorization: 'Bearer ann', ...json },
      '{',
      400,
      'idempotency_key_required',
    ],
    ['a dependency that is away', 'GET', '/api/away', {}, undefined, 503, 'postgres_unavailable'],
    ['what nobody foresaw', 'GET', '/api/broken', {}, undefined, 500, 'internal_error'],
  ] as const)('%s is answered as a problem', async (_what, method, path, headers, body, status, code) => {
    const answer = await send(method, path, headers as Record<string, string>, body);
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    const { type, title, detail, correlationId } = answer.json();
    expect({ type, title, detail }).toEqual({
      type: `urn:problem:${code}`,
      title: expect.any(String),
      detail: expect.any(String),
    });
    expect(correlationId).toBe(answer.headers['x-correlation-id']);
    expect(answer.body).not.toMatch(/secret|at .*\.ts/);
    expect(takeLoggedErrors().map(({ msg, err }) => `${msg}: ${err?.message}`)).toEqual(
      status === 500 ? ['request failed: the secret reason'] : [],
    );
  });

  it('says where, by a JSON pointer', async () => {
    const { errors } = (await send('POST', '/api/things', json, '{"name":1,"count":1.5,"inner":{}}')).json();
    expect(errors.map(({ path }: { path: string }) => path)).toEqual(['/name', '/count', '/inner/a']);
    const query = (await send('GET', '/api/things?limit=0')).json();
    expect(query.errors[0].path).toBe('/query/limit');
  });

  it('names the parameter or the field that is not known', async () => {
    const { errors } = (await send('GET', '/api/things?limit=1&nosuch=1&other=2')).json();
    expect(errors).toEqual([
      { path: '/query/nosuch', message: 'is not a field of this request' },
      { path: '/query/other', message: 'is not a field of this request' },
    ]);
    const body = (await send('POST', '/api/things', json, '{"name":"a","count":1,"inner":{"b":1}}')).json();
    expect(body.errors).toEqual([{ path: '/inner/b', message: 'is not a field of this request' }]);
  });

  it('takes a number that is kept as it is written', async () => {
    expect(strictJson(Buffer.from('[9007199254740991, 1e15, 0.123456789012345]'))).toEqual([
      9007199254740991, 1e15, 0.123456789012345,
    ]);
    for (const number of ['9007199254740992', '-9007199254740993', '1e16', '12345678901234567890.0'])
      expect(() => strictJson(Buffer.from(`{"a":{"b":[${number}]}}`))).toThrow(/cannot be stored/);
    expect(strictJson(Buffer.from('{"a":"9007199254740993"}'))).toEqual({ a: '9007199254740993' });
  });

  it.each([
    ['utf-16', 415],
    ['"UTF-16"', 415],
    ['iso-8859-1; x=utf-8', 415],
    ['utf-8x', 415],
    ['utf-8', 201],
    ['"UTF-8"; x=y', 201],
  ])('is read as UTF-8 alone: charset=%s is %i', async (charset, status) => {
    const type = `application/json; Charset=${charset}`;
    const answer = await send('POST', '/api/things', { 'content-type': type }, good);
    expect(answer.statusCode).toBe(status);
    if (status === 415) expect(answer.json().code).toBe('unsupported_media_type');
  });

  it('is the same for every method where a part of the path is longer than any name', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await send(method, `/api/things/${'a'.repeat(2049)}`);
      expect([answer.statusCode, answer.json().code, answer.headers.allow]).toEqual([
        404,
        'route_not_found',
        undefined,
      ]);
    }
  });

  it('tells the way out in headers', async () => {
    const coded = await send('POST', '/api/things', { ...json, 'content-encoding': 'br' }, good);
    expect(coded.headers['accept-encoding']).toBe('identity');
    expect(
      (await send('POST', '/api/things', { ...json, 'content-encoding': 'identity' }, good)).statusCode,
    ).toBe(201);
    expect((await send('DELETE', '/api/things')).headers.allow).toBe('POST, GET, HEAD');
    for (const method of ['PUT', 'OPTIONS'])
      expect((await send(method, '/api/things/special')).headers.allow).toBe('GET, HEAD');
    expect((await send('GET', `/api/things/${id}`)).headers['www-authenticate']).toBe('Bearer');
    expect((await send('GET', '/api/away')).headers['retry-after']).toBe('2');
  });

  it('is a problem also below HTTP', async () => {
    const { hostname, port } = new URL(url);
    const text = await new Promise<string>((resolve) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write('NOT HTTP AT ALL\r\n\r\n'));
      socket.on('data', (chunk) => {
        received += chunk;
      });
      socket.on('close', () => resolve(received));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"code":"malformed_request"');
  });

  it('is a problem also for an expectation that nobody meets', async () => {
    const headers = { expect: 'nonsense', 'x-correlation-id': 'expecting' };
    const answer = await new Promise<IncomingMessage>((resolve) => {
      rawRequest(`${url}/api/things`, { headers }, resolve).end();
    });
    expect([answer.statusCode, answer.headers['content-type'], answer.headers['x-correlation-id']]).toEqual([
      417,
      'application/problem+json',
      'expecting',
    ]);
    expect(await bodyOf(answer)).toMatchObject({ code: 'expectation_failed', correlationId: 'expecting' });
  });

  it('is 405 for methods that no route of ours has', async () => {
    const status = await new Promise<number | undefined>((resolve) => {
      rawRequest(`${url}/api/things`, { method: 'TRACE' }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).end();
    });
    expect(status).toBe(405);
  });
});

describe('a token that cannot be verified, for want of keys,', () => {
  const headers = { authorization: 'Bearer unverifiable', ...json };

  it('makes nobody a stranger where it would matter', async () => {
    const placed = await send('POST', '/api/things', headers, good);
    expect([placed.statusCode, placed.json().code]).toEqual([503, 'authentication_unavailable']);
    expect(placed.headers['retry-after']).toBe('2');
    expect((await send('GET', '/api/things', headers)).statusCode).toBe(503);
    expect((await send('GET', `/api/things/${id}`, headers)).statusCode).toBe(503);
  });

  it('keeps nobody from what the route says anybody may have', async () => {
    const answer = await send('GET', '/api/catalogue', headers);
    expect([answer.statusCode, answer.json()]).toEqual([200, { kind: 'anonymous' }]);
    expect((await send('GET', '/api/catalogue', { authorization: 'Bearer no' })).statusCode).toBe(401);
    expect((await send('GET', '/api/catalogue', { authorization: 'Bearer ann' })).json()).toEqual({
      kind: 'user',
    });
  });
});

describe('a request', () => {
  it.each([
    [{}, undefined, 200],
    [json, undefined, 200],
    [json, '{"a":1}', 200],
    [json, '{"b":1}', 400],
    [json, '{', 400],
    [{ 'content-type': 'text/plain' }, 'a', 415],
  ])(
    'with the headers %j and the body %j that may be missing is answered with %i',
    async (head, body, status) => {
      const answer = await send('POST', '/api/things/loose', head, body);
      expect(answer.statusCode).toBe(status);
      if (status === 200) expect(answer.json().body).toEqual(body === undefined ? null : JSON.parse(body));
    },
  );

  it('of another media type learns which one its route takes', async () => {
    const details = await Promise.all(
      ['/api/things', '/api/lines'].map(async (path) =>
        (await send('POST', path, { 'content-type': 'text/plain' }, 'a')).json(),
      ),
    );
    expect(details).toMatchObject([
      { status: 415, detail: 'The body must be application/json.' },
      { status: 415, detail: 'The body must be application/x-ndjson.' },
    ]);
  });

  it('has a body that need not be there, which the document says', async () => {
    const { paths } = (await send('GET', '/openapi.json')).json();
    expect(paths['/api/things/loose'].post.requestBody.required).toBe(false);
    expect(paths['/api/things'].post.requestBody.required).toBe(true);
  });

  it('keeps the correlation id it came with, and its handler knows it', async () => {
    const answer = await send('GET', '/api/things', { 'x-correlation-id': 'my-id.1' });
    expect(answer.headers['x-correlation-id']).toBe('my-id.1');
    expect(answer.json()).toEqual({ limit: 20, correlationId: 'my-id.1' });
  });

  it.each(['', 'a b', 'x'.repeat(129), 'a\u00e9'])('gets a new correlation id instead of %j', async (bad) => {
    const answer = await send('GET', '/api/things', { 'x-correlation-id': bad });
    expect(answer.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(['/api/things', '/api/nothing'])(
    'to %s is answered with the trace that it came with',
    async (path) => {
      const answer = await send('GET', path, { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
      expect(answer.headers.traceparent).toMatch(/^00-a{32}-[0-9a-f]{16}-01$/);
    },
  );

  it('is not sent what its caller has already', async () => {
    const headers = { authorization: 'Bearer ann' };
    const first = await send('GET', `/api/things/${id}`, headers);
    expect(first.headers.etag).toBe('"3"');
    const again = await send('GET', `/api/things/${id}`, { ...headers, 'if-none-match': 'W/"3", "9"' });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });

  it('may come without a body where none is expected, whatever its content type', async () => {
    const plain = createHttpServer(testHost(), { port: 0, title: 'x' });
    plain.app.delete(
      '/x',
      { access: 'anonymous', schema: { response: { 204: z.undefined() } } },
      (_r, reply) => reply.code(204).send(),
    );
    const answer = await plain.app.inject({ method: 'DELETE', url: '/x', headers: json });
    expect(answer.statusCode).toBe(204);
  });

  it.each([
    ['{"items":[1],"other":{}}', ['/items', '/other']],
    ['[]', ['']],
    ['"a"', ['']],
    ['0', ['']],
  ])('is refused with the body %s where its route takes none', async (body, paths) => {
    const answer = await send('POST', '/api/acts', json, body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_body']);
    expect(answer.json().errors.map(({ path }: { path: string }) => path)).toEqual(paths);
  });

  it.each(['', '{}', ' { } ', 'null'])('may have the body %j where its route takes none', async (body) => {
    const answer = await send('POST', '/api/acts', json, body);
    expect([answer.statusCode, answer.json()]).toEqual([200, { body: 'none' }]);
  });

  it('is counted by its route, not by its address', async () => {
    await send('GET', `/api/things/${id}`, { authorization: 'Bearer ann' });
    const { body } = await send('GET', '/metrics');
    expect(body).toMatch(/http_requests_total\{method="GET",route="\/api\/things\/:id",status="200"\} \d+/);
    expect(body).toContain('http_request_duration_seconds_bucket');
    expect(body).toContain('process_cpu_seconds_total');
    expect(body).not.toContain(id);
  });
});

describe('a route', () => {
  it('says who may call it, or is refused', () => {
    const { app: fresh } = createHttpServer(testHost(), { port: 0, title: 'x' });
    expect(() => fresh.get('/x', {}, async () => 'x')).toThrow(/does not say who may access it/);
  });

  it('that needs somebody logged in is not had without keys', () => {
    const { app: fresh } = createHttpServer(testHost(), { port: 0, title: 'x' });
    const config = { anonymousWithoutKeys: true };
    expect(() => fresh.get('/x', { access: 'user', config }, async () => 'x')).toThrow(/is not public/);
  });

  it('refuses unknown fields at every depth, or is refused', () => {
    const { app: fresh } = createHttpServer(testHost(), { port: 0, title: 'x' });
    const body = z.strictObject({
      list: z
        .array(z.object({ a: z.string().max(9) }))
        .max(9)
        .optional(),
    });
    expect(() => fresh.post('/x', { access: 'public', schema: { body } }, async () => 'x')).toThrow(
      /POST \/x body\.list\[\]: use z\.strictObject/,
    );
  });

  it('is documented with what follows from how it is declared', async () => {
    const document = (await send('GET', '/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    const { put, get } = document.paths['/api/things/{id}'];
    expect(put.security).toEqual([{ bearer: [] }, { apiKey: ['things:write'] }]);
    expect(Object.keys(put.responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '412', '413', '415', '428', '429', '503']),
    );
    expect(put.parameters.map(({ name }: { name: string }) => name)).toContain('if-match');
    expect(get.parameters[0]).toMatchObject({ name: 'id', in: 'path', required: true });
    const body = put.requestBody.content['application/json'].schema;
    expect(body.additionalProperties).toBe(false);
    expect(body.properties.name.pattern).toBe('^[^\\x00]*$');
  });
});

describe('health', () => {
  it('is down, and 503, when a part without which there is no service is down', async () => {
    const sick = testHost('sick');
    sick.use({
      name: 'db',
      start: async () => {},
      stop: async () => {},
      checkHealth: async () => {
        throw new Error('refused');
      },
    });
    const { app: fresh } = createHttpServer(sick, { port: 0, title: 'x' });
    const answer = await fresh.inject({ method: 'GET', url: '/health/ready' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({
      status: 'down',
      service: 'sick',
      dependencies: { db: { status: 'down', latencyMs: expect.any(Number) } },
    });
    expect((await fresh.inject({ method: 'GET', url: '/health/live' })).statusCode).toBe(200);
  });
});
