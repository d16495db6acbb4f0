import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '#platform/errors';
import type { OutgoingRecord, RecordHeaders } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { append, type OutboxMessage } from '#platform/outbox/outbox';
import { createOutboxRelay, type OutboxRelay, type RelayOptions } from '#platform/outbox/relay';
import { leaderLockKey } from '#platform/outbox/relay-session';
import type { Batch } from '#platform/postgres/gathering';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Host } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';

let scratch: ScratchDatabase;
let sent: OutgoingRecord[];
let relays: OutboxRelay[];
const clients: pg.PoolClient[] = [];

beforeAll(async () => {
  scratch = await scratchDatabase(['platform/outbox/migrations']);
  await scratch.db.query('CREATE TABLE thing (key text PRIMARY KEY, version int NOT NULL)');
});
afterAll(() => scratch.drop());
beforeEach(() => {
  sent = [];
  relays = [];
});
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  for (const client of clients.splice(0)) {
    await client.query('ROLLBACK').catch(() => {});
    client.release(true);
  }
});

const record = async (records: readonly OutgoingRecord[]): Promise<void> => {
  sent.push(...records);
};
const startRelay = async (
  send: (records: readonly OutgoingRecord[]) => Promise<void> = record,
  options: RelayOptions = {},
  host: Host = testHost('outbox-test'),
): Promise<OutboxRelay> => {
  const relay = createOutboxRelay(host, scratch.db, { send }, options);
  relays.push(relay);
  await relay.start();
  return relay;
};

const message = (key: string, text: string): OutboxMessage => ({
  topic: 'things',
  key,
  value: Buffer.from(text),
  headers: { 'event-id': randomUUID(), 'correlation-id': `c-${text}` },
});
const texts = () => sent.map(({ value }) => String(value));
const appendOne = (key: string, text: string) =>
  inTransaction(scratch.db, (tx) => append(tx, [message(key, text)]));

const countUnpublished = async (): Promise<number> => {
  const { rows } = await scratch.db.query<{ unpublished: number }>(
    'SELECT outbox_unpublished() AS unpublished',
  );
  return rows[0]?.unpublished ?? Number.NaN;
};

/** A transaction that the test drives by hand. */
const open = async () => {
  const client = await scratch.db.pool.connect();
  clients.push(client);
  await client.query('BEGIN');
  const tx = {
    query: (text: string, values: unknown[]) => client.query(text, values),
    gather: async <I, O>(batch: Batch<I, O>, input: I) => (await batch(tx, [input]))[0],
  } as unknown as Tx;
  return {
    append: (key: string, text: string) => append(tx, [message(key, text)]),
    /** Takes a transaction id without writing anything. */
    xid: async () => (await client.query('SELECT pg_current_xact_id()::text AS xid')).rows[0].xid as string,
    commit: () => client.query('COMMIT'),
    rollback: () => client.query('ROLLBACK'),
  };
};

/** Increases the version of a key under its lock and appends an event, as a service's store does. */
const bump = (key: string, options: { fails?: boolean; pauseMs?: number } = {}) =>
  inTransaction(scratch.db, async (tx) => {
    const { rows } = await tx.query<{ version: number }>(
      `INSERT INTO thing VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET version = thing.version + 1
       RETURNING version`,
      [key],
    );
    await append(tx, [message(key, `${key}:${rows[0]?.version}`)]);
    await sleep(options.pauseMs ?? 0);
    if (options.fails) throw new Error('rolled back');
  });

const versionsOf = (records: readonly OutgoingRecord[], key: string): number[] =>
  records.filter((each) => each.key === key).map(({ value }) => Number(String(value).split(':')[1]));

describe('what is appended', () => {
  test('has no time in the future, which Kafka refuses: the clock may have been set back', async () => {
    await appendOne('k', 'early');
    await scratch.db.query("UPDATE outbox_a SET appended_at = now() + interval '2 hours'");
    await scratch.db.query("UPDATE outbox_b SET appended_at = now() + interval '2 hours'");
    await startRelay();
    await eventually(() => sent.length === 1);
    expect(sent[0]?.timestampMs).toBeLessThanOrEqual(Date.now());
    expect(sent[0]?.timestampMs).toBeGreaterThan(Date.now() - 60_000);
  });

  test('reaches the producer with its bytes, key and headers when its transaction commits', async () => {
    await startRelay();
    const given = message('k', 'hello');
    await inTransaction(scratch.db, (tx) => append(tx, [given, { ...given, value: null }]));
    await eventually(() => sent.length === 2);
    expect(sent[0]).toMatchObject({ topic: 'things', key: 'k', value: given.value, headers: given.headers });
    expect(sent[1]?.value).toBeNull();
  });

  test('never reaches the producer when its transaction rolls back', async () => {
    await startRelay();
    await expect(
      inTransaction(scratch.db, async (tx) => {
        await append(tx, [message('k', 'never')]);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    await appendOne('k', 'after');
    await eventually(() => sent.length === 1);
    expect(texts()).toEqual(['after']);
  });
});

describe('transactions that overlap', () => {
  test('a row that becomes visible behind a later one is not lost', async () => {
    await startRelay();
    const slow = await open();
    await slow.append('slow', 'first appended');
    await appendOne('fast', 'first committed');
    // A cursor over the sequence would now stand behind the slow row, and never go back.
    await eventually(() => sent.length === 1);
    expect(texts()).toEqual(['first committed']);
    await slow.commit();
    await eventually(() => sent.length === 2);
    expect(texts()).toEqual(['first committed', 'first appended']);
  });

  test('one that took its id early and wrote late does not overtake what it waited for', async () => {
    await startRelay();
    const late = await open();
    const lateXid = await late.xid();
    const bystander = await open();
    await bystander.xid();
    const early = await open();
    const earlyXid = await early.xid();
    expect(BigInt(earlyXid)).toBeGreaterThan(BigInt(lateXid));
    // Both write about the same thing: `late` could not before `early` has committed.
    await early.append('same', 'v1');
    await early.commit();
    await late.append('same', 'v2');
    await late.commit();
    // Ordered by transaction id v2 would be first; held back below the oldest open id both would still wait.
    await eventually(() => sent.length === 2);
    expect(texts()).toEqual(['v1', 'v2']);
    await bystander.rollback();
  });

  test('many of them: every committed row once, no rolled back one, each key in order', async () => {
    await startRelay(record, { batchMax: 7 });
    const keys = Array.from({ length: 8 }, (_, index) => `many-${index}`);
    const writer = async (seed: number) => {
      for (let round = 0; round < 25; round += 1) {
        const fails = (seed + round) % 9 === 0;
        const key = keys[(seed * 7 + round * 3) % keys.length] as string;
        await bump(key, { fails, pauseMs: (seed * round) % 5 }).catch(() => {});
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, seed) => writer(seed)));
    const { rows } = await scratch.db.query<{ key: string; version: number }>(
      "SELECT key, version FROM thing WHERE key LIKE 'many-%'",
    );
    const total = rows.reduce((sum, { version }) => sum + version, 0);
    await eventually(() => sent.length >= total);
    for (const { key, version } of rows)
      expect(versionsOf(sent, key)).toEqual(Array.from({ length: version }, (_, index) => index + 1));
    // A row is marked after its record was sent.
    await eventually(async () => (await countUnpublished()) === 0);
  });
});

describe('a relay that dies', () => {
  test('between send and save sends that batch again, in the same order, and nothing else twice', async () => {
    const batchMax = 10;
    let deaths = 0;
    await startRelay(
      async (records) => {
        sent.push(...records);
        if (sent.length < 25 || deaths >= 2) return;
        deaths += 1;
        await scratch.db.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%outbox relay'",
        );
      },
      { batchMax },
    );
    const appended = Array.from({ length: 60 }, (_, index) => `d-${index}`);
    await inTransaction(scratch.db, (tx) =>
      append(
        tx,
        appended.map((text) => message('die', text)),
      ),
    );
    await eventually(() => texts().includes('d-59'));
    expect(deaths).toBe(2);
    expect(sent.length).toBe(60 + 2 * batchMax);
    const eventIds = new Map<string, string>();
    const lastAt = new Map<string, number>();
    for (const [index, { value, headers: given }] of sent.entries()) {
      const headers = given as RecordHeaders;
      const text = String(value);
      const before = lastAt.get(text);
      if (before !== undefined) {
        expect(headers['event-id']).toBe(eventIds.get(text));
        expect(index - before).toBeLessThanOrEqual(batchMax);
      }
      eventIds.set(text, headers['event-id'] ?? '');
      lastAt.set(text, index);
    }
    expect([...new Set(texts())]).toEqual(appended);
  });

  test('is replaced by the one of another instance within seconds, and only one works at a time', async () => {
    const byRelay: string[] = [];
    const sender = (name: string) => async (records: readonly OutgoingRecord[]) => {
      byRelay.push(name);
      await record(records);
    };
    const first = await startRelay(sender('first'));
    await appendOne('k', '1');
    await eventually(() => sent.length === 1);
    await startRelay(sender('second'));
    for (const text of ['2', '3']) {
      await appendOne('k', text);
      await eventually(() => texts().includes(text));
    }
    expect(byRelay).toEqual(['first', 'first', 'first']);
    await first.stop();
    await appendOne('k', '4');
    await eventually(() => sent.length === 4, { timeoutMs: 3_000 });
    expect(byRelay.at(-1)).toBe('second');
    expect(texts()).toEqual(['1', '2', '3', '4']);
  });
});

test('while Kafka is away rows wait in order and are counted, and go on their way when it is back', async () => {
  const host = testHost('outbox-test');
  let away = true;
  await startRelay(
    async (records) => {
      if (away) throw new PlatformError('broker_unavailable', 'away', { retriable: true });
      await record(records);
    },
    {},
    host,
  );
  for (const text of ['1', '2', '3']) await appendOne('wait', text);
  expect(await countUnpublished()).toBe(3);
  away = false;
  await eventually(() => sent.length === 3);
  expect(texts()).toEqual(['1', '2', '3']);
  await eventually(async () => (await countUnpublished()) === 0);
  await eventually(async () => /^outbox_unpublished 0$/m.test(await host.metrics.render()));
});

test('a relay whose session is lost while Kafka is away sends nothing more before it leads again', async () => {
  let away = true;
  let tries = 0;
  await startRelay(async (records) => {
    tries += 1;
    if (away) throw new PlatformError('broker_unavailable', 'away', { retriable: true });
    await record(records);
  });
  await appendOne('lost', '1');
  await eventually(() => tries > 0);
  // Another relay, which waits for the lock and gets it when the session of the first one ends.
  const other = await scratch.db.pool.connect();
  clients.push(other);
  const leads = other.query('SELECT pg_advisory_lock($1)', [leaderLockKey]);
  const session = "datname = current_database() AND application_name LIKE '%outbox relay'";
  await scratch.db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${session}`);
  await leads;
  await eventually(async () => {
    const { rows } = await scratch.db.query<{ query: string }>(
      `SELECT query FROM pg_stat_activity WHERE ${session}`,
    );
    return rows.length === 1 && rows[0]?.query.includes('pg_try_advisory_lock');
  });
  const triesWithoutLead = tries;
  away = false;
  await appendOne('lost', '2');
  expect(tries).toBe(triesWithoutLead);
  await other.query('SELECT pg_advisory_unlock($1)', [leaderLockKey]);
  await eventually(() => sent.length === 2);
  expect(texts()).toEqual(['1', '2']);
});

/**
 * What a dump restored into another cluster looks like from inside: transaction ids begin again far below those that
 * the rows and the position carry. Here they stay and the others go up.
 */
const restoreIntoAnotherCluster = (xidsAhead = 1_000_000) =>
  inTransaction(scratch.db, async (tx) => {
    const ahead = (column: string) =>
      `(SELECT (((pg_snapshot_xmin(${column})::text::bigint + ${xidsAhead})::text || ':' ||
        (pg_snapshot_xmax(${column})::text::bigint + ${xidsAhead})::text || ':'))::pg_snapshot)`;
    await tx.query(`UPDATE outbox_position SET done = ${ahead('done')}, target = ${ahead('target')}`);
    for (const table of ['outbox_a', 'outbox_b'])
      await tx.query(`UPDATE ${table} SET xid = (xid::text::bigint + ${xidsAhead})::text::xid8`);
  });

describe('a database restored into another cluster, whose transaction ids are lower', () => {
  const metric = async (host: Host, name: string): Promise<number> =>
    Number(new RegExp(`^${name} (.+)$`, 'm').exec(await host.metrics.render())?.[1] ?? Number.NaN);

  test('sends what was unsent and what comes, in order, and nothing that Kafka has', async () => {
    const first = await startRelay();
    for (const text of ['1', '2']) await appendOne('restored', text);
    await eventually(() => sent.length === 2);
    await first.stop();
    await appendOne('restored', 'unsent');
    await restoreIntoAnotherCluster();
    // Before anybody has noticed, on both sides of the position.
    await appendOne('restored', 'after');
    expect(await countUnpublished()).toBe(2);

    const host = testHost('outbox-test', { logLevel: 'fatal' });
    await startRelay(record, {}, host);
    await eventually(() => sent.length >= 4);
    await appendOne('restored', 'later');
    await eventually(() => sent.length >= 5);
    expect(texts()).toEqual(['1', '2', 'unsent', 'after', 'later']);
    expect(await metric(host, 'outbox_position_restarts_total')).toBe(1);
    await eventually(async () => (await countUnpublished()) === 0);
  });

  test('is noticed also by a relay that works, within seconds', async () => {
    const host = testHost('outbox-test', { logLevel: 'fatal' });
    await startRelay(record, {}, host);
    await appendOne('live', '1');
    await eventually(() => sent.length === 1);
    // No relay works in a database while it is restored.
    await eventually(async () => (await countUnpublished()) === 0);
    await restoreIntoAnotherCluster();
    for (const text of ['2', '3']) await appendOne('live', text);
    await eventually(() => sent.length >= 3, { timeoutMs: 5_000 });
    expect(texts()).toEqual(['1', '2', '3']);
  });

  test('is noticed where only rows are ahead: Kafka was away when it was dumped', async () => {
    await scratch.db.query('UPDATE outbox_position SET done = target');
    await appendOne('rows', '1');
    await scratch.db.query(
      "UPDATE outbox_a SET xid = (xid::text::bigint + 1000)::text::xid8 WHERE key = 'rows'",
    );
    await scratch.db.query(
      "UPDATE outbox_b SET xid = (xid::text::bigint + 1000)::text::xid8 WHERE key = 'rows'",
    );
    await startRelay(record, {}, testHost('outbox-test', { logLevel: 'fatal' }));
    await appendOne('rows', '2');
    await eventually(() => sent.length >= 2, { timeoutMs: 5_000 });
    expect(texts()).toEqual(['1', '2']);
  });

  test('is noticed where the ids have caught up with the position before the relay looks', async () => {
    const first = await startRelay();
    await appendOne('caught', '1');
    await eventually(() => sent.length === 1);
    await first.stop();
    await restoreIntoAnotherCluster(50);
    await appendOne('caught', '2');
    for (let id = 0; id < 60; id += 1)
      await inTransaction(scratch.db, (tx) => tx.query('SELECT pg_current_xact_id()'));
    expect(await countUnpublished()).toBe(1);
    await startRelay(record, {}, testHost('outbox-test', { logLevel: 'fatal' }));
    await eventually(() => sent.length >= 2, { timeoutMs: 5_000 });
    expect(texts()).toEqual(['1', '2']);
  });

  test('keeps also what it sent and did not note, which is a repeat and no loss', async () => {
    const first = await startRelay();
    await appendOne('backup', '1');
    await eventually(() => sent.length === 1);
    await first.stop();
    // An older backup: its position is of before the row.
    await scratch.db.query(
      "UPDATE outbox_position SET done = '3:3:', target = '3:3:', seq = 0, sent_seq_max = 0",
    );
    await restoreIntoAnotherCluster();
    await startRelay(record, {}, testHost('outbox-test', { logLevel: 'fatal' }));
    await appendOne('backup', '2');
    await eventually(() => texts().at(-1) === '2');
    expect(texts().filter((text) => text === '1').length).toBeGreaterThanOrEqual(2);
  });
});

describe('an outbox that is silent', () => {
  test('degrades health with the age of its oldest row, whatever holds it, and is well when it is sent', async () => {
    const host = testHost('outbox-test', { logLevel: 'fatal' });
    let hold: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      hold = resolve;
    });
    const relay = await startRelay(() => held, { silentMsMax: 300 }, host);
    expect(await relay.checkHealth?.()).toEqual({ status: 'up' });
    await appendOne('silent', '1');
    await appendOne('silent', '2');
    await eventually(async () =>
      expect(await relay.checkHealth?.()).toMatchObject({
        status: 'degraded',
        detail: expect.stringMatching(/2 rows.+oldest.+s/),
      }),
    );
    const ageS = async () =>
      Number(/^outbox_oldest_unpublished_seconds (.+)$/m.exec(await host.metrics.render())?.[1]);
    await eventually(async () => (await ageS()) > 0.25);
    hold();
    await eventually(async () => expect(await relay.checkHealth?.()).toEqual({ status: 'up' }));
    await eventually(async () => (await ageS()) === 0);
  });
});

test('tables change places under concurrent appends without losing or repeating a row', async () => {
  await startRelay(record, { batchMax: 50, rotateRowsMin: 60 });
  const straggler = await open();
  await straggler.append('straggler', 'straggler:1');
  const writer = async (key: string) => {
    for (let round = 0; round < 60; round += 1) await bump(key);
  };
  const writing = Promise.all(Array.from({ length: 10 }, (_, index) => writer(`rotate-${index}`)));
  await eventually(() => sent.length > 300);
  await straggler.commit();
  await writing;
  await eventually(() => sent.length >= 601);
  expect(sent.length).toBe(601);
  for (let index = 0; index < 10; index += 1)
    expect(versionsOf(sent, `rotate-${index}`)).toEqual(Array.from({ length: 60 }, (_, round) => round + 1));
  for (let round = 0; round < 3; round += 1) {
    await inTransaction(scratch.db, (tx) =>
      append(
        tx,
        Array.from({ length: 100 }, (_, index) => message('fill', `${index}`)),
      ),
    );
    await eventually(() => sent.length >= 601 + (round + 1) * 100);
  }
  const { rows } = await scratch.db.query<{ kept: number }>('SELECT count(*) AS kept FROM outbox');
  expect(rows[0]?.kept).toBeLessThan(400);
});

test('what was sent does not stay for long, also where little is', async () => {
  await startRelay(record, { rotateAfterMs: 50, pollMs: 50 });
  await bump('quiet');
  await eventually(() => sent.length === 1);
  await eventually(async () => {
    const { rows } = await scratch.db.query<{ kept: number }>('SELECT count(*) AS kept FROM outbox');
    return rows[0]?.kept === 0;
  });
  await bump('quiet');
  await eventually(() => sent.length === 2);
  expect(versionsOf(sent, 'quiet')).toEqual([1, 2]);
});

test('a backlog larger than many batches is sent in order and without slowing down', async () => {
  const total = 20_000;
  const perTransaction = 2_000;
  for (let from = 0; from < total; from += perTransaction)
    await inTransaction(scratch.db, (tx) =>
      append(
        tx,
        Array.from({ length: perTransaction }, (_, index) => message('backlog', `b-${from + index}`)),
      ),
    );
  const startedAt = performance.now();
  await startRelay();
  await eventually(() => sent.length >= total, { timeoutMs: 25_000 });
  expect(texts()).toEqual(Array.from({ length: total }, (_, index) => `b-${index}`));
  expect(total / ((performance.now() - startedAt) / 1000)).toBeGreaterThan(2_000);
});

test('an event is in Kafka milliseconds after its commit', async () => {
  const host = testHost('outbox-test');
  const broker = connectBroker(host, engines().kafka);
  const admin = await broker.admin();
  const topic = `outbox-${randomUUID()}`;
  await admin.createTopics([{ topic, partitions: 1 }]);
  const producer = await broker.producer();
  const acknowledged = new Map<string, number>();
  await startRelay(async (records) => {
    await producer.send(records);
    for (const { key } of records) acknowledged.set(String(key), performance.now());
  });
  const delays: number[] = [];
  for (let index = 0; index < 60; index += 1) {
    await inTransaction(scratch.db, (tx) => append(tx, [{ ...message(`k-${index}`, 'x'), topic }]));
    const committedAt = performance.now();
    await eventually(() => acknowledged.has(`k-${index}`), { everyMs: 1 });
    if (index >= 10) delays.push((acknowledged.get(`k-${index}`) as number) - committedAt);
  }
  delays.sort((a, b) => a - b);
  const median = delays[Math.floor(delays.length / 2)] as number;
  process.stdout.write(
    `outbox: committed to acknowledged, median ${median.toFixed(1)} ms, p95 ${(delays[Math.floor(delays.length * 0.95)] as number).toFixed(1)} ms\n`,
  );
  expect((await admin.offsets(topic))[0]?.high).toBe(60n);
  expect(median).toBeLessThan(100);
  await relays[0]?.stop();
  await broker.stop();
  await admin.deleteTopics([topic]);
  await admin.close();
});
