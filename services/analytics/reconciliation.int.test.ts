import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Authenticator } from '#platform/http/auth';
import { createHttpServer, type HttpApp } from '#platform/http/server';
import { type ScratchClickHouse, scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { testHost } from '#platform/testing/test-host';
import type { Role } from '#schemas/roles';
import { reconciliationRoutes } from './reconciliation.js';

/** Takes the bearer token for the caller's role. */
const auth: Authenticator = {
  principalOf: async (header) =>
    header === undefined
      ? { kind: 'anonymous' }
      : { kind: 'user', userId: 'user', roles: [header.replace('Bearer ', '') as Role] },
};

let scratch: ScratchClickHouse;
let app: HttpApp;

beforeAll(async () => {
  scratch = await scratchClickHouse();
  app = createHttpServer(testHost('analytics'), { port: 0, title: 'analytics', auth }).app;
  reconciliationRoutes(app, scratch.clickhouse);
});
afterAll(() => scratch.drop());

const ask = (query = '', role = 'support') =>
  app.inject({
    method: 'GET',
    url: `/api/ops/reconciliation${query}`,
    headers: { authorization: `Bearer ${role}` },
  });

it('lists what Kafka had deleted before it was ingested, newest first, page by page', async () => {
  expect((await ask()).json()).toEqual({ items: [], next: null });
  const noticedAt = (minute: number) => `2026-09-21 14:${String(minute).padStart(2, '0')}:20.123`;
  await scratch.clickhouse.insertRows('ingest_lost_ranges', [
    { topic: 'sales', partition: 0, from_offset: 5, to_offset: 7, noticed_at: noticedAt(1) },
    { topic: 'sales', partition: 1, from_offset: 5, to_offset: 6, noticed_at: noticedAt(1) },
    { topic: 'shopper-activity', partition: 3, from_offset: 0, to_offset: 9, noticed_at: noticedAt(2) },
  ]);
  // Noticed again, and longer: one range still.
  await scratch.clickhouse.insertRows('ingest_lost_ranges', [
    { topic: 'sales', partition: 0, from_offset: 5, to_offset: 9, noticed_at: noticedAt(3) },
  ]);
  const first = (await ask('?limit=2')).json();
  expect(first).toEqual({
    items: [
      {
        oracle: 'O7',
        topic: 'sales',
        partition: 0,
        fromOffset: 5,
        toOffset: 9,
        count: 4,
        noticedAt: '2026-09-21T14:03:20.123Z',
      },
      expect.objectContaining({ topic: 'shopper-activity', partition: 3, count: 9 }),
    ],
    next: expect.any(String),
  });
  expect((await ask(`?limit=2&cursor=${first.next}`)).json()).toEqual({
    items: [expect.objectContaining({ topic: 'sales', partition: 1, count: 1 })],
    next: null,
  });
});

it('answers staff alone', async () => {
  const statuses = await Promise.all(
    ['customer', 'analyst', 'support', 'admin'].map(async (role) => (await ask('', role)).statusCode),
  );
  expect(statuses).toEqual([403, 403, 200, 200]);
});
