import { describe, expect, it } from 'vitest';
import { createHttpServer } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { createKeyedBells } from '#platform/waiting/keyed-bells';
import type { OrderStatus } from './order.js';
import type { OrderViews } from './order-view-store.js';
import { statusRoutes } from './status-routes.js';

it.each(['1e4', '%2B5000', '0x10', '', '10001', '-1', '1.5'])(
  'does not wait for %j milliseconds',
  async (waitMs) => {
    const { app } = createHttpServer(testHost('order'), { port: 0, title: 'Orders' });
    // It is refused before any order is read.
    statusRoutes(app, { views: {} as OrderViews, stopping: new AbortController().signal });
    const url = `/api/orders/0190b7a2-0000-7000-8000-00000000000a/status?waitMs=${waitMs}`;
    const answer = await app.inject(url);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_query']);
  },
);

describe('an order’s status', () => {
  /** What is answered before the order has changed, and what after it was shipped. */
  const asked = async (before: OrderStatus, query: string) => {
    const orderId = '0190b7a2-0000-7000-8000-00000000000a';
    const order = { orderId, userId: 'ada', status: before, reason: null };
    const bells = createKeyedBells({ waitersMax: 10 });
    const waiting = Promise.withResolvers<'waits'>();
    const waiters: (string | undefined)[] = [];
    const views = {
      standing: async () => ({ ...order }),
      find: async () => ({ ...order }),
      changed: (...given: Parameters<OrderViews['changed']>) => {
        const change = bells.wait(...given);
        waiters.push(given[3]);
        waiting.resolve('waits');
        return change;
      },
    } as unknown as OrderViews;
    const auth = {
      principalOf: async () => ({ kind: 'user', userId: 'ada', roles: ['customer'] }) as const,
    };
    const { app } = createHttpServer(testHost('order'), { port: 0, title: 'Orders', auth });
    statusRoutes(app, { views, stopping: new AbortController().signal });
    const headers = { authorization: 'Bearer ada' };
    const answer = app.inject({ url: `/api/orders/${orderId}/status?${query}`, headers });
    const status = answer.then((answered) => answered.json().status as string);
    const atFirst = await Promise.race([status, waiting.promise]);
    order.status = 'shipped';
    bells.ring(orderId);
    return [atFirst, await status, ...new Set(waiters)];
  };

  it.each<[OrderStatus, string]>([
    ['pending', 'waitMs=9000'],
    ['paid', 'waitMs=9000&known=paid'],
    ['confirmed', 'waitMs=9000&known=confirmed'],
    ['delivered', 'waitMs=9000&known=delivered'],
  ])('that is %s is waited for with %s', async (status, query) => {
    // Whoever waits takes a place of their own account.
    expect(await asked(status, query)).toEqual(['waits', 'shipped', 'ada']);
  });

  it.each<[OrderStatus, string]>([
    // Whoever asks after the order was confirmed waits for just that.
    ['confirmed', 'waitMs=9000'],
    ['confirmed', 'waitMs=9000&known=pending'],
    ['confirmed', 'known=confirmed'],
    ['cancelled', 'waitMs=9000&known=cancelled'],
    ['returned', 'waitMs=9000&known=returned'],
  ])('that is %s is answered at once with %s', async (status, query) => {
    expect(await asked(status, query)).toEqual([status, status]);
  });
});
