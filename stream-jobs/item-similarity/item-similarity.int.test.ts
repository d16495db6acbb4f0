import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { Broker, Producer, RawHeader } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { deadLetterTopic } from '#platform/messaging/dead-letter';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { takeLoggedErrors } from '#platform/testing/logged-errors';
import { testHost } from '#platform/testing/test-host';
import { type ProductCreated, records, type ShopperActivity } from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { similarityKeys } from '#schemas/similarity-state';
import { itemSimilarityJob } from './service.js';

const { kafka, schemaRegistryUrl, redisUrl } = engines();
const topicPrefix = `test-${newId()}-`;
const activity = `${topicPrefix}shopper-activity`;
const sales = `${topicPrefix}sales`;
const products = `${topicPrefix}products`;
const users = `${topicPrefix}users`;
const ownRedis = new URL(redisUrl);
ownRedis.pathname = '/10';
const redis = new Redis(ownRedis.toString(), { lazyConnect: true });
const type = avroType(records.ShopperActivity.schema);
let broker: Broker;
let producer: Producer;
const createdType = avroType(records.ProductCreated.schema);
let schemaId: number;
let createdId: number;

beforeAll(async () => {
  broker = connectBroker(testHost(), kafka);
  const admin = await broker.admin();
  await admin.createTopics([
    { topic: activity, partitions: 2 },
    { topic: sales, partitions: 1 },
    { topic: products, partitions: 2 },
    { topic: users, partitions: 1 },
    { topic: deadLetterTopic(activity), partitions: 1 },
  ]);
  await admin.close();
  producer = await broker.producer();
  const registry = createSchemaRegistry(schemaRegistryUrl);
  schemaId = await registry.register(records.ShopperActivity.subject, records.ShopperActivity.schema);
  createdId = await registry.register(records.ProductCreated.subject, records.ProductCreated.schema);
  await create('w1', 'w2', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
  await redis.connect();
  await redis.flushdb();
});
afterAll(async () => {
  const admin = await broker.admin();
  await admin.deleteTopics([activity, sales, products, users, deadLetterTopic(activity)]);
  await admin.close();
  await producer.close();
  await redis.flushdb();
  redis.disconnect();
});

const startJob = async (onFatal?: (error: unknown) => void): Promise<RunnableHost> => {
  const host = testHost('item-similarity', onFatal === undefined ? {} : { onFatal });
  const config = {
    kafka,
    schemaRegistryUrl,
    schemaUnknownHeldMs: 300,
    redisUrl: ownRedis.toString(),
    group: `test-${activity}`,
    topicPrefix,
    port: 0,
    recordsPerApplyMax: 50,
    rereadPerPartitionMax: 100_000,
  };
  await itemSimilarityJob(config, host);
  await host.start();
  return host;
};

const viewed = (visit: string, product: string): ShopperActivity =>
  activityOf({ event_id: newId(), visit_id: visit, product_id: product, occurred_at: Date.now() });
const productOf = (productId: string): ProductCreated => ({
  productId,
  version: 1,
  name: productId,
  description: '',
  category: 'test',
  priceMinor: 1,
  currency: 'GBP',
  brand: null,
  tags: [],
  groupId: null,
  active: true,
  initialStock: 1,
  attributes: '{}',
  images: [],
  ageRestricted: false,
  featured: false,
  changedBy: null,
  createdAt: Date.now(),
  occurredAt: Date.now(),
});
const create = (...productIds: string[]) =>
  producer.send(
    productIds.map((productId) => ({
      topic: products,
      key: productId,
      value: encode(createdId, createdType, productOf(productId)),
    })),
  );
const send = (events: readonly ShopperActivity[], headers: readonly RawHeader[] = []) =>
  producer.send(
    events.map((event) => ({
      topic: activity,
      key: event.visit_id,
      value: encode(schemaId, type, event),
      headers,
    })),
  );
const pairWeight = async (from: string, to: string): Promise<number> => {
  const epoch = (await redis.hget(similarityKeys.meta, 'epoch')) ?? '';
  return Number((await redis.zscore(similarityKeys.of(epoch).pairs(from), to)) ?? 0);
};
const pairIs = (from: string, to: string) =>
  eventually(async () => (await pairWeight(from, to)) > 0, { timeoutMs: 20_000, message: `${from} → ${to}` });

describe('the item-similarity job', () => {
  it('learns a pair within a second, goes past poison, and after a restart nothing twice', async () => {
    const first = await startJob();
    await send([viewed('warm', 'w1'), viewed('warm', 'w2')]);
    await pairIs('w1', 'w2');

    const sentAtMs = performance.now();
    await send([viewed('v', 'a'), viewed('v', 'b')]);
    await pairIs('a', 'b');
    expect(performance.now() - sentAtMs).toBeLessThan(2000);

    await producer.send([
      { topic: activity, key: 'v', value: Buffer.from([7, 1, 2]), headers: [['no-value', null]] },
      { topic: activity, key: 'v', value: encode(schemaId, type, viewed('v', 'x')).subarray(0, 20) },
    ]);
    const odd: RawHeader[] = [
      ['event-id', null],
      ['event-id', Buffer.from([0xff])],
      ['event-id', null],
    ];
    await send([{ ...viewed('v', 'y'), type: 'bogus' }]);
    await send([viewed('v', 'c')], odd);
    await pairIs('b', 'c');
    const admin = await broker.admin();
    await eventually(async () => (await admin.offsets(deadLetterTopic(activity)))[0]?.high === 3n);
    await admin.close();
    expect(takeLoggedErrors().map(({ msg, err }) => [msg, err?.message])).toEqual([
      ['dead letter', 'only 3 bytes'],
      ['dead letter', expect.stringContaining('the datum ends too early')],
      ['dead letter', expect.stringContaining('type is "bogus", which is none of')],
    ]);

    const weight = await pairWeight('a', 'b');
    await first.stop();
    const second = await startJob();
    await send([viewed('v', 'd')]);
    await pairIs('c', 'd');
    expect(await pairWeight('a', 'b')).toBe(weight);
    await second.stop();
  });

  it('learns from a look at a product that was created just after it, and nothing from unknown ones', async () => {
    const job = await startJob();
    await send([
      viewed('early', 'a'),
      viewed('early', 'late'),
      viewed('early', 'never'),
      viewed('early', 'b'),
    ]);
    await create('late');
    await pairIs('late', 'b');
    expect(await pairWeight('never', 'b')).toBe(0);
    expect(await pairWeight('a', 'never')).toBe(0);
    await job.stop();
  });

  it('crashes when Redis has lost the state, and a new start learns it all again', async () => {
    let crashed: unknown;
    const first = await startJob((error) => {
      crashed = error;
    });
    await send([viewed('before', 'e'), viewed('before', 'f')]);
    await pairIs('e', 'f');
    await redis.flushdb();
    await send([viewed('after', 'g'), viewed('after', 'h')]);
    await eventually(() => crashed !== undefined, { timeoutMs: 20_000 });
    expect(await redis.dbsize()).toBe(0);
    await first.stop();

    const second = await startJob();
    await pairIs('g', 'h');
    await pairIs('e', 'f');
    await second.stop();
  });
});
