import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assert } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type {
  Broker,
  BrokerAdmin,
  Consumer,
  IncomingRecord,
  Producer,
  RawHeader,
} from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { deadLetterTopic, deadLetterTopicConfig } from '#platform/messaging/dead-letter';
import {
  createEventPublisher,
  type EventPublisher,
  type EventTable,
  type ReceivedEvent,
} from '#platform/messaging/events';
import {
  createReactor,
  type Reactions,
  type ReactorOptions,
  recognisingRepeats,
} from '#platform/messaging/reactor';
import { replayOf } from '#platform/messaging/replay';
import { createSchemaRegistry, type SchemaRegistry } from '#platform/messaging/schema-registry';
import { append } from '#platform/outbox/outbox';
import type { Tx } from '#platform/postgres/transaction';
import { type Component, createHost } from '#platform/service-host';
import { currentCorrelation, withCorrelation } from '#platform/telemetry/correlation';
import { createLogger } from '#platform/telemetry/logger';
import { createMetrics } from '#platform/telemetry/metrics';
import { startTracing } from '#platform/telemetry/tracing';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';

type Events = {
  ThingMade: { thingId: string; step: number };
  ThingScrapped: { thingId: string };
  ThingPainted: { thingId: string };
};

const run = randomUUID().replaceAll('-', '');
const record = (name: string, fields: object[]) => ({
  type: 'record',
  name,
  namespace: `test.t${run}`,
  fields: [{ name: 'thingId', type: 'string' }, ...fields],
});

let topic: string;
let topics: string[];
let table: EventTable<Events>;
let scratch: ScratchDatabase;
let registry: SchemaRegistry;
let broker: Broker & Component;
let admin: BrokerAdmin;
let producer: Producer;
let publisher: EventPublisher<Events>;
let host: ReturnType<typeof createHost>;
let fatal: unknown[];
let reactors: Component[];
const consumers: Consumer[] = [];

beforeAll(async () => {
  const tracer = await startTracing({ service: 'reactor-test', sampleRatio: 1 });
  host = createHost({
    service: 'reactor-test',
    logger: createLogger('reactor-test', { level: 'silent' }),
    metrics: createMetrics('reactor-test'),
    tracer,
    onFatal: (error) => fatal.push(error),
  });
  scratch = await scratchDatabase(['platform/inbox/migrations', 'platform/outbox/migrations']);
  await scratch.db.query(
    'CREATE TABLE effect (n serial, group_name text, thing_id text, step int, event_id text)',
  );
  broker = connectBroker(host, engines().kafka);
  registry = createSchemaRegistry(engines().schemaRegistryUrl, { unknownHeldMs: 300 });
});
afterAll(async () => {
  await Promise.all(consumers.map((consumer) => consumer.close()));
  await broker.stop();
  await scratch.drop();
});

/** A topic of this test alone, with its dead-letter topic, and what reads and writes it. */
const useNewTopic = async (deadLetterConfig: Readonly<Record<string, string>> = {}) => {
  topic = `reactor-${randomUUID()}`;
  topics.push(topic, deadLetterTopic(topic));
  await admin.createTopics([
    { topic, partitions: 1 },
    { topic: deadLetterTopic(topic), partitions: 1, config: deadLetterConfig },
  ]);
  const entry = (schema: { namespace: string; name: string }) => ({
    topic,
    subject: `${schema.namespace}.${schema.name}`,
    schema,
  });
  table = {
    ThingMade: entry(record('ThingMade', [{ name: 'step', type: 'int' }])),
    ThingScrapped: entry(record('ThingScrapped', [])),
    ThingPainted: entry(record('ThingPainted', [])),
  };
  for (const { subject, schema } of Object.values(table)) await registry.register(subject, schema);
  publisher = createEventPublisher(host, registry, table, ['ThingMade', 'ThingScrapped', 'ThingPainted']);
  await publisher.start();
};

beforeEach(async () => {
  fatal = [];
  reactors = [];
  topics = [];
  // New ones each time: kafkajs' fail when a topic they have used is gone.
  producer = await broker.producer();
  admin = await broker.admin();
  await useNewTopic();
});
afterEach(async () => {
  await Promise.all(reactors.map((reactor) => reactor.stop()));
  await admin.close();
  // One that has used no topic: kafkajs' refreshes what it knows of all that it has used, and some are gone.
  const cleaner = await broker.admin();
  await cleaner.deleteTopics(topics);
  await cleaner.close();
});

const made = (thingId: string, step: number, eventId = randomUUID()) =>
  publisher.event('ThingMade', thingId, { thingId, step }, { occurredAt: 1_700_000_000_000, eventId });

const noteEffect = async (tx: Tx, event: ReceivedEvent<string, { thingId: string; step?: number }>) => {
  await tx.query('INSERT INTO effect (group_name, thing_id, step, event_id) VALUES ($1, $2, $3, $4)', [
    topic,
    event.value.thingId,
    event.value.step ?? 0,
    event.eventId,
  ]);
};
const effects = async (): Promise<{ thing_id: string; step: number; event_id: string }[]> =>
  (
    await scratch.db.query<{ thing_id: string; step: number; event_id: string }>(
      'SELECT thing_id, step, event_id FROM effect WHERE group_name = $1 ORDER BY n',
      [topic],
    )
  ).rows;
const steps = async () => (await effects()).map(({ step }) => step);

const react = async (
  reactions: Reactions<Events>,
  options: Partial<
    Pick<ReactorOptions<Events>, 'broker' | 'registry' | 'group' | 'replays' | 'brokenRule'>
  > = {},
) => {
  const group = options.group ?? `test.${randomUUID()}`;
  const reactor = createReactor<Events>(host, {
    broker: { ...broker, consumer: (wanted) => broker.consumer({ lateCommitMs: 50, ...wanted }) },
    registry,
    db: scratch.db,
    events: table,
    reactions,
    ...options,
    group,
  });
  reactors.push(reactor);
  await reactor.start();
  return { group, reactor };
};
const lag = async (group: string): Promise<bigint> => {
  const [end] = await admin.offsets(topic);
  const [committed] = await admin.committedOffsets(group, topic);
  return (end?.high ?? 0n) - (committed?.nextOffset ?? 0n);
};
const deadLetters = async (count: number): Promise<IncomingRecord[]> => {
  const found: IncomingRecord[] = [];
  const consumer = broker.consumer({ group: `test.${randomUUID()}`, topics: [deadLetterTopic(topic)] });
  consumers.push(consumer);
  await consumer.run(async (batch) => {
    found.push(...batch.records);
  });
  await eventually(() => found.length >= count);
  return found;
};

describe('an event', () => {
  test('is handled once, in order, and the reaction carries correlation, cause and trace on', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const first = withCorrelation({ correlationId: 'saga-1' }, () => made('a', 1));
    first.headers.traceparent = `00-${trace}-b7ad6b7169203331-01`;
    await producer.send([first, made('a', 2), made('b', 3), made('a', 4)]);
    const contexts: unknown[] = [];
    const { group } = await react({
      ThingMade: async (tx, event) => {
        contexts.push(currentCorrelation());
        await noteEffect(tx, event);
        const next = publisher.event('ThingPainted', event.key, { thingId: event.key }, { occurredAt: 1 });
        await append(tx, [next]);
      },
    });
    await eventually(async () => (await lag(group)) === 0n);
    const handled = await effects();
    expect(handled.filter(({ thing_id: id }) => id === 'a').map(({ step }) => step)).toEqual([1, 2, 4]);
    expect(handled.filter(({ thing_id: id }) => id === 'b').map(({ step }) => step)).toEqual([3]);
    expect(contexts[0]).toEqual({ correlationId: 'saga-1', causationId: first.headers['event-id'] });
    const { rows } = await scratch.db.query(
      "SELECT headers FROM outbox WHERE headers->>'causation-id' = $1",
      [first.headers['event-id']],
    );
    expect(rows[0]?.headers).toMatchObject({ 'correlation-id': 'saga-1', 'occurred-at': '1' });
    expect(rows[0]?.headers.traceparent).toMatch(
      new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`),
    );
  });

  test('that comes again is handled once: in its batch, later, and after a commit that was lost', async () => {
    const twice = made('a', 1);
    let lost = 0;
    const forgetful: Broker = {
      ...broker,
      consumer: (options) => {
        const consumer = broker.consumer({ lateCommitMs: 50, ...options });
        return {
          ...consumer,
          run: (handle) =>
            consumer.run((batch, control) =>
              handle(batch, {
                ...control,
                commitSoon: (nextOffset) => {
                  lost += 1;
                  if (lost <= 2) throw new PlatformError('broker_unavailable', 'lost', { retriable: true });
                  control.commitSoon(nextOffset);
                },
              }),
            ),
        };
      },
    };
    await producer.send([twice, made('a', 2), twice]);
    const { group } = await react({ ThingMade: noteEffect }, { broker: forgetful });
    await eventually(async () => (await lag(group)) === 0n);
    await producer.send([twice, made('a', 3)]);
    await eventually(async () => (await steps()).includes(3));
    expect(lost).toBeGreaterThan(2);
    expect(await steps()).toEqual([1, 2, 3]);
  });

  test('whose reaction recognises repeats is given to it again, without an inbox row', async () => {
    const twice = made('a', 1);
    await producer.send([twice, twice, made('a', 2)]);
    const { group } = await react({ ThingMade: recognisingRepeats((tx, event) => noteEffect(tx, event)) });
    await eventually(async () => (await steps()).includes(2));
    // Its transaction has them once.
    expect(await steps()).toEqual([1, 2]);
    await producer.send([twice, made('a', 3)]);
    await eventually(async () => (await steps()).includes(3));
    expect(await steps()).toEqual([1, 2, 1, 3]);
    const { rows } = await scratch.db.query('SELECT FROM inbox WHERE consumer = $1', [group]);
    expect(rows).toEqual([]);
  });

  test('of a type without a reaction is passed over, and so is a tombstone', async () => {
    const ignored = publisher.event('ThingScrapped', 'a', { thingId: 'a' }, { occurredAt: 1 });
    await producer.send([ignored, { topic, key: 'a', value: null }, made('a', 1)]);
    const { group } = await react({ ThingMade: noteEffect });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1]);
  });

  test('of two groups is handled once by each', async () => {
    await producer.send([made('a', 1)]);
    await react({ ThingMade: noteEffect });
    await react({ ThingMade: noteEffect });
    await eventually(async () => (await steps()).length === 2);
  });
});

describe('poison', () => {
  test('goes to the dead-letter topic with its cause, and the rest of the partition goes on', async () => {
    const good = [made('a', 1), made('a', 2), made('a', 3), made('a', 4)];
    const template = made('a', 9);
    const badMagic = Buffer.from(template.value);
    badMagic[0] = 7;
    const unknownSchema = Buffer.from(template.value);
    unknownSchema.writeUInt32BE(2_000_000_000, 1);
    const truncated = template.value.subarray(0, template.value.length - 3);
    const trailing = Buffer.concat([template.value, Buffer.from([1])]);
    const poison = [badMagic, unknownSchema, truncated, trailing, Buffer.alloc(0)].map((value) => ({
      ...made('poisoned', 0),
      value,
    }));
    await producer.send(
      [good[0], poison[0], good[1], poison[1], poison[2], good[2], ...poison.slice(3), good[3]].filter(
        (each) => each !== undefined,
      ),
    );
    const { group } = await react({ ThingMade: noteEffect });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1, 2, 3, 4]);
    const parked = await deadLetters(5);
    expect(parked.map(({ value }) => value)).toEqual(poison.map(({ value }) => value));
    expect(parked.map(({ headers }) => headers['dead-letter-reason'])).toEqual([
      'datum_malformed',
      'schema_unknown',
      'datum_malformed',
      'datum_malformed',
      'datum_malformed',
    ]);
    expect(parked[0]?.headers).toMatchObject({
      ...poison[0]?.headers,
      'dead-letter-topic': topic,
      'dead-letter-partition': '0',
      'dead-letter-offset': '1',
      'dead-letter-group': group,
      'dead-letter-message': 'magic byte is 7, not 0',
      'dead-letter-attempts': '1',
    });
    expect(parked[0]?.headers['dead-letter-stack-digest']).toMatch(/^[0-9a-f]{16}$/);
    expect(String(parked[0]?.key)).toBe('poisoned');
    expect(await host.metrics.render()).toContain(
      `dead_letters_total{topic="${topic}",reason="schema_unknown"} 1`,
    );
  });

  test('and events whose headers have no value, repeat or are no text stop nobody, and arrive as written', async () => {
    const odd: RawHeader[] = [
      ['event-id', null],
      ['twice', Buffer.from('1')],
      ['twice', Buffer.from([0xff, 0xfe])],
      ['traceparent', null],
    ];
    await producer.send([
      { ...made('a', 1), headers: odd },
      { ...made('junk', 2), value: Buffer.from('junk'), headers: odd },
      made('a', 3),
    ]);
    const { group } = await react({ ThingMade: noteEffect });
    await eventually(async () => (await lag(group)) === 0n);
    // Without an id of its own an event gets one of its place, which a column of UUIDs can hold.
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/;
    expect((await effects()).map(({ step, event_id }) => [step, uuid.test(event_id)])).toEqual([
      [1, true],
      [3, false],
    ]);
    const [parked] = await deadLetters(1);
    expect(parked?.rawHeaders.slice(0, odd.length)).toEqual(odd);
    expect(parked?.headers).toMatchObject({ 'dead-letter-offset': '1', 'dead-letter-group': group });
  });

  test.each([
    ['a NUL', 'a\u0000b'],
    ['more characters than any id has', 'x'.repeat(14_400)],
    ['a space', 'a b'],
    ['no characters', ''],
  ])('is an event with %s in an id, and the rest goes on', async (_, id) => {
    const headers = (name: string) => ({ ...made('a', 0).headers, [name]: id });
    await producer.send([
      made('a', 1),
      { ...made('a', 2), headers: headers('event-id') },
      { ...made('a', 3), headers: headers('correlation-id') },
      made('a', 4),
    ]);
    const { group } = await react({ ThingMade: noteEffect });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1, 4]);
    const parked = await deadLetters(2);
    expect(parked.map(({ headers: letter }) => letter['dead-letter-reason'])).toEqual([
      'datum_malformed',
      'datum_malformed',
    ]);
  });

  test('is a row of events that the database cannot store: each at once, and what is between them goes on', async () => {
    const events = Array.from({ length: 20 }, (_, step) => made(step % 2 === 0 ? 'good' : 'bad', step));
    await producer.send(events);
    const { group } = await react({
      ThingMade: async (tx, event) => {
        await noteEffect(tx, event);
        if (event.value.thingId === 'bad') await tx.query('SELECT $1::uuid', [event.value.thingId]);
      },
    });
    await eventually(async () => (await lag(group)) === 0n, { timeoutMs: 5_000 });
    expect(await steps()).toEqual(events.map((_, step) => step).filter((step) => step % 2 === 0));
    const parked = await deadLetters(10);
    expect(
      parked.map(({ headers }) => [headers['dead-letter-reason'], headers['dead-letter-attempts']]),
    ).toEqual(Array.from({ length: 10 }, () => ['datum_meaningless', '1']));
  });

  test('is an event whose value breaks a rule: no reaction gets it, and the rest goes on', async () => {
    await producer.send([made('a', 1), made('a', -2), made('a', 3)]);
    const { group } = await react(
      { ThingMade: noteEffect },
      {
        brokenRule: (type, value) =>
          type === 'ThingMade' && (value as { step: number }).step < 0 ? 'step is -2' : undefined,
      },
    );
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1, 3]);
    const [parked] = await deadLetters(1);
    expect(parked?.headers).toMatchObject({
      'dead-letter-reason': 'datum_meaningless',
      'dead-letter-message': 'step is -2',
    });
  });

  test('is also an event whose reaction fails for good: at once by a fault, after three tries by a bug', async () => {
    await producer.send([made('ok', 1), made('fault', 2), made('ok', 3), made('bug', 4), made('ok', 5)]);
    let bugs = 0;
    const { group } = await react({
      ThingMade: async (tx, event) => {
        await noteEffect(tx, event);
        if (event.value.thingId === 'fault')
          throw new PlatformError('dependency_unavailable', 'gone for good', { retriable: false });
        if (event.value.thingId === 'bug') {
          bugs += 1;
          throw new TypeError('cannot read properties of undefined');
        }
      },
    });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1, 3, 5]);
    // The first time beside the fault, which alone was to blame; then three tries.
    expect(bugs).toBe(4);
    const parked = await deadLetters(2);
    expect(
      parked.map(({ headers }) => [headers['dead-letter-reason'], headers['dead-letter-attempts']]),
    ).toEqual([
      ['dependency_unavailable', '1'],
      ['TypeError', '3'],
    ]);
  });

  test('is nothing that a registry holds up which went away right after the start', async () => {
    const away = new PlatformError('registry_unavailable', 'it is away', { retriable: true });
    const { group } = await react(
      { ThingMade: noteEffect },
      { registry: { ...registry, schemaById: () => Promise.reject(away) } },
    );
    const painted = publisher.event('ThingPainted', 'a', { thingId: 'a' }, { occurredAt: 1_700_000_000_000 });
    await producer.send([painted, made('a', 1)]);
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1]);
  });

  test('is not what a registry that is away leaves unread: the partition waits for it', async () => {
    await producer.send([made('a', 1), made('a', 2)]);
    let refusals = 0;
    const flaky: SchemaRegistry = {
      ...registry,
      // What is looked up at the start would otherwise be known already.
      idOf: () => Promise.reject(new PlatformError('registry_unavailable', 'refused', { retriable: true })),
      schemaById: async (id) => {
        refusals += 1;
        if (refusals <= 3) throw new PlatformError('registry_unavailable', 'refused', { retriable: true });
        return registry.schemaById(id);
      },
    };
    const { group } = await react({ ThingMade: noteEffect }, { registry: flaky });
    await eventually(async () => (await lag(group)) === 0n);
    expect(refusals).toBeGreaterThan(3);
    expect(await steps()).toEqual([1, 2]);
    expect((await admin.offsets(deadLetterTopic(topic)))[0]?.high).toBe(0n);
  });
});

describe('a schema id that the registry does not know yet', () => {
  /** A node of the registry that says of every schema id, for so long, that there is none. */
  const laggingRegistry = async (lagMs: number, unknownHeldMs = 10_000) => {
    const upstream = engines().schemaRegistryUrl.replace(/\/+$/, '');
    const startedMs = performance.now();
    let questions = 0;
    const server = createServer(async (request, answer) => {
      questions += 1;
      const isBehind = performance.now() - startedMs < lagMs;
      const given = isBehind
        ? { status: 404, text: '{"error_code":40403,"message":"Schema not found"}' }
        : await fetch(`${upstream}${request.url}`).then(async (found) => ({
            status: found.status,
            text: await found.text(),
          }));
      answer.writeHead(given.status, { 'content-type': 'application/json' }).end(given.text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      registry: createSchemaRegistry(`http://127.0.0.1:${port}`, { unknownHeldMs }),
      questions: () => questions,
      close: () => server.close(),
    };
  };

  test('is held until the registry has learned it, and nothing is parked; what came before goes on', async () => {
    const lagging = await laggingRegistry(3_000);
    const early = publisher.event('ThingScrapped', 'a', { thingId: 'early' }, { occurredAt: 1 });
    const readAtOnce: SchemaRegistry = {
      ...lagging.registry,
      schemaById: async (id) =>
        id === early.value.readUInt32BE(1) ? registry.schemaById(id) : lagging.registry.schemaById(id),
    };
    await producer.send([early, made('a', 1), made('a', 2)]);
    const { group } = await react(
      { ThingMade: noteEffect, ThingScrapped: noteEffect },
      { registry: readAtOnce },
    );
    await eventually(async () => (await effects()).some(({ thing_id }) => thing_id === 'early'), {
      timeoutMs: 2_500,
    });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([0, 1, 2]);
    expect((await admin.offsets(deadLetterTopic(topic)))[0]?.high).toBe(0n);
    lagging.close();
  });

  test('is parked after its time; a flood of such ids waits once, and costs few questions', async () => {
    const lagging = await laggingRegistry(600_000, 1_000);
    const template = made('a', 9);
    const junk = Array.from({ length: 500 }, (_, nth) => {
      const value = Buffer.from(template.value);
      value.writeUInt32BE(1_900_000_000 + (nth % 50), 1);
      return { ...made('junk', 0), value };
    });
    await producer.send([...junk, made('a', 1)]);
    const known = made('a', 1).value.readUInt32BE(1);
    const impatient: SchemaRegistry = {
      ...registry,
      schemaById: async (id) => (id === known ? registry : lagging.registry).schemaById(id),
    };
    const { group } = await react({ ThingMade: noteEffect }, { registry: impatient });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1]);
    expect((await admin.offsets(deadLetterTopic(topic)))[0]?.high).toBe(500n);
    expect(lagging.questions()).toBeLessThan(500);
    lagging.close();
  });
});

describe('poison too large for its dead-letter topic', () => {
  const largest = () => randomBytes(1_048_400);

  test('is parked whole where the topic takes it', async () => {
    await useNewTopic(deadLetterTopicConfig);
    const value = largest();
    await producer.send([{ topic, key: 'k', value }]);
    await producer.send([made('a', 1)]);
    const { group } = await react({ ThingMade: noteEffect });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1]);
    const [parked] = await deadLetters(1);
    expect(parked?.value?.equals(value)).toBe(true);
    expect(parked?.headers).not.toHaveProperty('dead-letter-value-bytes');
  });

  test('is parked cut, with its place, its cause and its length, and the rest goes on', async () => {
    const value = largest();
    await producer.send([{ topic, key: 'k', value }]);
    const long = { key: Buffer.alloc(600_000, 'k'), value: Buffer.alloc(440_000, 7) };
    // A partition, because kafkajs takes a minute to find that of so long a key.
    await producer.send([{ topic, partition: 0, ...long }]);
    const header = { huge: 'h'.repeat(1_040_000) };
    await producer.send([{ topic, key: 'k', value: Buffer.from([7]), headers: header }]);
    await producer.send([{ topic, key: 'k', value: Buffer.alloc(9 * 1024 * 1024) }]);
    await producer.send([made('a', 1)]);
    const { group } = await react({ ThingMade: noteEffect });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1]);
    const parked = await deadLetters(4);
    expect(parked[0]?.headers).toMatchObject({
      'dead-letter-topic': topic,
      'dead-letter-partition': '0',
      'dead-letter-offset': '0',
      'dead-letter-reason': 'datum_malformed',
      'dead-letter-value-bytes': '1048400',
      'dead-letter-key-bytes': '1',
      'dead-letter-headers-bytes': '0',
    });
    const kept = parked[0]?.value as Buffer;
    expect(kept.length).toBeGreaterThan(0);
    expect(value.subarray(0, kept.length).equals(kept)).toBe(true);
    expect(parked.map(({ headers }) => headers['dead-letter-offset'])).toEqual(['0', '1', '2', '3']);
    expect(parked[3]?.headers).toMatchObject({ 'dead-letter-value-bytes': String(9 * 1024 * 1024) });
  });

  test('is parked as its place and cause alone where the topic takes next to nothing', async () => {
    await useNewTopic({ 'max.message.bytes': '4000' });
    await producer.send([{ topic, key: 'k', value: largest() }, made('a', 1)]);
    const { group } = await react({ ThingMade: noteEffect });
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1]);
    const [parked] = await deadLetters(1);
    expect(parked?.value).toBeNull();
    expect(parked?.headers).toMatchObject({
      'dead-letter-offset': '0',
      'dead-letter-value-bytes': '1048400',
    });
  });
});

describe('a fault', () => {
  test('that is retriable holds the partition, undoes the batch, and lets it go on when it has passed', async () => {
    await producer.send([made('a', 1), made('a', 2), made('a', 3)]);
    let failures = 0;
    const seen: number[] = [];
    const { group } = await react({
      ThingMade: async (tx, event) => {
        await noteEffect(tx, event);
        seen.push(event.value.step);
        if (event.value.step === 2 && failures < 3) {
          failures += 1;
          expect(await lag(group)).toBe(3n);
          throw new PlatformError('not_yet_known', 'the other event has not come yet', { retriable: true });
        }
      },
    });
    await eventually(async () => (await lag(group)) === 0n);
    expect(seen).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 3]);
    expect(await steps()).toEqual([1, 2, 3]);
    expect((await admin.offsets(deadLetterTopic(topic)))[0]?.high).toBe(0n);
  });

  test('that lasts makes health degraded, naming the record, its cause and its tries; then it is up again', async () => {
    await producer.send([made('a', 1), made('a', 2), made('a', 3)]);
    let isFaulty = true;
    const { group, reactor } = await react({
      ThingMade: async (tx, event) => {
        if (event.value.step === 2 && isFaulty)
          throw new PlatformError('not_yet_known', 'the other event has not come yet', { retriable: true });
        await noteEffect(tx, event);
      },
    });
    await eventually(async () => expect(await reactor.checkHealth?.()).toEqual({ status: 'up' }));
    await eventually(
      async () =>
        expect(await reactor.checkHealth?.()).toEqual({
          status: 'degraded',
          detail: expect.stringMatching(
            new RegExp(
              `^${group} makes no progress on ${topic}/0 at 1 \\(1\\d s, \\d tries\\): .*not come yet$`,
            ),
          ),
        }),
      { timeoutMs: 15_000 },
    );
    expect(reactor.consumers?.()).toMatchObject([
      { group, partitions: [{ topic, partition: 0, lag: 3, heldOffset: '1' }] },
    ]);
    const metrics = await host.metrics.render();
    expect(metrics).toMatch(
      new RegExp(`stream_held_seconds\\{group="${group}",topic="${topic}",partition="0"\\} 1\\d`),
    );
    expect(metrics).toContain(`kafka_consumer_lag{topic="${topic}",partition="0",group="${group}"} 3\n`);
    isFaulty = false;
    await eventually(async () => expect(await reactor.checkHealth?.()).toEqual({ status: 'up' }));
    await eventually(async () => (await lag(group)) === 0n);
    expect(await steps()).toEqual([1, 2, 3]);
  }, 40_000);

  test('that is a broken invariant ends the process before anything is committed', async () => {
    await producer.send([made('a', 1), made('a', 2)]);
    const { group } = await react({
      ThingMade: async (tx, event) => {
        await noteEffect(tx, event);
        assert(event.value.step !== 2, 'there is no second step');
      },
    });
    await eventually(() => fatal.length > 0);
    expect(String(fatal[0])).toContain('there is no second step');
    await reactors[0]?.stop();
    expect(await lag(group)).toBe(2n);
    expect(await steps()).toEqual([]);
  });
});

test('a reaction is committed milliseconds after its event was sent', async () => {
  const { group } = await react({ ThingMade: noteEffect });
  await producer.send([made('warm', 0)]);
  await eventually(async () => (await lag(group)) === 0n);
  const delays: number[] = [];
  for (let step = 1; step <= 40; step += 1) {
    const sentAt = performance.now();
    await producer.send([made('a', step)]);
    await eventually(async () => (await steps()).includes(step), { everyMs: 1 });
    delays.push(performance.now() - sentAt);
  }
  delays.sort((a, b) => a - b);
  const median = delays[20] as number;
  process.stdout.write(
    `reactor: sent to committed, median ${median.toFixed(1)} ms, p95 ${(delays[38] as number).toFixed(1)} ms\n`,
  );
  expect(median).toBeLessThan(200);
});

describe('a parked record that is replayed', () => {
  test('is handled once by the group that could not handle it, and by no other', async () => {
    const replays = `${topic}-replays`;
    await admin.createTopics([{ topic: replays, partitions: 1 }]);
    let isBroken = true;
    const fragile: Reactions<Events> = {
      ThingMade: async (tx, event) => {
        if (isBroken && event.value.step === 1)
          throw new PlatformError('contradiction', 'of this test', { retriable: false });
        await noteEffect(tx, event);
      },
    };
    const { group } = await react(fragile, { replays });
    const others: number[] = [];
    const other = await react(
      { ThingMade: async (_, event) => void others.push(event.value.step) },
      { replays },
    );
    await producer.send([made('a', 1), made('a', 2)]);
    const [letter] = await deadLetters(1);
    await eventually(async () => (await lag(group)) === 0n && (await lag(other.group)) === 0n);
    expect([await steps(), others]).toEqual([[2], [1, 2]]);

    const { key = null, value = null, rawHeaders = [] } = letter ?? {};
    const parked = { topic, partition: 0, offset: 0n, group, key, value, headers: rawHeaders };
    const again = { ...replayOf(parked), topic: replays };
    // While the fault lasts it is parked once more, with its own place.
    await producer.send([again]);
    const letters = await deadLetters(2);
    expect(letters[1]?.headers).toMatchObject({ 'dead-letter-topic': topic, 'dead-letter-offset': '0' });
    expect(letters[1]?.rawHeaders.filter(([name]) => name.startsWith('replay-'))).toEqual([]);
    isBroken = false;
    await producer.send([again, again]);
    await eventually(async () =>
      expect((await admin.committedOffsets(group, replays))[0]?.nextOffset).toBe(3n),
    );
    expect([await steps(), others]).toEqual([
      [2, 1],
      [1, 2],
    ]);
    await admin.deleteTopics([replays]);
  });
});
