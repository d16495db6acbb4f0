import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { Broker, Producer } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { records, type ShopperActivity } from '#schemas/events';
import type { Model } from './model.js';
import { createModelReplica } from './model-replica.js';

const { kafka, schemaRegistryUrl } = engines();
const activity = `test-model-${newId()}`;
const type = avroType(records.ShopperActivity.schema);
let broker: Broker;
let producer: Producer;
let schemaId: number;

beforeAll(async () => {
  broker = connectBroker(testHost(), kafka);
  const admin = await broker.admin();
  await admin.createTopics([{ topic: activity, partitions: 1 }]);
  await admin.close();
  producer = await broker.producer();
  const { subject, schema } = records.ShopperActivity;
  schemaId = await createSchemaRegistry(schemaRegistryUrl).register(subject, schema);
});
afterAll(async () => {
  const admin = await broker.admin();
  await admin.deleteTopics([activity]);
  await admin.close();
  await producer.close();
});

const view = async (visit: string, ...products: string[]) => {
  for (const product of products) {
    const value: ShopperActivity = {
      event_id: newId(),
      type: 'product_viewed',
      visit_id: visit,
      user_id: null,
      product_id: product,
      query: null,
      position: null,
      recommendation_id: null,
      occurred_at: Date.now(),
    };
    await producer.send([{ topic: activity, key: visit, value: encode(schemaId, type, value) }]);
  }
};

const startReplica = async (): Promise<{ host: RunnableHost; model: Model }> => {
  const host = testHost('recommendation');
  const own = host.use(connectBroker(host, kafka));
  const { model, component } = createModelReplica(host, own, schemaRegistryUrl, [activity]);
  host.use(component);
  await host.start();
  return { host, model };
};

const listBeside = (model: Model, productId: string) =>
  model.recommend({ scenario: 'product', atMs: Date.now(), productId, limit: 5 });

describe('the replica of the models', () => {
  it('learns from the log, passes over what nobody can read, and learns the same again after a restart', async () => {
    await view('v1', 'lamp', 'bulb');
    await producer.send([{ topic: activity, key: 'x', value: Buffer.from('no record') }]);
    await view('v2', 'lamp', 'bulb', 'shade');
    const first = await startReplica();
    const has = (model: Model, productId: string) => () =>
      expect(listBeside(model, 'lamp').map((product) => product.productId)).toContain(productId);
    await eventually(has(first.model, 'shade'));
    await view('v3', 'lamp', 'clock');
    await eventually(has(first.model, 'clock'), { timeoutMs: 5_000 });
    const second = await startReplica();
    await eventually(has(second.model, 'clock'));
    const listOf = (model: Model) =>
      listBeside(model, 'lamp').map(({ productId, reason }) => ({ productId, reason }));
    expect(listOf(second.model)).toEqual(listOf(first.model));
    await Promise.all([first.host.stop(), second.host.stop()]);
  });
});
