import { expect, it } from 'vitest';
import { createHttpServer } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
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
