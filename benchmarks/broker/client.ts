/**
 * One client at one task, in a process of its own so that its CPU time is its own: writes a topic, or reads it from its
 * beginning. Prints one line of JSON. What is measured begins when the client is warm and ends with the last
 * acknowledgement, or with the last record handled.
 *
 * CARTSTREAM_RUN, KAFKA_CLIENT, BENCH_TASK (produce, consume, consume-packed), BENCH_TOPIC, BENCH_RECORDS.
 */
import { randomUUID } from 'node:crypto';
import { envSchema, loadConfig, setting } from '#platform/config';
import type { Broker, OutgoingRecord } from '#platform/messaging/broker';
import { openBroker } from '#platform/messaging/open-broker';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';

export type ClientRun = { records: number; seconds: number; cpuSeconds: number };

const sendRecords = 500;
const sendsAtOnce = 4;
const warmUpRecords = 20_000;
const partitions = 6;

const { task, topic, records } = loadConfig(
  envSchema({
    task: ['BENCH_TASK', setting.oneOf('produce', 'consume', 'consume-packed')],
    topic: ['BENCH_TOPIC', setting.text],
    records: ['BENCH_RECORDS', setting.integer(1, 100_000_000)],
  }),
  process.env,
);

/** Shopper events of some 150 bytes, as the collector writes them: alike, and none the same. */
const events = Array.from({ length: 10_000 }, (_, index) =>
  Buffer.from(
    JSON.stringify({ id: randomUUID(), type: 'product_viewed', visit: index % 977, product: randomUUID() }),
  ),
);

const recordAt = (index: number): OutgoingRecord => ({
  topic,
  key: `visit-${index % 977}`,
  value: events[index % events.length] as Buffer,
  headers: { 'event-id': `${index}`, 'occurred-at': '2025-01-01T00:00:00.000Z' },
});

const measured = (): (() => Omit<ClientRun, 'records'>) => {
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
};

const produce = async (broker: Broker): Promise<ClientRun> => {
  const producer = await broker.producer();
  const send = async (count: number): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const from = next;
        next += sendRecords;
        const size = Math.min(sendRecords, count - from);
        await producer.send(Array.from({ length: size }, (_, at) => recordAt(from + at)));
      }
    };
    await Promise.all(Array.from({ length: sendsAtOnce }, worker));
  };
  await send(warmUpRecords);
  const end = measured();
  await send(records);
  const run = { records, ...end() };
  await producer.close();
  return run;
};

const consume = async (broker: Broker, packed: boolean): Promise<ClientRun> => {
  const consumer = broker.consumer({
    group: `bench.${randomUUID()}`,
    topics: [topic],
    packed,
    partitionsConcurrentlyMax: partitions,
  });
  let seen = 0;
  let warmAt = 0;
  let end: (() => Omit<ClientRun, 'records'>) | undefined;
  const done = new Promise<ClientRun>((resolve) => {
    void consumer.run(async (batch, control) => {
      if (end === undefined && seen >= warmUpRecords) {
        warmAt = seen;
        end = measured();
      }
      for (const record of batch.records) seen += record.pack?.count ?? (record.value === null ? 0 : 1);
      await control.commit((batch.records.at(-1)?.offset ?? -1n) + 1n);
      if (end !== undefined && seen >= records + warmUpRecords) resolve({ records: seen - warmAt, ...end() });
    });
  });
  const run = await done;
  await consumer.close();
  return run;
};

const broker = openBroker(engines().kafka, {
  clientId: 'bench',
  logger: createLogger('bench', { level: 'fatal' }),
});
const run = await (task === 'produce' ? produce(broker) : consume(broker, task === 'consume-packed'));
process.stdout.write(`${JSON.stringify(run)}\n`);
process.exit(0);
