import { randomUUID } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PlatformError } from '#platform/errors';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import type { Broker, IncomingRecord, Producer } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { createDeadLetters, deadLetterTopic } from '#platform/messaging/dead-letter';
import { replayedFor, replaysTopicSettings } from '#platform/messaging/replay';
import type { Database } from '#platform/postgres/pool';
import type { Component } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { createDeadLetterListener } from './dead-letter-listener.js';
import { createDeadLetterStore } from './dead-letter-store.js';
import { operationsRoutes } from './routes.js';

const host = testHost('operations', { logLevel: 'fatal' });
const topic = `letters-${randomUUID()}`;
const group = `order.of-test-${randomUUID()}`;
const auth: Authenticator = {
  principalOf: async (header) => ({
    kind: 'user',
    userId: randomUUID(),
    roles: header === 'Bearer staff' ? ['support'] : ['customer'],
  }),
};
let scratch: ScratchDatabase;
let broker: Broker & Component;
let producer: Producer;
let listener: Component;
let app: HttpApp;
/** Whole, with their records. */
let lettersLoaded = 0;

type Letter = { id: string; offset: number; reason: string; status: string; replays: number; times: number };
type Answer = {
  items: Letter[];
  reasons: { reason: string; waiting: number; replayed: number }[];
  code?: string;
};

beforeAll(async () => {
  scratch = await scratchDatabase(['services/operations/migrations']);
  broker = connectBroker(host, engines().kafka);
  producer = await broker.producer();
  const admin = await broker.admin();
  await admin.createTopics([
    { topic: deadLetterTopic(topic), partitions: 1 },
    { topic: replaysTopicSettings.topic, partitions: replaysTopicSettings.partitions },
  ]);
  await admin.close();
  const store = createDeadLetterStore(host.clock);
  const topics = [{ topic: deadLetterTopic(topic), retentionMs: 86_400_000 }];
  listener = createDeadLetterListener(host, {
    db: scratch.db,
    broker,
    group: `test.${topic}`,
    store,
    topics,
  });
  await listener.start();
  app = createHttpServer(host, { port: 0, title: 'operations', auth }).app;
  const { logger } = host;
  const db: Database = {
    ...scratch.db,
    query: async <R extends QueryResultRow>(sql: string, values?: readonly unknown[]) => {
      const answer = await scratch.db.query<R>(sql, values);
      lettersLoaded += answer.rows.filter((row) => 'value' in row).length;
      return answer;
    },
  };
  operationsRoutes(app, { db, store, producer, logger, topics: [topic], replayPrefixes: ['order.'] });
});
afterAll(async () => {
  await listener.stop();
  const admin = await broker.admin();
  await admin.deleteTopics([deadLetterTopic(topic)]);
  await admin.close();
  await broker.stop();
  await scratch.drop();
});

const record = (offset: bigint): IncomingRecord => ({
  key: Buffer.from('order-1'),
  value: Buffer.from([0, 1, 2, Number(offset)]),
  headers: {},
  rawHeaders: [['event-id', Buffer.from(`event ${offset}`)]],
  offset,
  timestampMs: 0,
});
const park = (offset: bigint, code: ConstructorParameters<typeof PlatformError>[0], by = group) =>
  createDeadLetters(host, producer).park({
    topic,
    partition: 2,
    record: record(offset),
    group: by,
    cause: new PlatformError(code, 'of this test', { retriable: false }),
    attempts: 1,
  });
const ask = async (path: string, method: 'GET' | 'POST' = 'GET', who = 'staff', body?: object) => {
  const answer = await app.inject({
    method,
    url: path,
    headers: { authorization: `Bearer ${who}` },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, body: answer.json() as Answer & Letter };
};
const list = async (query = '') => (await ask(`/api/ops/dead-letters/${topic}${query}`)).body;

test('letters are listed by reason, and once however often the same record is parked', async () => {
  await park(5n, 'contradiction');
  await park(6n, 'contradiction');
  await park(7n, 'datum_malformed', 'clickhouse-ingest.blocks');
  await park(5n, 'contradiction');
  await eventually(async () => expect((await list()).items.map(({ times }) => times)).toEqual([1, 1, 2]));
  expect((await list()).reasons).toMatchObject([
    { reason: 'contradiction', waiting: 2, replayed: 0 },
    { reason: 'datum_malformed', waiting: 1 },
  ]);
  expect((await list('?reason=datum_malformed')).items.map(({ offset }) => offset)).toEqual([7]);
  expect((await ask('/api/ops/dead-letters')).body.items).toHaveLength(3);
  expect(await ask('/api/ops/dead-letters/nothing')).toMatchObject({
    status: 404,
    body: { code: 'topic_not_found' },
  });
  expect((await ask('/api/ops/dead-letters', 'GET', 'buyer')).status).toBe(403);
});

test('a letter is replayed for the group that could not handle it, as it was', async () => {
  const letter = (await list()).items.find(({ offset }) => offset === 5);
  const replayed = await ask(`/api/ops/dead-letters/${letter?.id}/replay`, 'POST');
  expect(replayed).toMatchObject({ status: 202, body: { status: 'replayed', replays: 1, offset: 5 } });
  expect((await list('?status=waiting')).items.map(({ offset }) => offset).sort()).toEqual([6, 7]);
  const consumer = broker.consumer({ group: `test.${randomUUID()}`, topics: [replaysTopicSettings.topic] });
  const found: NonNullable<ReturnType<typeof replayedFor>>[] = [];
  await consumer.run(async ({ records }) => {
    found.push(...records.flatMap((each) => replayedFor(group, each) ?? []));
  });
  await eventually(() => found.length > 0);
  await consumer.close();
  const { key, value, rawHeaders, offset } = record(5n);
  expect(found).toMatchObject([{ at: { topic, partition: 2 }, record: { key, value, rawHeaders, offset } }]);
  // It fails again.
  await park(5n, 'contradiction');
  await eventually(async () => expect((await list('?status=waiting')).items).toHaveLength(3));
});

test('all letters of a reason are replayed in the order of their places, and those of others are not', async () => {
  for (let offset = 30n; offset > 8n; offset -= 1n) await park(offset, 'not_yet_known');
  await park(31n, 'not_yet_known', 'clickhouse-ingest.blocks');
  const ofReason = { reason: 'not_yet_known' };
  await eventually(async () =>
    expect((await list('?reason=not_yet_known&limit=100')).items).toHaveLength(23),
  );
  const consumer = broker.consumer({ group: `test.${randomUUID()}`, topics: [replaysTopicSettings.topic] });
  const found: bigint[] = [];
  await consumer.run(async ({ records }) => {
    for (const each of records) {
      const offset = replayedFor(group, each)?.record.offset;
      if (offset !== undefined && offset > 8n) found.push(offset);
    }
  });
  const replayAll = (body: object, who?: string) => ask('/api/ops/dead-letters/replay', 'POST', who, body);
  expect(await replayAll(ofReason)).toMatchObject({ status: 202, body: { replayed: 22, left: 1 } });
  expect(await replayAll(ofReason)).toMatchObject({ status: 202, body: { replayed: 0, left: 1 } });
  await eventually(() => expect(found).toHaveLength(22));
  expect(found).toEqual(Array.from({ length: 22 }, (_, n) => BigInt(n + 9)));
  await consumer.close();
  expect((await replayAll({})).status).toBe(400);
  expect((await replayAll(ofReason, 'buyer')).status).toBe(403);
});

test('letters of groups that take no replays are not loaded, and none is replayed for such a group', async () => {
  const job = 'clickhouse-ingest.blocks';
  for (let offset = 40n; offset < 65n; offset += 1n) await park(offset, 'datum_meaningless', job);
  await park(70n, 'datum_meaningless');
  await eventually(async () =>
    expect((await list('?reason=datum_meaningless&limit=100')).items).toHaveLength(26),
  );
  lettersLoaded = 0;
  const all = '/api/ops/dead-letters/replay';
  expect(await ask(all, 'POST', 'staff', { reason: 'datum_meaningless' })).toMatchObject({
    status: 202,
    body: { replayed: 1, left: 25 },
  });
  expect(lettersLoaded).toBe(1);
  expect(await ask(all, 'POST', 'staff', { group: job })).toMatchObject({
    status: 409,
    body: { code: 'group_not_replayable' },
  });
});

test('a letter that no column can hold as it is stops nobody, and is kept with its headers', async () => {
  const place = (changed: Record<string, string> = {}): [string, Buffer][] =>
    Object.entries({ topic, partition: '2', offset: '80', group, reason: 'odd', ...changed }).map(
      ([name, value]) => [`dead-letter-${name}`, Buffer.from(value)],
    );
  const oddName: [string, Buffer] = ['na\0me', Buffer.from([0, 255])];
  const letters = [
    { headers: [oddName, ...place()] },
    { headers: place({ offset: '81', message: 'kind is \0', reason: 'odd', 'stack-digest': '\0' }) },
    { headers: place({ offset: '82', attempts: '1e300' }) },
    { headers: place({ offset: '83' }), timestampMs: -9e18 },
    { headers: place({ offset: '84', partition: '1e300' }) },
    { headers: place({ offset: '85', group: `${group}\0` }) },
    { headers: place({ offset: '86', topic: 'nosuch' }) },
    { headers: place({ offset: '99999999999999999' }) },
  ];
  for (const letter of letters)
    await producer.send([
      { topic: deadLetterTopic(topic), partition: 0, key: null, value: Buffer.from('odd'), ...letter },
    ]);
  await park(90n, 'contradiction');
  await eventually(async () => expect((await list()).items.map(({ offset }) => offset)).toContain(90));
  const kept = (await ask('/api/ops/dead-letters?reason=odd')).body.items;
  // The time of 83 was over long ago, 84 and the last one name no place, and 86 one of another topic.
  expect(kept.map(({ offset }) => offset).sort()).toEqual([80, 81, 82, 85]);
  const first = await createDeadLetterStore(host.clock).find(
    scratch.db,
    kept.find(({ offset }) => offset === 80)?.id ?? '',
  );
  expect(first?.parked.headers).toEqual([oddName]);
});

test('whether a letter waits does not depend on a clock: it was set back since it was parked, or before it is again', async () => {
  const parkedAt = async (timestampMs: number) =>
    producer.send([
      {
        ...{
          topic: deadLetterTopic(topic),
          partition: 0,
          key: null,
          value: Buffer.from('late'),
          timestampMs,
        },
        headers: Object.entries({ topic, partition: '2', offset: '95', group, reason: 'late' }).map(
          ([name, value]) => [`dead-letter-${name}`, Buffer.from(value)] as const,
        ),
      },
    ]);
  const late = async () => (await list('?reason=late')).items[0];
  const waits = async () => (await list('?reason=late&status=waiting')).items.length > 0;
  const replay = async () => (await ask(`/api/ops/dead-letters/${(await late())?.id}/replay`, 'POST')).body;
  const halfHourMs = 1_800_000;
  await parkedAt(host.clock.nowMs() + halfHourMs);
  await eventually(waits);
  expect(await replay()).toMatchObject({ status: 'replayed', replays: 1 });
  expect(await waits()).toBe(false);
  expect((await list('?reason=late')).reasons).toMatchObject([{ waiting: 0, replayed: 1 }]);
  await parkedAt(host.clock.nowMs() - halfHourMs);
  await eventually(waits);
  expect(await late()).toMatchObject({ status: 'waiting', times: 2, replays: 1 });
  expect(await replay()).toMatchObject({ status: 'replayed', times: 2, replays: 2 });
  expect(await waits()).toBe(false);
});

test('a letter that is parked again before its replay is noted waits again', async () => {
  const [letter] = (await list('?reason=late')).items as [Letter];
  const store = createDeadLetterStore(host.clock);
  const before = await store.find(scratch.db, letter.id);
  await park(95n, 'contradiction');
  await eventually(async () => (await store.find(scratch.db, letter.id))?.times === 3);
  await store.noteReplayed(scratch.db, [before as NonNullable<typeof before>]);
  expect(await store.find(scratch.db, letter.id)).toMatchObject({ isWaiting: true, times: 3, replays: 3 });
});

test('what a stream job has refused is not replayed, and what nobody has parked is not found', async () => {
  const [letter] = (await list('?reason=datum_malformed')).items;
  expect(await ask(`/api/ops/dead-letters/${letter?.id}/replay`, 'POST')).toMatchObject({
    status: 409,
    body: { code: 'dead_letter_not_replayable' },
  });
  expect((await ask(`/api/ops/dead-letters/${randomUUID()}/replay`, 'POST')).status).toBe(404);
});
