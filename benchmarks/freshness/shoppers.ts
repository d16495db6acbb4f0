/**
 * A process that writes shopper activity to Kafka at a steady rate until it is ended, as the collector does: the load
 * beside which `npm run bench freshness` and `shelves` look at single events. `load.ts` starts it. Its events are about the
 * `PRODUCTS`, or about unknown ones. It sends the number of its events to its parent.
 */
import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { OutgoingRecord } from '#platform/messaging/broker';
import { openBroker } from '#platform/messaging/open-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { sleep } from '#platform/waiting/sleep';
import { records } from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { topics } from '#schemas/topics';

const perSecond = Number(process.env.PER_SECOND);
const tickMs = 20;
const sendsAtOnceMax = 8;
const visitEventsMean = 8;

const { kafka, schemaRegistryUrl } = engines();
const registry = createSchemaRegistry(schemaRegistryUrl);
const { subject, schema } = records.ShopperActivity;
const schemaId = await registry.register(subject, schema);
const type = avroType(schema);
const products = process.env.PRODUCTS?.split(',') ?? Array.from({ length: 1_000 }, () => v7());
const kinds = ['product_viewed', 'product_viewed', 'product_viewed', 'product_added'] as const;
let visitId = randomUUID() as string;

const record = (): OutgoingRecord => {
  if (Math.random() < 1 / visitEventsMean) visitId = randomUUID();
  const event = activityOf({
    event_id: v7(),
    type: kinds[Math.floor(Math.random() * kinds.length)] ?? 'product_viewed',
    visit_id: visitId,
    product_id: products[Math.floor(Math.random() ** 3 * products.length)] ?? null,
    occurred_at: Date.now(),
  });
  return {
    topic: topics.shopperActivity.topic,
    key: visitId,
    value: encode(schemaId, type, event),
    headers: { 'event-id': event.event_id, 'occurred-at': String(event.occurred_at) },
  };
};

const producer = await openBroker(kafka, {
  clientId: 'freshness',
  logger: createLogger('freshness', { level: 'fatal' }),
}).producer();
let isEnding = false;
const end = (): void => {
  isEnding = true;
};
process.once('SIGTERM', end);
// The benchmark has failed.
process.once('disconnect', end);
const startedAt = performance.now();
let due = 0;
let sent = 0;
const sending = new Set<Promise<void>>();
/** What the broker refuses, because more waits than it takes, is not sent again: the sum shows it. */
const send = (count: number): void => {
  const one: Promise<void> = producer
    .send(Array.from({ length: count }, record))
    .then(
      () => {
        sent += count;
      },
      () => {},
    )
    .finally(() => {
      sending.delete(one);
    });
  sending.add(one);
};
while (!isEnding) {
  const now = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
  if (now > due) send(now - due);
  due = now;
  if (sending.size >= sendsAtOnceMax) await Promise.race(sending);
  await sleep(tickMs);
}
await Promise.all(sending);
if (process.connected) process.send?.({ sent, seconds: (performance.now() - startedAt) / 1_000 });
await producer.close();
if (process.connected) process.disconnect?.();
