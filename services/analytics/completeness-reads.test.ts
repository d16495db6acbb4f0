import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, type TestContext } from 'vitest';
import type { Broker, BrokerAdmin } from '#platform/messaging/broker';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import { completenessOf } from './completeness-reads.js';

const names = [
  ...(['sales', 'activity', 'orderEvents', 'stockEvents', 'paymentEvents'] as const),
  ...(['visits', 'performance', 'stockOuts', 'fraudSignals'] as const),
];
const minuteMs = 60_000;
/** From the last event of a row to when it is written: the window, those out of order, lateness, and an idle partition. */
const heldMs = { visits: 30 * minuteMs + 72_000, performance: 70 * minuteMs + 12_000 };

/** A service that says how far its outbox is. */
const outbox = async ({ onTestFinished }: TestContext, ageMs: number): Promise<string[]> => {
  const server = createServer((_, answer) => answer.end(JSON.stringify({ ageMs })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
};

const nobody = ['http://127.0.0.1:1'];

type Outboxes = { order?: number; inventory?: number; payment?: number; windows?: 'away' };

/** The gauges, where these outboxes are so far behind, and every group has read all that is in the log, but for `unread`. */
const gaugesWith = async (
  context: TestContext,
  agesMs: Outboxes,
  {
    unread = 0n,
    query = async () => [],
  }: { unread?: bigint; query?: (sql: string) => Promise<never[]> } = {},
) => {
  const clock = handClock();
  const admin = {
    offsets: async () => [{ partition: 0, low: 0n, high: 7n + unread }],
    offsetsSince: async (_: string, sinceMs: number) => [
      { partition: 0, offset: sinceMs > clock.nowMs() ? 7n + unread : 7n },
    ],
    committedOffsets: async () => [{ partition: 0, nextOffset: 7n }],
    close: async () => {},
  } as unknown as BrokerAdmin;
  return completenessOf(
    {
      ingestGroup: 'ingest',
      windowsGroup: 'windows',
      windowsIdleAfterMs: 2_000,
      visitGapMs: 30 * minuteMs,
      performanceWindowMs: 60 * minuteMs,
      orderUrls: await outbox(context, agesMs.order ?? 0),
      inventoryUrls: await outbox(context, agesMs.inventory ?? 0),
      paymentUrls: await outbox(context, agesMs.payment ?? 0),
      windowsUrls: agesMs.windows === 'away' ? nobody : await outbox(context, 0),
    },
    {
      broker: { admin: async () => admin } as unknown as Broker,
      clickhouse: { query },
      clock,
      logger: testLogger('analytics'),
      use: (gauge) => gauge,
    },
  );
};

const lagsWith = async (context: TestContext, agesMs: Outboxes) => {
  const gauges = await gaugesWith(context, agesMs);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await gauges[name].read()).lagMs])),
  );
};

it('each set of facts is behind by every outbox on its way, and by no other', async (context) => {
  const none = {
    ...{ sales: 1_000, activity: 5_000, orderEvents: 1_000, stockOuts: 1_000, fraudSignals: 1_000 },
    ...{ stockEvents: 1_000, paymentEvents: 1_000 },
    visits: 5_000 + heldMs.visits,
    performance: 5_000 + heldMs.performance,
  };
  expect(await lagsWith(context, {})).toEqual(none);
  const behind = 61_000;
  expect(await lagsWith(context, { order: 60_000 })).toEqual({
    ...none,
    sales: behind,
    orderEvents: behind,
    visits: behind + heldMs.visits,
    performance: behind + heldMs.performance,
    stockOuts: behind,
    fraudSignals: behind,
  });
  expect(await lagsWith(context, { inventory: 60_000 })).toEqual({
    ...none,
    stockEvents: behind,
    stockOuts: behind,
  });
  expect(await lagsWith(context, { payment: 60_000 })).toEqual({ ...none, paymentEvents: behind });
});

it('says nothing of facts whose source has never said how far it is, and all of the others', async (context) => {
  const gauges = await gaugesWith(context, { windows: 'away' });
  for (const name of ['visits', 'performance', 'stockOuts', 'fraudSignals'] as const)
    await expect(gauges[name].read()).rejects.toMatchObject({
      code: 'dependency_unavailable',
      retriable: true,
    });
  for (const name of ['sales', 'orderEvents'] as const)
    expect(await gauges[name].read()).toMatchObject({ lagMs: 1_000 });
});

it('looks for the newest row only in tables that have their rows in the order of the log', async (context) => {
  const tables = new Set<string | undefined>();
  const query = async (sql: string) => {
    tables.add(/FROM (\w+)/.exec(sql)?.[1]);
    return [];
  };
  const gauges = await gaugesWith(context, {}, { unread: 1n, query });
  for (const name of names)
    expect(await gauges[name].read()).toMatchObject({
      lagMs: 6_000 + (name === 'visits' || name === 'performance' ? heldMs[name] : 0),
    });
  expect([...tables].sort()).toEqual(['domain_events', 'sales', 'shopper_activity']);
});
