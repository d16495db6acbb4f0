import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { RunnableHost } from '#platform/service-host';
import { testHost } from '#platform/testing/test-host';
import { localServerAt } from './local-server.js';
import { decodeCursor, decodeSortedCursor, listQuery, type PageRequest, pageFrom } from './pagination.js';
import { createHttpServer } from './server.js';
import { text } from './text.js';

const query = z.strictObject(listQuery);

const asking = (url: string, cursor?: string, params = {}): PageRequest => ({
  routeOptions: { url },
  params,
  query: { limit: 1, cursor },
});

/** The cursor of a page of one row whose position is this. */
const cursorAt = (url: string, position: unknown, params = {}): string =>
  pageFrom(asking(url, undefined, params), [1, 2], () => position).next as string;

const refusal = expect.objectContaining({
  status: 400,
  code: 'invalid_cursor',
  errors: [expect.objectContaining({ path: '/cursor' })],
});

describe('a cursor', () => {
  const id = z.int();

  it('is good for its own list alone', () => {
    const cursor = cursorAt('/api/orders', 5);
    expect(decodeCursor(asking('/api/orders', cursor), id)).toBe(5);
    expect(decodeCursor(asking('/api/orders'), id)).toBeUndefined();
    for (const other of ['/api/payments', '/api/orders/5', '/api'])
      expect(() => decodeCursor(asking(other, cursor), id)).toThrow(refusal);
  });

  it('is of the list of one thing, however its id is written', () => {
    const list = '/api/inventory/:productId/movements';
    const cursor = cursorAt(list, 5, { productId: 'ab' });
    expect(decodeCursor(asking(list, cursor, { productId: 'AB' }), id)).toBe(5);
    for (const productId of ['cd', 'ab/movements', 'a'])
      expect(() => decodeCursor(asking(list, cursor, { productId }), id)).toThrow(refusal);
  });

  it('is as it was when its mark was made of the path as written', () => {
    const cursor = Buffer.from('["G4gwG6",5]').toString('base64url');
    const list = '/api/inventory/:productId/movements';
    expect(cursorAt(list, 5, { productId: 'ab' })).toBe(cursor);
  });

  it.each([
    '',
    'x',
    'null',
    '%00',
    Buffer.from('5').toString('base64url'),
    Buffer.from('["",5]').toString('base64url'),
  ])('is not %j', (invented) => {
    expect(() => decodeCursor(asking('/api/orders', invented), id)).toThrow(refusal);
  });

  it('has a position that fits', () => {
    expect(() => decodeCursor(asking('/api/orders', cursorAt('/api/orders', 'x')), id)).toThrow(refusal);
  });
});

describe('the cursor of a request', () => {
  let host: RunnableHost;
  let origin: string;
  beforeAll(async () => {
    host = testHost('lists');
    const { app, component } = createHttpServer(host, { port: 0, title: 'Lists' });
    const params = z.strictObject({ name: text(20) });
    app.get(
      '/api/lists/:name/rows',
      { access: 'anonymous', schema: { params, querystring: query } },
      async (request) => {
        const after = decodeCursor(request, z.int()) ?? 0;
        return pageFrom(request, [after + 1, after + 2], (row) => row);
      },
    );
    host.use(component);
    await host.start();
    origin = component.url;
  });
  afterAll(() => host.stop());

  const pageAt = async (path: string): Promise<{ items?: number[]; next?: string; code?: string }> => {
    const request = { method: 'GET', path, headers: {}, body: null, signal: new AbortController().signal };
    const bounds = { answerTimeoutMs: 5_000, silenceMsMax: 5_000 };
    const answer = await localServerAt(origin)?.ask(request, bounds);
    return JSON.parse(String(answer?.body));
  };

  // Requests that are spelt differently may share one answer: a stranger's spelling would spoil everybody's next page.
  it.each([
    '/api/lists/a/rows?limit=1',
    '/api/%6Cists/%61/rows?limit=1',
    '/api/lists/a/rows#limit=1',
    'http://shop.test/api/lists/a/rows?limit=1',
    '/api/lists/A/rows?limit=1',
  ])('is the same when the list is asked for as %s', async (path) => {
    const { next } = await pageAt(path);
    expect(next).toBe((await pageAt('/api/lists/a/rows?limit=1')).next);
    for (const again of ['/api/lists/a/rows', '/api/lists/%61/%72ows'])
      expect((await pageAt(`${again}?limit=1&cursor=${next}`)).items).toEqual([2]);
    expect((await pageAt(`/api/lists/b/rows?limit=1&cursor=${next}`)).code).toBe('invalid_cursor');
  });

  it('tells names apart that are encoded, as before', async () => {
    const { next } = await pageAt('/api/lists/a%2Frows/rows?limit=1');
    expect((await pageAt(`/api/lists/a%2frows/rows?limit=1&cursor=${next}`)).items).toEqual([2]);
    expect((await pageAt(`/api/lists/a/rows?limit=1&cursor=${next}`)).code).toBe('invalid_cursor');
  });
});

describe('a cursor of a list with several orders', () => {
  const position = z.object({ sort: z.enum(['price', 'newest']), id: z.int() });
  const url = '/api/products';

  it('is good for its own order alone', () => {
    const cursor = cursorAt(url, { sort: 'price', id: 1 });
    expect(decodeSortedCursor(asking(url, cursor), position, 'price')).toEqual({ sort: 'price', id: 1 });
    expect(decodeSortedCursor(asking(url), position, 'price')).toBeUndefined();
    for (const [made, sort] of [
      [cursor, 'newest'],
      [cursorAt(url, { sort: 'price' }), 'price'],
      ['x', 'price'],
    ] as const)
      expect(() => decodeSortedCursor(asking(url, made), position, sort)).toThrow(refusal);
  });
});

describe('the limit of a page', () => {
  it('is written in decimal digits', () => {
    expect(query.parse({}).limit).toBe(20);
    expect(query.parse({ limit: '100' }).limit).toBe(100);
  });

  it.each(['0x10', '1e1', '0b11', ' 5', '+5', '5.0', '-1', '', '0', '101', 'x', '٣', ['5', '6'], ['5']])(
    'is not %j',
    (limit) => {
      expect(query.safeParse({ limit }).success).toBe(false);
    },
  );

  it('is documented as an integer with a default', () => {
    expect(z.toJSONSchema(query, { io: 'input' }).properties?.limit).toEqual({
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 20,
    });
  });
});
