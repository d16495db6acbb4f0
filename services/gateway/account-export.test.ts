import { describe, expect, it } from 'vitest';
import { unavailable } from '#platform/http/problem-details';
import { createHttpServer } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { accountExportRoute, exportPath } from './account-export.js';
import { forwardings } from './routing-table.js';
import type { UpstreamRequest, UpstreamResponse } from './upstream.js';

type Answers = (request: UpstreamRequest) => { statusCode: number; body: object };

const elsewhere = ['orders', 'payments'].map((what) => ({
  what,
  href: `/api/${what}?userId=u1&limit=100`,
  complete: false,
}));
const rest = [
  { what: 'reviews', href: '/api/users/me/reviews?limit=100', complete: false },
  { what: 'cart', href: '/api/cart', complete: false },
];
const own: Answers = () => ({ statusCode: 200, body: { account: { id: 'u1' }, elsewhere } });

const exported = async (answers: Record<string, Answers>) => {
  const asked: UpstreamRequest[] = [];
  const upstreamOf = (answer: Answers | undefined) => ({
    send: async (request: UpstreamRequest): Promise<UpstreamResponse> => {
      asked.push(request);
      if (answer === undefined) throw unavailable('service_unavailable', 'It is away.', 2);
      const { statusCode, body } = answer(request);
      return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    },
  });
  const { app } = createHttpServer(testHost('gateway'), { port: 0, title: 'Gateway' });
  const upstreams = Object.fromEntries(forwardings.map(({ to }) => [to, upstreamOf(answers[to])]));
  accountExportRoute(app, { table: forwardings, upstreams: upstreams as never });
  const headers = { authorization: 'Bearer token', 'if-none-match': '"1"', 'x-cart-id': 'a.b.c' };
  const answer = await app.inject({ url: exportPath, headers });
  return { status: answer.statusCode, body: answer.json(), asked };
};

describe('the export of an account', () => {
  it('has every page of every list, asked for with the caller’s token', async () => {
    const order: Answers = ({ path }) => {
      const cursor = new URL(path, 'http://order').searchParams.get('cursor');
      const last = cursor === 'second';
      return { statusCode: 200, body: { items: [last ? 2 : 1], next: last ? null : 'second' } };
    };
    const payment: Answers = () => ({ statusCode: 200, body: { items: [3], next: null } });
    const { status, body, asked } = await exported({ user: own, order, payment });
    expect(status).toBe(200);
    expect(body).toMatchObject({ account: { id: 'u1' }, orders: [1, 2], payments: [3] });
    expect(body.elsewhere.map(({ complete }: { complete: boolean }) => complete)).toEqual([true, true]);
    for (const { headers } of asked) {
      expect(headers).toMatchObject({ authorization: 'Bearer token' });
      expect(headers).not.toHaveProperty('if-none-match');
    }
    expect(asked.map(({ path }) => path)).toContain('/api/orders?userId=u1&limit=100&cursor=second');
  });

  it('has the reviews and the cart, which other services store, and makes no guest’s cart the account’s', async () => {
    const user: Answers = () => ({ statusCode: 200, body: { account: { id: 'u1' }, elsewhere: rest } });
    const review: Answers = ({ path }) => ({ statusCode: 200, body: { items: [path], next: null } });
    const cart: Answers = () => ({ statusCode: 200, body: { items: [{ quantity: 2 }], total: null } });
    const { body, asked } = await exported({ user, review, cart });
    expect(body).toMatchObject({ reviews: ['/api/users/me/reviews?limit=100'], cart: [{ quantity: 2 }] });
    expect(body.elsewhere.map(({ complete }: { complete: boolean }) => complete)).toEqual([true, true]);
    for (const { headers } of asked) expect(headers).not.toHaveProperty('x-cart-id');
  });

  it('says which lists it has not, and has the others', async () => {
    const order: Answers = () => ({ statusCode: 200, body: { items: [], next: null } });
    const { status, body } = await exported({ user: own, order });
    expect([status, body.orders, body.payments]).toEqual([200, [], undefined]);
    expect(body.elsewhere.map(({ complete }: { complete: boolean }) => complete)).toEqual([true, false]);
  });

  it('ends with a list that has no end', async () => {
    const endless: Answers = () => ({ statusCode: 200, body: { items: Array(100).fill(1), next: 'more' } });
    const { body } = await exported({ user: own, order: endless, payment: endless });
    expect([body.orders.length, body.elsewhere[0].complete]).toEqual([5_000, false]);
  });

  it('is refused as the user service refuses it', async () => {
    const user: Answers = () => ({ statusCode: 401, body: { code: 'authentication_required' } });
    const { status, body, asked } = await exported({ user });
    expect([status, body.code, asked.length]).toEqual([401, 'authentication_required', 1]);
  });
});
