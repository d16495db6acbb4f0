import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBroker } from '#platform/messaging/open-broker';
import { engines, runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testLogger } from '#platform/testing/logged-errors';
import { readRunFile, shopAt } from './shop.js';

type Span = { traceId: string; localEndpoint?: { serviceName?: string }; name: string };

const correlationId = `journey-${randomUUID()}`;
const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
let orderId: string;

const spansOf = async (traceId: string): Promise<Span[]> => {
  const response = await fetch(`${run.zipkin}/api/v2/trace/${traceId}`);
  return response.status === 200 ? ((await response.json()) as Span[]) : [];
};

describe('one order, seen from outside', () => {
  const traceId = randomUUID().replaceAll('-', '');

  beforeAll(async () => {
    const admin = await shop.login(run.adminEmail, run.adminPassword);
    const { token } = await shop.registerCustomer();
    const productId = await shop.createProduct(admin, { initialStock: 5 });
    const placed = await shop.placeOrder({
      token,
      items: [{ productId, quantity: 1 }],
      headers: { 'x-correlation-id': correlationId, traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    });
    expect(placed.status).toBe(202);
    expect(placed.headers.get('x-correlation-id')).toBe(correlationId);
    orderId = placed.body.id;
    expect((await shop.settled(orderId, token)).status).toBe('confirmed');
  }, 60_000);

  it('is one trace in Zipkin from the gateway through order, inventory, payment and ingest', async () => {
    const expected = ['gateway', 'order', 'inventory', 'payment', 'clickhouse-ingest'];
    let services = new Set<string>();
    await eventually(
      async () => {
        services = new Set((await spansOf(traceId)).map((span) => span.localEndpoint?.serviceName ?? ''));
        return expected.every((service) => services.has(service));
      },
      {
        timeoutMs: 30_000,
        everyMs: 250,
        message: () => `spans of ${expected.filter((s) => !services.has(s)).join(', ')}`,
      },
    );
  }, 40_000);

  it('carries its correlation id in every Kafka header', async () => {
    const broker = openBroker(engines().kafka, {
      clientId: 'journey-test',
      logger: testLogger('journey-test'),
    });
    const expected: Record<string, number> = { orders: 2, inventory: 2, payments: 2, sales: 1 };
    const seen: { topic: string; correlation: string | undefined }[] = [];
    const consumer = broker.consumer({ group: `journey-${randomUUID()}`, topics: Object.keys(expected) });
    try {
      await consumer.run(async (batch) => {
        for (const record of batch.records)
          if (record.key?.toString() === orderId)
            seen.push({ topic: batch.topic, correlation: record.headers['correlation-id'] });
      });
      const count = (topic: string) => seen.filter((record) => record.topic === topic).length;
      await eventually(
        async () => Object.entries(expected).every(([topic, atLeast]) => count(topic) >= atLeast),
        {
          timeoutMs: 30_000,
          everyMs: 100,
          message: `the order's events on ${Object.keys(expected).join(', ')}`,
        },
      );
    } finally {
      await consumer.close();
    }
    expect(new Set(seen.map((record) => record.correlation))).toEqual(new Set([correlationId]));
  }, 50_000);

  it('carries its correlation id in the log lines of every service it passed', () => {
    const folder = join(dirname(runFilePath()), 'logs');
    const lines = readdirSync(folder)
      .filter((file) => file.endsWith('.log'))
      .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
      .filter((line) => line.includes(orderId))
      .map((line) => JSON.parse(line) as { service: string; correlationId?: string });
    expect(new Set(lines.map((line) => line.service))).toEqual(
      new Set(
        ['order', 'inventory', 'payment', 'notification', 'gateway'].filter((s) =>
          lines.some((l) => l.service === s),
        ),
      ),
    );
    for (const service of ['order', 'inventory', 'payment'])
      expect(lines.map((line) => line.service)).toContain(service);
    expect(new Set(lines.map((line) => line.correlationId))).toEqual(new Set([correlationId]));
  });
});
