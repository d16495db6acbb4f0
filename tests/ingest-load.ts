/** Load for clickhouse-ingest with every kind of faulty record, and the expected content of ClickHouse. */

import { randomUUID } from 'node:crypto';
import type { ClickHouse } from '#platform/clickhouse/client';
import { newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { Broker, BrokerAdmin, IncomingRecord, OutgoingRecord } from '#platform/messaging/broker';
import { deadLetterTopic } from '#platform/messaging/dead-letter';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { records, type Sale } from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';

export type IngestTopics = { shopperActivity: string; sales: string };

export type IngestLoad = {
  /** Records that Kafka has acknowledged. */
  sent(): number;
  /** Stops sending and waits for sends in flight. */
  stop(): Promise<void>;
};

type Options = {
  broker: Broker;
  topics: IngestTopics;
  schemaIds: { activity: number; sale: number };
  activityPerSecond: number;
  salesPerSecond: number;
  /** Of each thousand records. */
  poisonPerMille: number;
};

const tickMs = 50;
/** So many of a thousand records report what happened up to three days ago. */
const latePerMille = 10;
const lateMsMax = 3 * 86_400_000;

/** Mostly of the last minute and a half. */
const occurredAt = (): number =>
  Date.now() - Math.floor(Math.random() * (Math.random() * 1_000 < latePerMille ? lateMsMax : 90_000));

/** Makes random records; `activity` and `sale` return a good one, or poison as often as `poisonPerMille` says. */
const createRecordMaker = ({ topics, schemaIds, poisonPerMille }: Options) => {
  const activityType = avroType(records.ShopperActivity.schema);
  const saleType = avroType(records.Sale.schema);
  const products = Array.from({ length: 20 }, () => newId());
  const maybeSpoilt = (record: OutgoingRecord): OutgoingRecord =>
    Math.random() * 1_000 < poisonPerMille ? spoil(record) : record;

  const activity = (): OutgoingRecord => {
    const event = activityOf({
      event_id: newId(),
      type: oneOf(['product_viewed', 'product_added', 'products_searched'] as const),
      visit_id: randomUUID(),
      user_id: Math.random() < 0.3 ? newId() : null,
      product_id: oneOf(products),
      position: Math.random() < 0.5 ? Math.floor(Math.random() * 300) : null,
      occurred_at: occurredAt(),
    });
    return {
      topic: topics.shopperActivity,
      key: event.visit_id,
      value: encode(schemaIds.activity, activityType, event),
    };
  };
  const sale = (): OutgoingRecord => {
    const refund = Math.random() < 0.1;
    const quantity = 1 + Math.floor(Math.random() * 3);
    const event: Sale = {
      event_id: newId(),
      order_id: newId(),
      line: 0,
      product_id: oneOf(products),
      category: 'home/lighting',
      user_id: null,
      quantity: refund ? -quantity : quantity,
      amount_minor: (refund ? -1 : 1) * quantity * 1_999,
      currency: oneOf(['GBP', 'EUR']),
      kind: refund ? 'refund' : 'sale',
      occurred_at: occurredAt(),
    };
    return {
      topic: topics.sales,
      key: event.order_id,
      value: encode(schemaIds.sale, saleType, event),
      headers: { 'event-id': event.event_id },
    };
  };
  return { activity: () => maybeSpoilt(activity()), sale: () => maybeSpoilt(sale()) };
};

const oneOf = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

/** Makes poison of one of four kinds: no Avro, an unknown schema, a datum too short, a datum too long. */
const spoil = (record: OutgoingRecord): OutgoingRecord => {
  const value = Buffer.from(record.value as Buffer);
  const kind = Math.floor(Math.random() * 4);
  if (kind === 0) value[0] = 9;
  if (kind === 1) value.writeUInt32BE(2_000_000_000, 1);
  if (kind === 2)
    return { ...record, value: value.subarray(0, value.length - 1 - Math.floor(Math.random() * 20)) };
  if (kind === 3) return { ...record, value: Buffer.concat([value, Buffer.from([0])]) };
  return { ...record, value };
};

/**
 * Sends until it is stopped: good records, poison of every kind, and repeated sales, as a relay sends after a crash.
 */
export const startIngestLoad = async (options: Options): Promise<IngestLoad> => {
  const producer = await options.broker.producer();
  const make = createRecordMaker(options);
  let sent = 0;
  let stopped = false;
  let lastSales: OutgoingRecord[] = [];

  const someOf = (make: () => OutgoingRecord, perSecond: number): OutgoingRecord[] =>
    Array.from({ length: Math.floor((perSecond * tickMs) / 1_000 + Math.random()) }, make);
  const nextBatch = (): OutgoingRecord[] => {
    const sales = someOf(make.sale, options.salesPerSecond);
    const again = Math.random() < 0.1 ? lastSales : [];
    lastSales = sales;
    return [...someOf(make.activity, options.activityPerSecond), ...sales, ...again];
  };

  const run = async (): Promise<void> => {
    while (!stopped) {
      const startedAt = performance.now();
      const batch = nextBatch();
      try {
        await producer.send(batch);
        sent += batch.length;
      } catch {
        // The broker is away. It may have a part of this batch; the log decides what is expected.
      }
      const restMs = tickMs - (performance.now() - startedAt);
      if (restMs > 0) await sleep(restMs);
    }
  };
  const running = run();
  return {
    sent: () => sent,
    stop: async () => {
      stopped = true;
      await running;
      await producer.close();
    },
  };
};

export type Truth = {
  /** Offsets that must be rows, by partition, ascending. */
  rows: Map<number, number[]>;
  /** Sum of `occurred_at` (activity) or `amount_minor` (sales) over them. */
  sum: bigint;
  /** Where the poison is, as `partition/offset`. */
  poison: ReadonlySet<string>;
  repeated: number;
};

/**
 * The expected rows of the log between two sets of offsets, computed without ingest's own code: by kafkajs, avsc, and a
 * set of all event ids.
 */
export const readTruth = async (
  broker: Broker,
  topic: string,
  schemaId: number,
  schema: object,
  from: ReadonlyMap<number, bigint>,
  to: ReadonlyMap<number, bigint>,
): Promise<Truth> => {
  const type = avroType(schema);
  const poison = new Set<string>();
  const truth: Truth = { rows: new Map(), sum: 0n, poison, repeated: 0 };
  const seen = new Set<string>();
  await readLog(broker, topic, from, to, (partition, { value, offset }) => {
    const event = readValue(type, schemaId, value);
    if (event === null) {
      poison.add(`${partition}/${offset}`);
      return;
    }
    if (seen.has(event.event_id)) {
      truth.repeated += 1;
      return;
    }
    seen.add(event.event_id);
    truth.sum += BigInt(event.amount_minor ?? event.occurred_at);
    const offsets = truth.rows.get(partition) ?? [];
    offsets.push(Number(offset));
    truth.rows.set(partition, offsets);
  });
  return truth;
};

/** Gives every record of a topic between two sets of offsets. */
const readLog = async (
  broker: Broker,
  topic: string,
  from: ReadonlyMap<number, bigint>,
  to: ReadonlyMap<number, bigint>,
  take: (partition: number, record: IncomingRecord) => void,
): Promise<void> => {
  const left = new Map([...to].filter(([partition, end]) => end > (from.get(partition) ?? 0n)));
  const consumer = broker.consumer({
    group: `truth-${randomUUID()}`,
    topics: [topic],
    fetchBytesPerPartitionMax: 4 * 1024 * 1024,
    startFrom: async ({ partition }) => from.get(partition) ?? 0n,
  });
  await consumer.run(async (batch) => {
    const end = left.get(batch.partition);
    if (end === undefined) return;
    for (const record of batch.records) if (record.offset < end) take(batch.partition, record);
    if ((batch.records.at(-1)?.offset ?? -1n) + 1n >= end) left.delete(batch.partition);
  });
  await eventually(() => left.size === 0, { timeoutMs: 600_000, message: `the log of ${topic} to its end` });
  await consumer.close();
};

/**
 * Poison of which the group has parked no letter, and its letters of what is no poison; empty if there are none. A process that
 * dies after parking parks again, so a record may have several letters.
 */
export const letterDifferences = async (
  broker: Broker,
  admin: BrokerAdmin,
  { topic, group }: { topic: string; group: string },
  { poison }: Truth,
  from: ReadonlyMap<number, bigint>,
): Promise<string[]> => {
  const parked = new Set<string>();
  const letters = deadLetterTopic(topic);
  await readLog(broker, letters, new Map(), await endOffsets(admin, letters), (_, { headers }) => {
    const [by, partition, offset] = ['group', 'partition', 'offset'].map(
      (of) => headers[`dead-letter-${of}`],
    );
    if (by === group && Number(offset) >= Number(from.get(Number(partition)) ?? 0n))
      parked.add(`${partition}/${offset}`);
  });
  return [
    ...[...poison].filter((at) => !parked.has(at)).map((at) => `${topic}/${at} is poison without a letter`),
    ...[...parked].filter((at) => !poison.has(at)).map((at) => `${topic}/${at} is parked and no poison`),
  ];
};

type Known = { event_id: string; occurred_at: number; amount_minor?: number };

const readValue = (
  type: ReturnType<typeof avroType>,
  schemaId: number,
  value: Buffer | null,
): Known | null => {
  if (value === null || value.length < 5 || value[0] !== 0 || value.readUInt32BE(1) !== schemaId) return null;
  try {
    const { value: event, offset } = type.decode(value, 5) as { value: Known; offset: number };
    return offset === value.length ? event : null;
  } catch {
    return null;
  }
};

export const endOffsets = async (admin: BrokerAdmin, topic: string): Promise<Map<number, bigint>> =>
  new Map((await admin.offsets(topic)).map(({ partition, high }) => [partition, high]));

/** True when the group has committed at least these offsets: all of that is in ClickHouse. */
export const hasReached = async (
  admin: BrokerAdmin,
  group: string,
  topic: string,
  ends: ReadonlyMap<number, bigint>,
): Promise<boolean> => {
  const committed = new Map(
    (await admin.committedOffsets(group, topic)).map(({ partition, nextOffset }) => [partition, nextOffset]),
  );
  return [...ends].every(([partition, end]) => end === 0n || (committed.get(partition) ?? 0n) >= end);
};

/** Every difference between a table and the log; empty if there is none. */
export const differencesFrom = async (
  clickhouse: ClickHouse,
  table: 'shopper_activity' | 'sales',
  truth: Truth,
  from: ReadonlyMap<number, bigint>,
): Promise<string[]> => {
  const differences: string[] = [];
  let sum = 0n;
  const partitions = new Set([...truth.rows.keys(), ...from.keys()]);
  for (const partition of partitions) {
    const first = Number(from.get(partition) ?? 0n);
    const rows = await clickhouse.query<{ offset: number; value: number }>(
      `SELECT kafka_offset AS offset, ${table === 'sales' ? 'amount_minor' : 'toUnixTimestamp64Milli(occurred_at)'} AS value
       FROM ${table} WHERE kafka_partition = {partition:UInt16} AND kafka_offset >= {first:UInt64} ORDER BY offset`,
      { partition, first },
    );
    const expected = truth.rows.get(partition) ?? [];
    const there = rows.map((row) => row.offset);
    const unique = new Set(there);
    const missing = expected.filter((offset) => !unique.has(offset));
    const wanted = new Set(expected);
    const extra = there.filter((offset) => !wanted.has(offset));
    const at = `${table}-${partition}`;
    if (there.length !== unique.size) differences.push(`${at}: ${there.length - unique.size} rows twice`);
    if (missing.length > 0) differences.push(`${at}: ${missing.length} missing, first ${missing[0]}`);
    if (extra.length > 0) differences.push(`${at}: ${extra.length} that should not be, first ${extra[0]}`);
    for (const row of rows) sum += BigInt(row.value);
  }
  if (sum !== truth.sum) differences.push(`${table}: sums to ${sum}, not ${truth.sum}`);
  return differences;
};

/** Cells in which a rollup and its raw table disagree, over all time; empty when they agree. */
export const rollupDifferences = async (clickhouse: ClickHouse): Promise<string[]> => {
  const differences: string[] = [];
  const compare = async (
    rollup: string,
    keys: string,
    measures: Record<string, string>,
    raw: string,
    bucket: string,
  ) => {
    const names = Object.keys(measures);
    const rows = await clickhouse.query<{ cells: number }>(
      `SELECT count() AS cells FROM (
         SELECT ${keys}, ${names.map((name) => `sum(${name}) AS ${name}_sum`).join(', ')} FROM (
           SELECT ${keys}, ${names.map((name) => `toInt64(${name}) AS ${name}`).join(', ')} FROM ${rollup}
           UNION ALL
           SELECT ${bucket}, ${keys.split(', ').slice(1).join(', ')}, ${Object.values(measures)
             .map((sql, at) => `-toInt64(${sql}) AS ${names[at]}`)
             .join(', ')} FROM ${raw} GROUP BY ${keys}
         ) GROUP BY ${keys} HAVING ${names.map((name) => `${name}_sum != 0`).join(' OR ')}
       )`,
    );
    const cells = rows[0]?.cells ?? 0;
    if (cells > 0) differences.push(`${rollup}: ${cells} cells are not what ${raw} says`);
  };
  await compare(
    'shopper_activity_per_minute',
    'minute, type',
    { events: 'count()' },
    'shopper_activity',
    'toStartOfMinute(occurred_at) AS minute',
  );
  for (const [unit, start] of [
    ['minute', 'toStartOfMinute'],
    ['hour', 'toStartOfHour'],
    ['day', 'toStartOfDay'],
  ])
    await compare(
      `sales_per_${unit}`,
      `${unit}, currency, product_id`,
      {
        orders: "countIf(kind = 'sale' AND line = 0)",
        units: 'sum(quantity)',
        gross: "sumIf(amount_minor, kind = 'sale')",
        net: 'sum(amount_minor)',
      },
      'sales',
      `${start}(occurred_at) AS ${unit}`,
    );
  return differences;
};

export const schemaIdsOf = async (registry: SchemaRegistry, subjects: IngestTopics) => ({
  activity: await registry.register(`${subjects.shopperActivity}-value`, records.ShopperActivity.schema),
  sale: await registry.register(`${subjects.sales}-value`, records.Sale.schema),
});
