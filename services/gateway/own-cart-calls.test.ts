import { expect, it } from 'vitest';
import { type Authenticator, anonymous } from '#platform/http/auth';
import { problem, unavailable } from '#platform/http/problem-details';
import { createHttpServer } from '#platform/http/server';
import { encodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { testHost } from '#platform/testing/test-host';
import { forwardingRoutes } from './forwarding.js';
import { isOfOwnCart } from './own-cart-calls.js';
import { forwardings } from './routing-table.js';
import { forwardingParts } from './testing/forwarding-parts.js';
import type { UpstreamRequest, UpstreamResponse } from './upstream.js';

const list = '/api/recommendations?scenario=cart&limit=5';
const token = { authorization: 'Bearer ada' };
const guest = { 'x-cart-id': 'of-a-guest' };
const auth: Authenticator = {
  principalOf: async (authorization) => {
    if (authorization === 'Bearer ada') return { kind: 'user', userId: 'ada', roles: ['customer'] };
    if (authorization === 'Bearer sue') return { kind: 'user', userId: 'sue', roles: ['support'] };
    throw problem(401, 'invalid_token', 'no');
  },
};

const inCart = { statusCode: 200, body: { items: [{ productId: 'tea' }, { productId: 'pot' }] } };

/** What was asked of the cart service, and which list was asked for then. */
const asked = async (
  url: string,
  headers: Record<string, string>,
  cartAnswer: { statusCode: number; body: object } | undefined = inCart,
) => {
  const ofCart: UpstreamRequest[] = [];
  const lists: UpstreamRequest[] = [];
  const cart = {
    send: async (request: UpstreamRequest): Promise<UpstreamResponse> => {
      ofCart.push(request);
      if (cartAnswer.statusCode === 503) throw unavailable('service_unavailable', 'It is away.', 2);
      return { ...cartAnswer, headers: {}, body: JSON.stringify(cartAnswer.body) };
    },
  };
  const recommendation = {
    send: async (request: UpstreamRequest): Promise<UpstreamResponse> => {
      lists.push(request);
      const sharing = encodeSharedAnswer({ roles: ['anonymous'], ageMsMax: 1_000 });
      const answered = {
        [sharedAnswerHeader]: sharing,
        'content-type': 'application/json',
        'content-length': '2',
      };
      return { statusCode: 200, headers: answered, body: '{}' };
    },
  };
  const host = testHost('gateway');
  const { app } = createHttpServer(host, { port: 0, title: 'Gateway' });
  const parts = { ...forwardingParts(host), auth };
  const table = forwardings.filter(({ to }) => to === 'recommendation');
  await forwardingRoutes(app, table, { recommendation, cart } as never, parts);
  const answer = await app.inject({ url, headers });
  expect(answer.statusCode).toBe(200);
  return {
    ofCart: ofCart.map(({ path, headers: { authorization, 'x-cart-id': cartId } }) => ({
      path,
      authorization,
      cartId,
    })),
    lists: lists.map(({ path }) => path),
    isShared: parts.shared.find(url, anonymous) !== undefined,
    caching: answer.headers['cache-control'],
  };
};

const cartOf = (authorization?: string, cartId?: string) => [{ path: '/api/cart', authorization, cartId }];
const withCart = `${list}&productIds=tea,pot`;

it.each([
  ['a user', list, token, cartOf(token.authorization)],
  ['a guest', list, guest, cartOf(undefined, 'of-a-guest')],
  ['a user, whose guest’s cart stays a guest’s,', list, { ...token, ...guest }, cartOf(token.authorization)],
  [
    'a user however it is written',
    '/api/%72ecommendations?limit=5&scenario=c%61rt',
    token,
    cartOf('Bearer ada'),
  ],
  ['staff who name themselves', `${list}&userId=SUE`, { authorization: 'Bearer sue' }, cartOf('Bearer sue')],
  ['a user who names another, which has no effect,', `${list}&userId=bob`, token, cartOf('Bearer ada')],
])(
  'a list of the cart of %s is asked for with what is in it, and is for nobody else',
  async (_, url, headers, cart) => {
    const { ofCart, lists, isShared, caching } = await asked(url, headers);
    expect(ofCart).toEqual(cart);
    expect(lists).toEqual([`${url}&productIds=tea,pot`]);
    expect([isShared, caching]).toEqual([false, 'private, no-store']);
  },
);

it.each([
  ['names its products', `${list}&productIds=cup`, token],
  ['names none', `${list}&productIds=`, token],
  ['is another', '/api/recommendations?scenario=home', token],
  ['is explained to staff', list.replace('?', '/explain?'), { authorization: 'Bearer sue' }],
  ['is of somebody else, for staff', `${list}&userId=bob`, { authorization: 'Bearer sue' }],
  ['is for nobody known', list, {}],
])('no cart is asked for where the list %s', async (_, url, headers) => {
  const { ofCart, lists } = await asked(url, headers as Record<string, string>);
  expect([ofCart, lists]).toEqual([[], [url]]);
});

it.each([
  ['is empty', { statusCode: 200, body: { items: [] } }],
  ['is refused', { statusCode: 401, body: { code: 'invalid_token' } }],
  ['is away', { statusCode: 503, body: {} }],
  ['is no cart', { statusCode: 200, body: { other: 1 } }],
])('a list is made without a cart that %s, and then others may have it too', async (_, answer) => {
  expect(await asked(list, guest, answer)).toMatchObject({ lists: [list], isShared: true });
});

it('the way past the router leaves such a list to it', () => {
  const path = '/api/recommendations';
  expect(isOfOwnCart(path, { url: list, headers: token })).toBe(true);
  expect(isOfOwnCart(path, { url: list, headers: guest })).toBe(true);
  expect(isOfOwnCart(path, { url: withCart, headers: token })).toBe(false);
  expect(isOfOwnCart(path, { url: list, headers: {} })).toBe(false);
  expect(isOfOwnCart('/api/products', { url: '/api/products?scenario=cart', headers: token })).toBe(false);
});
