/**
 * The limit of taking events: kafkajs alone sends batches of `perBatch` records of `bytes` bytes, one after the other,
 * for `durationMs`, to a topic of its own. Its one argument is a `ProducerPlan` as JSON; prints a `LoadResult` whose
 * operations are batches.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';

export type ProducerPlan = {
  brokers: string[];
  durationMs: number;
  warmUpMs: number;
  perBatch: number;
  bytes: number;
};

const plan = JSON.parse(process.argv[2] ?? '{}') as ProducerPlan;
const kafka = new kafkajs.Kafka({
  clientId: 'bare',
  brokers: plan.brokers,
  logLevel: kafkajs.logLevel.NOTHING,
});
const topic = `bare-${randomUUID()}`;
const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 6 }] });
const producer = kafka.producer({
  idempotent: true,
  maxInFlightRequests: 1,
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
});
await producer.connect();
const value = randomBytes(plan.bytes);
const send = () =>
  producer.send({
    topic,
    acks: -1,
    messages: Array.from({ length: plan.perBatch }, () => ({ key: randomUUID(), value })),
  });
const until = async (endMs: number, onSent: (ms: number) => void): Promise<void> => {
  while (performance.now() < endMs) {
    const startedAtMs = performance.now();
    await send();
    onSent(performance.now() - startedAtMs);
  }
};
await until(performance.now() + plan.warmUpMs, () => {});
process.stderr.write('measuring\n');
const samplesMs: number[] = [];
const startedAtMs = performance.now();
const before = process.cpuUsage();
await until(startedAtMs + plan.durationMs, (ms) => samplesMs.push(ms));
const cpu = process.cpuUsage(before);
const seconds = (performance.now() - startedAtMs) / 1000;
samplesMs.sort((a, b) => a - b);
const at = (share: number): number =>
  samplesMs[Math.max(0, Math.ceil(samplesMs.length * share) - 1)] ?? Number.NaN;
await producer.disconnect();
await admin.deleteTopics({ topics: [topic] });
await admin.disconnect();
console.log(
  JSON.stringify({
    warmedUp: 0,
    operations: samplesMs.length,
    failures: 0,
    seconds,
    cpuMs: (cpu.user + cpu.system) / 1000,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
  }),
);
