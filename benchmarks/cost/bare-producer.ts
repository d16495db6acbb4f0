/**
 * The limit of taking events: kafkajs alone sends batches of `perBatch` records of `bytes` bytes, one after the other,
 * for `durationMs`, to a topic of its own. Its one argument is a `ProducerPlan` as JSON; prints a `LoadResult` whose
 * operations are batches.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { quietenTimers } from '#platform/messaging/kafkajs-timers';
import { measureLoop } from './measured-loop.js';
import { readPlan } from './plan.js';

export type ProducerPlan = {
  brokers: string[];
  durationMs: number;
  warmUpMs: number;
  perBatch: number;
  bytes: number;
};

const plan = await readPlan<ProducerPlan>();
// The limit is not to pay for timers that we do not pay for.
quietenTimers();
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
const result = await measureLoop(async (untilMs, onDone) => {
  while (performance.now() < untilMs) {
    const startedAtMs = performance.now();
    await send();
    onDone(performance.now() - startedAtMs);
  }
}, plan);
await producer.disconnect();
await admin.deleteTopics({ topics: [topic] });
await admin.disconnect();
console.log(JSON.stringify(result));
