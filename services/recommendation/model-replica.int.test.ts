import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idOf, newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { Broker, Producer } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { headerNames } from '#platform/messaging/record-headers';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { records } from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import type { Model } from './model.js';
import { createModelReplica, type ModelReplica, stateVersion } from './model-replica.js';
import { createSnapshotStore, type SnapshotStore } from './snapshot-store.js';

const { kafka, schemaRegistryUrl, databaseUrl } = engines();
const url = new URL(databaseUrl);
url.pathname = `/test_model_${newId().replaceAll('-', '').slice(-12)}`;
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
  const databases = createDatabase(testHost(), { url: databaseUrl, poolMax: 1 });
  await databases.query(`DROP DATABASE IF EXISTS ${url.pathname.slice(1)}`);
  await databases.stop();
});

const viewAs = async (eventId: string, visit: string, product: string) => {
  const value = activityOf({
    event_id: eventId,
    visit_id: visit,
    product_id: product,
    occurred_at: Date.now(),
  });
  const headers = { [headerNames.eventId]: eventId };
  await producer.send([{ topic: activity, key: visit, value: encode(schemaId, type, value), headers }]);
};
const view = async (visit: string, ...products: string[]) => {
  for (const product of products) await viewAs(newId(), visit, product);
};

type Started = ModelReplica & { host: RunnableHost; snapshots: SnapshotStore };

/** `beforeRead` is awaited before each chunk of a snapshot is read. */
const startReplica = async (beforeRead?: (nth: number) => Promise<void>): Promise<Started> => {
  const host = testHost('recommendation');
  const own = host.use(connectBroker(host, kafka));
  const db = host.use(
    createDatabase(host, {
      url: url.toString(),
      migrations: [projectPath('services/recommendation/migrations')],
    }),
  );
  const watched: typeof db = {
    ...db,
    query: async (text, values) => {
      if (text.startsWith('SELECT bytes')) await beforeRead?.(Number(values?.[1]));
      return db.query(text, values);
    },
  };
  const snapshots = createSnapshotStore(watched, host.clock);
  const replica = createModelReplica(host, own, { schemaRegistryUrl, snapshots, followed: [activity] });
  host.use(replica.component);
  await host.start();
  return { ...replica, host, snapshots };
};

/** Scores decay with time: two models are compared at one and the same `atMs`. */
const listBeside = (model: Pick<Model, 'recommend'>, productId: string, atMs = Date.now()) =>
  model.recommend({ scenario: 'product', atMs, productId, limit: 5 });

describe('the replica of the models', () => {
  it('learns from the log, passes over what nobody can read, and learns the same again after a restart', async () => {
    await view('v1', 'lamp', 'bulb');
    await producer.send([{ topic: activity, key: 'x', value: Buffer.from('no record') }]);
    await view('v2', 'lamp', 'bulb', 'shade');
    const first = await startReplica();
    const has = (model: Pick<Model, 'recommend'>, productId: string) => () =>
      expect(listBeside(model, 'lamp').map((product) => product.productId)).toContain(productId);
    await eventually(has(first.model, 'shade'));
    await view('v3', 'lamp', 'clock');
    await eventually(has(first.model, 'clock'), { timeoutMs: 5_000 });
    const second = await startReplica();
    await eventually(has(second.model, 'clock'));
    const atMs = Date.now();
    const listOf = (model: Pick<Model, 'recommend'>) =>
      listBeside(model, 'lamp', atMs).map(({ productId, reason }) => ({ productId, reason }));
    expect(listOf(second.model)).toEqual(listOf(first.model));
    await Promise.all([first.host.stop(), second.host.stop()]);
  });

  it('goes on from its snapshot after a kill, and answers as one that was never stopped', async () => {
    const never = await startReplica();
    await eventually(() => expect(never.model.isReady()).toBe(true));
    await view('v4', 'lamp', 'bulb', 'hook');
    await eventually(() =>
      expect(listBeside(never.model, 'lamp').map(({ productId }) => productId)).toContain('hook'),
    );
    await never.takeSnapshot();
    await view('v5', 'lamp', 'hook', 'nail');
    // What is killed writes nothing more: the third starts while the first still runs.
    const restarted = await startReplica();
    const atMs = Date.now();
    const answers = ({ model }: ModelReplica) =>
      ['lamp', 'hook', 'nail', 'bulb'].map((id) => listBeside(model, id, atMs));
    await eventually(() => {
      expect([never, restarted].map(({ model }) => model.isReady())).toEqual([true, true]);
      expect(never.model.visitOf('v5').seen).toEqual(['lamp', 'hook', 'nail']);
      expect(restarted.model.visitOf('v5').seen).toEqual(['lamp', 'hook', 'nail']);
    });
    expect(restarted.model.changes()).toBe(3);
    expect(answers(restarted)).toEqual(answers(never));
    await Promise.all([never.host.stop(), restarted.host.stop()]);
  });

  it('learns an event once that is sent again, also where it learned it before its snapshot', async () => {
    const first = await startReplica();
    await eventually(() => expect(first.model.isReady()).toBe(true));
    const before = first.model.changes();
    const eventId = idOf('v6', newId());
    const hasSeen = ({ model }: ModelReplica, product: string) =>
      eventually(() => expect(model.visitOf('v6').seen).toContain(product));
    for (let times = 0; times < 2; times += 1) await viewAs(eventId, 'v6', 'lamp');
    await view('v6', 'bulb');
    await hasSeen(first, 'bulb');
    expect(first.model.changes() - before).toBe(2);
    await first.takeSnapshot();
    const restarted = await startReplica();
    await viewAs(eventId, 'v6', 'lamp');
    await view('v6', 'hook');
    await hasSeen(restarted, 'hook');
    expect(restarted.model.changes()).toBe(1);
    await first.snapshots.clear();
    await Promise.all([first.host.stop(), restarted.host.stop()]);
  });

  it('learns anew where the snapshot is of another log', async () => {
    const replica = await startReplica();
    await eventually(() => expect(replica.model.isReady()).toBe(true));
    await replica.snapshots.write(stateVersion, { [`${activity}/0`]: '999999' }, ['not even read']);
    const another = await startReplica();
    await eventually(() => expect(another.model.isReady()).toBe(true));
    expect(another.model.visitOf('v5').seen).toEqual(['lamp', 'hook', 'nail']);
    await replica.snapshots.clear();
    await Promise.all([replica.host.stop(), another.host.stop()]);
  });

  it('learns anew where its snapshot is replaced before or while it is read, or has no end', async () => {
    const replica = await startReplica();
    await eventually(() => expect(replica.model.isReady()).toBe(true));
    const admin = await broker.admin();
    const [log] = await admin.offsets(activity);
    await admin.close();
    const places = { [`${activity}/0`]: String(log?.high) };
    const lines = [...replica.model.snapshot()];
    // White space behind the first line makes it a chunk by itself.
    const chunked = [lines[0]!.padEnd(1_000_000), ...lines.slice(1)];
    const startWith = async (written: string[], replacedBefore?: number) => {
      await replica.snapshots.write(stateVersion, places, written);
      const read: number[] = [];
      const started = await startReplica(async (nth) => {
        read.push(nth);
        if (nth === replacedBefore) await replica.snapshots.write(stateVersion, places, chunked);
      });
      await eventually(() => expect(started.model.isReady()).toBe(true));
      const { model } = started;
      const found = { read, seen: model.visitOf('v5').seen, hasLearned: model.changes() > 0 };
      await started.host.stop();
      return found;
    };
    const seen = ['lamp', 'hook', 'nail'];
    expect(await startWith(chunked)).toEqual({ read: [0, 1], seen, hasLearned: false });
    expect(await startWith(chunked, 0)).toEqual({ read: [0], seen, hasLearned: true });
    expect(await startWith(chunked, 1)).toEqual({ read: [0, 1], seen, hasLearned: true });
    expect(await startWith(lines.slice(0, -1))).toEqual({ read: [0], seen, hasLearned: true });
    await replica.snapshots.clear();
    await replica.host.stop();
  });

  it('is ready where the log ends with what nobody can read, such as an aborted transaction', async () => {
    const { kafka: client } = openConnection(
      { ...kafka, clientId: 'another', logger: testHost().logger },
      {},
    );
    const another = client.producer({
      transactionalId: activity,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    await another.connect();
    const transaction = await another.transaction();
    await transaction.send({ topic: activity, messages: [{ key: 'k', value: 'aborted' }] });
    await transaction.abort();
    await another.disconnect();
    const replica = await startReplica();
    await eventually(() => expect(replica.model.isReady()).toBe(true));
    await replica.host.stop();
  });
});
