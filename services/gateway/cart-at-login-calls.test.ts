import { expect, it } from 'vitest';
import { createAuthenticator } from '#platform/http/auth';
import { unavailable } from '#platform/http/problem-details';
import { createHttpServer } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { createCatalogueCache } from './catalogue-cache.js';
import { forwardingRoutes } from './forwarding.js';
import { forwardings } from './routing-table.js';
import { createSharedAnswers } from './shared-answers.js';
import type { UpstreamRequest, UpstreamResponse } from './upstream.js';

const login = '{"accessToken":"a.b.c","refreshToken":"r","user":{}}';

/** What the cart service was asked, and the answer to the login. */
const loggedIn = async (
  url: string,
  {
    status = 200,
    cartId,
    isCartAway = false,
  }: { status?: number; cartId?: string; isCartAway?: boolean } = {},
) => {
  const asked: UpstreamRequest[] = [];
  const user = {
    send: async (): Promise<UpstreamResponse> => ({ statusCode: status, headers: {}, body: login }),
  };
  const cart = {
    send: async (request: UpstreamRequest): Promise<UpstreamResponse> => {
      asked.push(request);
      if (isCartAway) throw unavailable('service_unavailable', 'It is away.', 2);
      return { statusCode: 200, headers: {}, body: '{}' };
    },
  };
  const host = testHost('gateway');
  const { app } = createHttpServer(host, { port: 0, title: 'Gateway' });
  await forwardingRoutes(
    app,
    forwardings.filter(({ to }) => to === 'user'),
    { user, cart } as never,
    {
      places: { leave: () => {} },
      cache: createCatalogueCache(host, 'redis://127.0.0.1:1'),
      shared: createSharedAnswers(host.clock.monotonicMs),
      auth: createAuthenticator({ keys: async () => ({ keys: [] }), issuer: 'i', audience: 'a' }),
    },
  );
  const headers = {
    'content-type': 'application/json',
    ...(cartId === undefined ? {} : { 'x-cart-id': cartId }),
  };
  const answer = await app.inject({ method: 'POST', url, headers, payload: '{}' });
  return { asked, answer: [answer.statusCode, answer.body] };
};

it.each(['/api/auth/login', '/api/auth/register', '/api/auth/%6Cogin'])(
  'a guest’s cart that %s names becomes the user’s before the answer',
  async (url) => {
    const { asked, answer } = await loggedIn(url, { cartId: 'of-a-guest' });
    expect(answer).toEqual([200, login]);
    expect(asked).toMatchObject([
      {
        method: 'GET',
        path: '/api/cart',
        headers: { authorization: 'Bearer a.b.c', 'x-cart-id': 'of-a-guest' },
      },
    ]);
  },
);

it('no cart is asked for where none is named, nobody has logged in, or it is no login', async () => {
  expect((await loggedIn('/api/auth/login')).asked).toEqual([]);
  expect((await loggedIn('/api/auth/login', { cartId: 'c', status: 401 })).asked).toEqual([]);
  expect((await loggedIn('/api/auth/refresh', { cartId: 'c' })).asked).toEqual([]);
});

it('a login goes on while the cart service is away', async () => {
  const { asked, answer } = await loggedIn('/api/auth/login', { cartId: 'c', isCartAway: true });
  expect([asked.length, answer]).toEqual([1, [200, login]]);
});
