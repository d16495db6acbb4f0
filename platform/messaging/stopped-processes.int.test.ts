import { randomUUID } from 'node:crypto';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Broker, BrokerAdmin, Producer } from '#platform/messaging/broker';
import { kafkajsSessionTimeoutMs } from '#platform/messaging/broker-options';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type SpawnedConsumer, spawnConsumer } from './testing/spawned-consumer.js';

const who = { clientId: 'stopped', logger: createLogger('stopped', { level: 'silent' }) };

describe.concurrent('a process that consumes', () => {
  let broker: Broker;
  let admin: BrokerAdmin;
  let producer: Producer;
  let groups: Admin;
  const topics: string[] = [];
  const consumers: SpawnedConsumer[] = [];

  beforeAll(async () => {
    broker = createKafkajsBroker({ ...engines().kafka, ...who });
    admin = await broker.admin();
    producer = await broker.producer();
    groups = openConnection({ ...engines().kafka, ...who }, {}).kafka.admin();
    await groups.connect();
  });
  afterAll(async () => {
    for (const { child } of consumers) child.kill('SIGKILL');
    await producer.close();
    await groups.disconnect();
    await admin.deleteTopics(topics);
    await admin.close();
  });

  /** A topic of two partitions, and a group whose members are processes. */
  const newGroup = async () => {
    const topic = `stopped-${randomUUID()}`;
    const group = `stopped.${randomUUID()}`;
    await admin.createTopics([{ topic, partitions: 2 }]);
    topics.push(topic);
    return {
      spawn: (): SpawnedConsumer => {
        const consumer = spawnConsumer(group, topic);
        consumers.push(consumer);
        return consumer;
      },
      /** Ten records from this number on, half of them to each partition. */
      send: (from: number) =>
        producer.send(
          Array.from({ length: 10 }, (_, at) => ({
            topic,
            key: null,
            partition: at % 2,
            value: Buffer.from(`${from + at}`),
          })),
        ),
      members: async () => (await groups.describeGroups([group])).groups[0]?.members ?? [],
    };
  };

  const values = (...of: readonly SpawnedConsumer[]) =>
    of.flatMap(({ handled }) => handled.map(({ value }) => value));

  it('joins again at once, as the member it was, after it was stopped for longer than its session', async () => {
    const { spawn, send, members } = await newGroup();
    const consumer = spawn();
    await send(0);
    await eventually(() => consumer.handled.length === 10, { timeoutMs: 20_000 });
    consumer.child.kill('SIGSTOP');
    await eventually(async () => (await members()).length === 0, {
      timeoutMs: kafkajsSessionTimeoutMs + 5_000,
      message: 'its session to end',
    });
    await send(10);
    consumer.child.kill('SIGCONT');
    await eventually(() => consumer.handled.length === 20, {
      timeoutMs: 10_000,
      message: () => `${consumer.handled.length} of 20 handled`,
    });
    expect(new Set(values(consumer)).size).toBe(20);
    expect(consumer.handled.every(({ restarts }) => restarts === 0)).toBe(true);
  }, 90_000);

  // The leader of a group is given its members, the others are not.
  it.each([
    ['first', 0],
    ['second', 1],
  ] as const)(
    'is followed by the one beside it within a part of its session where it was killed: the %s to join',
    async (_, nth) => {
      const { spawn, send, members } = await newGroup();
      const first = spawn();
      await eventually(async () => (await members()).length === 1, { timeoutMs: 30_000 });
      const both = [first, spawn()] as const;
      let sent = 0;
      const readsSomething = ({ handled }: SpawnedConsumer) => handled.length > 0;
      await eventually(
        async () => {
          await send(sent);
          sent += 10;
          return both.every(readsSomething) && (await members()).length === 2;
        },
        { timeoutMs: 30_000, everyMs: 500, message: 'each to read a partition' },
      );
      const killedAtMs = performance.now();
      both[nth].child.kill('SIGKILL');
      await send(sent);
      const last = Array.from({ length: 10 }, (_each, at) => String(sent + at));
      const survivor = both[1 - nth] as SpawnedConsumer;
      await eventually(
        () => {
          const read = new Set(values(survivor));
          return last.every((value) => read.has(value));
        },
        { timeoutMs: kafkajsSessionTimeoutMs + 20_000 },
      );
      expect(performance.now() - killedAtMs).toBeLessThan(kafkajsSessionTimeoutMs / 2);
    },
    120_000,
  );
});
