import { randomUUID } from 'node:crypto';
import { expect, it, type TestContext } from 'vitest';
import type { ClickHouse } from '#platform/clickhouse/client';
import { connectBroker } from '#platform/messaging/connect-broker';
import { engines } from '#platform/testing/engines';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { testHost } from '#platform/testing/test-host';
import { ageOfJob, allOf, createCompletenessGauge, type GaugeOptions } from './completeness.js';

const hourMs = 3_600_000;
const settleMs = 5_000;

type Given = Partial<Omit<GaugeOptions, 'clock'>> & { clock?: HandClock };

/** Kafka takes no records from the future. */
const longAgo = (): HandClock => handClock(Math.floor(Date.now() / hourMs) * hourMs - 24 * hourMs);

/** A gauge over a topic and a table of the test's own. */
const setUp = async ({ onTestFinished }: TestContext, { clock = longAgo(), ...given }: Given = {}) => {
  const host = testHost();
  const broker = connectBroker(host, engines().kafka);
  const admin = await broker.admin();
  const topic = `completeness-test-${randomUUID().slice(0, 8)}`;
  await admin.createTopics([{ topic, partitions: 1 }]);
  const { clickhouse, drop } = await scratchClickHouse();
  const options = { broker, clickhouse, clock, logger: host.logger, topic, group: `${topic}-ingest` };
  const gauge = createCompletenessGauge({ ...options, table: 'sales', ...given });
  const producer = await broker.producer();
  onTestFinished(async () => {
    await gauge.stop();
    await producer.close();
    await admin.deleteTopics([topic]);
    await admin.close();
    await drop();
  });
  return {
    clock,
    gauge,
    clickhouse,
    topic,
    /** A record that is never ingested. */
    sendOne: () =>
      producer.send([{ topic, key: 'key', value: Buffer.from('sale'), timestampMs: clock.nowMs() }]),
    /** Sends records and commits them, as the group does that has inserted their rows. */
    commitSome: async (count = 1) => {
      const record = { topic, key: 'key', value: Buffer.from('sale'), timestampMs: clock.nowMs() };
      await producer.send(Array.from({ length: count }, () => record));
      const consumer = broker.consumer({ group: options.group, topics: [topic] });
      const committed = Promise.withResolvers<void>();
      await consumer.run(async ({ records, highWatermark }, { commit }) => {
        const nextOffset = (records.at(-1)?.offset ?? 0n) + 1n;
        await commit(nextOffset);
        if (nextOffset === highWatermark) committed.resolve();
      });
      await committed.promise;
      await consumer.close();
    },
    /** The newest row of the partition. */
    insertRow: (occurredAtMs: number, kafkaOffset = 0) =>
      clickhouse.insertRows('sales', [{ occurred_at: textOf(occurredAtMs), kafka_offset: kafkaOffset }]),
  };
};

const textOf = (ms: number) => new Date(ms).toISOString().replace('T', ' ').slice(0, -1);

it('is complete up to now, but for the time that a sale is on its way, when nothing is outstanding', async (context) => {
  const { clock, gauge } = await setUp(context);
  expect(await gauge.read()).toMatchObject({ asOfMs: clock.nowMs() - settleMs, lagMs: settleMs });
});

it.for([
  ['back', -hourMs],
  ['forth', hourMs],
] as const)('goes on as before when the wall clock is set %s by an hour', async ([, byMs], context) => {
  const { clock, gauge, commitSome, sendOne, insertRow } = await setUp(context);
  await commitSome();
  await gauge.read();
  clock.setMs(clock.nowMs() + byMs);
  clock.advanceMs(1_000);
  expect(await gauge.read()).toMatchObject({ asOfMs: clock.nowMs() - settleMs, lagMs: settleMs });

  // With something outstanding the lag grows with the time that passes, whatever the clock says.
  await insertRow(clock.nowMs() - hourMs);
  await sendOne();
  clock.setMs(clock.nowMs() + byMs);
  clock.advanceMs(2_000);
  expect(await gauge.read()).toMatchObject({
    asOfMs: clock.nowMs() - settleMs - 2_000,
    lagMs: settleMs + 2_000,
  });
});

it('is complete up to the first record that is not ingested, however long nothing had happened before it', async (context) => {
  const { clock, gauge, sendOne, insertRow } = await setUp(context);
  await insertRow(clock.nowMs());
  clock.advanceMs(10 * 60_000);
  await sendOne();
  clock.advanceMs(500);
  expect((await gauge.read()).lagMs).toBe(settleMs + 1_000);
  // Nothing else comes, so what was true then is all that is known.
  clock.advanceMs(60_000);
  expect((await gauge.read()).lagMs).toBe(settleMs + 61_000);
});

it('has the same version until something is ingested, also before that is acknowledged', async (context) => {
  const { clock, gauge, commitSome, sendOne, insertRow } = await setUp(context);
  await commitSome();
  const version = async (): Promise<string> => {
    clock.advanceMs(1_000);
    return (await gauge.read()).version;
  };
  const empty = await version();
  expect(await version()).toBe(empty);
  await sendOne();
  expect(await version()).toBe(empty);
  await insertRow(clock.nowMs());
  const inserted = await version();
  expect(inserted).not.toBe(empty);
  expect(await version()).toBe(inserted);
});

it('is complete up to what its source has sent, and stands still while the source does not say', async (context) => {
  let ask: () => Promise<number> = async () => 40;
  const { clock, gauge } = await setUp(context, { sourceAgeMs: () => ask() });
  expect(await gauge.read()).toMatchObject({ asOfMs: clock.nowMs() - 1_040, lagMs: 1_040 });
  // An outbox that has stood still for longer than any margin.
  clock.advanceMs(60_000);
  ask = async () => 30_000;
  expect(await gauge.read()).toMatchObject({ lagMs: 31_000 });
  ask = async () => {
    throw new Error('away');
  };
  const { version } = await gauge.read();
  clock.advanceMs(9_000);
  expect(await gauge.read()).toMatchObject({ lagMs: 40_000, version });
});

it('keeps no question waiting for one that does not answer: what was read last is said, with a lag that grows', async (context) => {
  let isAway = false;
  const answered = Promise.withResolvers<number>();
  const { clock, gauge } = await setUp(context, {
    sourceAgeMs: async () => (isAway ? answered.promise : 0),
  });
  const { asOfMs, lagMs, version } = await gauge.read();
  isAway = true;
  clock.advanceMs(hourMs);
  const startedAt = performance.now();
  expect(await gauge.read()).toEqual({ asOfMs, lagMs: lagMs + hourMs, version });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  answered.resolve(0);
});

it('counts by Kafka’s times where clients stamp the rows, because their clocks may run ahead', async (context) => {
  const { clock, gauge, sendOne, clickhouse } = await setUp(context, {
    table: 'shopper_activity',
    isTimedByClients: true,
  });
  await clickhouse.insertRows('shopper_activity', [{ occurred_at: textOf(clock.nowMs() + 5 * 60_000) }]);
  await sendOne();
  clock.advanceMs(4 * 60_000);
  // The record that is not ingested is four minutes old, and ages are tried that are four times the one before.
  expect((await gauge.read()).lagMs).toBe(settleMs + 256_000);
});

it('is behind by as long as the first record lies that no row tells of, however long that is', async (context) => {
  const { clock, gauge, sendOne } = await setUp(context);
  await sendOne();
  clock.advanceMs(20 * hourMs);
  expect((await gauge.read()).lagMs).toBe(settleMs + 262_144_000);
});

it('looks at no rows of other topics in a table that has several', async (context) => {
  const { clock, gauge, commitSome, sendOne, clickhouse, topic } = await setUp(context, {
    table: 'domain_events',
    hasOtherTopics: true,
  });
  await commitSome();
  const row = { occurred_at: textOf(clock.nowMs()), kafka_offset: 7 };
  await sendOne();
  clock.advanceMs(20_000);
  const { version } = await gauge.read();
  await clickhouse.insertRows('domain_events', [
    { ...row, topic: 'others', occurred_at: textOf(clock.nowMs()) },
  ]);
  clock.advanceMs(1_000);
  const behind = await gauge.read();
  expect(behind).toMatchObject({ version });
  expect(behind.lagMs).toBeGreaterThan(20_000);
  await clickhouse.insertRows('domain_events', [{ ...row, topic, kafka_offset: 0 }]);
  clock.advanceMs(1_000);
  expect((await gauge.read()).version).not.toBe(version);
});

it('reads no rows but the newest of a partition that is behind, however many there are', async (context) => {
  const asked: Parameters<ClickHouse['query']>[] = [];
  const scratch = await scratchClickHouse();
  context.onTestFinished(scratch.drop);
  const { clock, gauge, commitSome, sendOne } = await setUp(context, {
    clickhouse: {
      query: async (...statement) => {
        asked.push(statement);
        return await scratch.clickhouse.query(...statement);
      },
    },
  });
  const rows = 50_000;
  await commitSome(rows);
  await scratch.clickhouse.command(
    `INSERT INTO sales (kafka_offset, occurred_at) SELECT number, {at:DateTime64(3, 'UTC')} FROM numbers(${rows})`,
    { at: textOf(clock.nowMs()) },
  );
  await sendOne();
  clock.advanceMs(1_000);
  expect((await gauge.read()).lagMs).toBe(settleMs + 1_000);
  const [[sql = '', params] = []] = asked;
  const estimated = await scratch.clickhouse.query<{ rows: number }>(`EXPLAIN ESTIMATE ${sql}`, params);
  expect(estimated.reduce((sum, part) => sum + part.rows, 0)).toBeLessThan(rows / 5);
});

it('is as complete as what a job has read, once all that it wrote of that is sent', async (context) => {
  const ages = { source: 40, other: 20, job: 0 };
  const source = await setUp(context, { sourceAgeMs: async () => ages.source });
  const { clock } = source;
  const other = await setUp(context, { clock, sourceAgeMs: async () => ages.other });
  const sourceAgeMs = ageOfJob(clock, [source.gauge, other.gauge], async () => ages.job);
  const { gauge } = await setUp(context, { clock, table: 'stock_outs', sourceAgeMs });
  expect((await gauge.read()).lagMs).toBe(1_040);
  // An outbox on its way that stands still holds it, whichever it is.
  clock.advanceMs(60_000);
  ages.other = 30_000;
  expect((await gauge.read()).lagMs).toBe(31_000);
  ages.other = 20;
  ages.job = 1;
  clock.advanceMs(5_000);
  expect((await gauge.read()).lagMs).toBe(36_000);
  ages.job = 0;
  clock.advanceMs(5_000);
  expect((await gauge.read()).lagMs).toBe(1_040);
});

it('of several logs is as the least complete, and another version when any has one', async () => {
  const of = (lagMs: number, version: string) => ({
    read: async () => ({ asOfMs: 9_000 - lagMs, lagMs, version }),
  });
  expect(await allOf(of(1, 'a'), of(3, 'b'), of(2, 'c')).read()).toEqual({
    asOfMs: 8_997,
    lagMs: 3,
    version: 'a and b and c',
  });
});
