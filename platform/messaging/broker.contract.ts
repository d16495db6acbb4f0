import { randomBytes, randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assert } from '#platform/assert';
import type {
  BatchControl,
  BatchHandler,
  Broker,
  BrokerAdmin,
  Consumer,
  ConsumerOptions,
  IncomingRecord,
  OutgoingRecord,
  Producer,
  RawHeader,
  RecordBatch,
} from '#platform/messaging/broker';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testLogger } from '#platform/testing/logged-errors';
import { sleep } from '#platform/waiting/sleep';

const logger = testLogger('contract');

/**
 * The contract of every implementation of `Broker`. `open` connects to the engines under test; `openNowhere` to a port
 * on which no process listens.
 */
export const brokerContract = (
  name: string,
  parts: { open(): Promise<Broker>; openNowhere(): Promise<Broker> },
): void => {
  // At once: each has its topics and groups, and most of its time is waiting for the group coordinator.
  describe.concurrent(`${name} keeps the broker contract`, () => {
    let broker: Broker;
    let admin: BrokerAdmin;
    let producer: Producer;
    const topics: string[] = [];
    const consumers: Consumer[] = [];

    beforeAll(async () => {
      broker = await parts.open();
      admin = await broker.admin();
      producer = await broker.producer();
    });
    afterAll(async () => {
      await Promise.all(consumers.map((consumer) => consumer.close()));
      await producer.close();
      await admin.deleteTopics(topics);
      await admin.close();
    });

    const newTopic = async (partitions = 1, config: Record<string, string> = {}): Promise<string> => {
      const topic = `contract-${randomUUID()}`;
      await admin.createTopics([{ topic, partitions, config }]);
      topics.push(topic);
      return topic;
    };
    const newGroup = () => `contract.${randomUUID()}`;

    const consume = async (
      topic: string,
      handle: BatchHandler,
      options: Partial<ConsumerOptions> = {},
    ): Promise<Consumer> => {
      const consumer = broker.consumer({ group: newGroup(), topics: [topic], ...options });
      consumers.push(consumer);
      await consumer.run(handle);
      return consumer;
    };
    /** Commits everything it is handed and remembers it. */
    const collector = () => {
      const seen: { topic: string; partition: number; record: IncomingRecord }[] = [];
      const handle: BatchHandler = async (batch, control) => {
        for (const record of batch.records)
          seen.push({ topic: batch.topic, partition: batch.partition, record });
        await control.commit(nextOffsetOf(batch));
      };
      return { seen, handle, values: () => seen.map(({ record }) => String(record.value)) };
    };
    const nextOffsetOf = (batch: RecordBatch): bigint => (batch.records.at(-1)?.offset ?? -1n) + 1n;
    const numbered = (topic: string, count: number, key: (index: number) => string): OutgoingRecord[] =>
      Array.from({ length: count }, (_, index) => ({
        topic,
        key: key(index),
        value: Buffer.from(String(index)),
      }));
    const committed = async (group: string, topic: string): Promise<bigint> => {
      const partitions = await admin.committedOffsets(group, topic);
      return partitions.reduce((sum, { nextOffset }) => sum + (nextOffset ?? 0n), 0n);
    };

    test('records of one key keep their order, within a call and across calls', async () => {
      const topic = await newTopic(3);
      const records = numbered(topic, 600, (index) => `key-${index % 7}`);
      await producer.send(records.slice(0, 250));
      await Promise.all([producer.send(records.slice(250, 400)), producer.send(records.slice(400, 401))]);
      await producer.send(records.slice(401));
      const { seen, handle } = collector();
      await consume(topic, handle, { partitionsConcurrentlyMax: 3 });
      await eventually(() => seen.length >= 600);
      for (let key = 0; key < 7; key += 1) {
        const order = seen
          .filter(({ record }) => String(record.key) === `key-${key}`)
          .map(({ record }) => Number(record.value));
        expect(order).toEqual(
          records.filter((_, index) => index % 7 === key).map(({ value }) => Number(value)),
        );
      }
    });

    test("keys are placed as Java's producer places them", async () => {
      const topic = await newTopic(6);
      // Computed with org.apache.kafka.common.utils.Utils: toPositive(murmur2(key)) % 6.
      await producer.send(placements.map(([key]) => ({ topic, key, value: Buffer.from(key) })));
      const { seen, handle } = collector();
      await consume(topic, handle, { partitionsConcurrentlyMax: 6 });
      await eventually(() => seen.length >= placements.length);
      const placed = Object.fromEntries(seen.map(({ record, partition }) => [String(record.key), partition]));
      expect(placed).toEqual(Object.fromEntries(placements));
    });

    test('keys, bytes, headers, timestamps and tombstones come out as they went in', async () => {
      const topic = await newTopic();
      const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await producer.send([
        {
          topic,
          key: 'ключ-🔑',
          value: everyByte,
          headers: { 'event-id': 'a', empty: '', utf8: 'žluťoučký' },
          timestampMs: 1_700_000_000_123,
        },
        { topic, key: everyByte, value: Buffer.from([0]) },
        { topic, key: 'gone', value: null },
      ]);
      const { seen, handle } = collector();
      await consume(topic, handle);
      await eventually(() => seen.length >= 3);
      const [first, second, third] = seen.map(({ record }) => record);
      expect(String(first?.key)).toBe('ключ-🔑');
      expect(first?.value).toEqual(everyByte);
      expect(first?.headers).toEqual({ 'event-id': 'a', empty: '', utf8: 'žluťoučký' });
      expect(first?.timestampMs).toBe(1_700_000_000_123);
      expect(first?.offset).toBe(0n);
      expect(second?.key).toEqual(everyByte);
      expect(second?.value).toEqual(Buffer.from([0]));
      expect(second?.headers).toEqual({});
      expect(third?.value).toBeNull();
    });

    test('headers may repeat, have no value, or be any bytes, and come out as they were written', async () => {
      const topic = await newTopic();
      const rawHeaders: RawHeader[] = [
        ['a', Buffer.from('1')],
        ['a', null],
        ['a', Buffer.from([0xff, 0, 0xfe])],
        ['no-value', null],
        ['empty', Buffer.alloc(0)],
      ];
      // By the implementation that can write all of it.
      const writer = await createKafkajsBroker({
        ...engines().kafka,
        clientId: 'contract',
        logger,
      }).producer();
      await writer.send([{ topic, key: 'k', value: Buffer.from('v'), headers: rawHeaders }]);
      await writer.close();
      const { seen, handle } = collector();
      await consume(topic, handle);
      await eventually(() => seen.length === 1);
      const { rawHeaders: read = [], headers } = seen[0]?.record ?? {};
      // node-rdkafka reads a missing value as an empty one.
      const filled = (list: readonly RawHeader[]) =>
        list.map(([name, value]) => [name, value ?? Buffer.alloc(0)]);
      expect(filled(read)).toEqual(filled(rawHeaders));
      expect(headers).toMatchObject({ a: Buffer.from([0xff, 0, 0xfe]).toString(), empty: '' });
    });

    test('an empty value is carried or refused, never turned into a tombstone', async () => {
      const topic = await newTopic();
      const empty = { topic, key: 'k', value: Buffer.alloc(0) };
      const refused = await producer.send([empty]).then(
        () => undefined,
        (error) => error,
      );
      if (refused !== undefined) return expect(refused).toMatchObject({ retriable: false });
      const { seen, handle } = collector();
      await consume(topic, handle);
      await eventually(() => seen.length === 1);
      expect(seen[0]?.record.value).toEqual(Buffer.alloc(0));
    });

    test('a partition given by hand overrides the key', async () => {
      const topic = await newTopic(3);
      await producer.send([{ topic, key: null, partition: 2, value: Buffer.from('x') }]);
      const offsets = await admin.offsets(topic);
      expect(offsets.find(({ partition }) => partition === 2)?.high).toBe(1n);
    });

    test('a batch whose handler fails is delivered again, and nothing of it is lost or out of order', async () => {
      const topic = await newTopic();
      await producer.send(numbered(topic, 50, () => 'k'));
      const handled: number[] = [];
      let failures = 0;
      await consume(topic, async (batch, control) => {
        for (const record of batch.records) {
          const number = Number(record.value);
          if (number === 20 && failures < 3) {
            failures += 1;
            throw new Error('not yet');
          }
          handled.push(number);
          if (number === 10) await control.commit(record.offset + 1n);
        }
        await control.commit(nextOffsetOf(batch));
      });
      await eventually(() => handled.includes(49));
      expect(failures).toBe(3);
      // Up to the commit once; from there on once more for each failure, always in order.
      const attempt = Array.from({ length: 9 }, (_, index) => index + 11);
      const rest = Array.from({ length: 39 }, (_, index) => index + 11);
      expect(handled).toEqual([
        ...Array.from({ length: 11 }, (_, index) => index),
        ...attempt,
        ...attempt,
        ...attempt,
        ...rest,
      ]);
    });

    test('a partition that keeps failing does not hold up the others', async () => {
      const topic = await newTopic(3);
      const group = newGroup();
      const ok = collector();
      await consume(
        topic,
        async (batch, control) => {
          if (batch.partition === 1) throw new Error('always');
          await ok.handle(batch, control);
        },
        { group },
      );
      for (let round = 0; round < 5; round += 1) {
        await producer.send(
          [0, 1, 2].map((partition) => ({ topic, key: 'k', partition, value: Buffer.from(`${round}`) })),
        );
        await eventually(() => ok.seen.length >= (round + 1) * 2, { timeoutMs: 3_000 });
      }
      expect(ok.seen.every(({ partition }) => partition !== 1)).toBe(true);
      const positions = await admin.committedOffsets(group, topic);
      expect(positions.find(({ partition }) => partition === 1)?.nextOffset ?? null).toBeNull();
    });

    test('a commit is in the broker when it resolves, and the next member goes on from there', async () => {
      const topic = await newTopic();
      const group = newGroup();
      await producer.send(numbered(topic, 10, () => 'k'));
      let stopped = false;
      const first = await consume(
        topic,
        async (_batch, control) => {
          await control.commit(4n);
          expect(await committed(group, topic)).toBe(4n);
          stopped = true;
        },
        { group },
      );
      await eventually(() => stopped);
      await first.close();
      const second = collector();
      await consume(topic, second.handle, { group });
      await eventually(() => second.seen.length >= 6);
      expect(second.values()).toEqual(['4', '5', '6', '7', '8', '9']);
    });

    test('a new group reads from the beginning', async () => {
      const topic = await newTopic();
      await producer.send(numbered(topic, 5, () => 'k'));
      const { handle, values } = collector();
      await consume(topic, handle);
      await eventually(() => values().length >= 5);
      expect(values()).toEqual(['0', '1', '2', '3', '4']);
    });

    test('startFrom is asked after onAssigned and before the first batch, and obeyed', async () => {
      const topic = await newTopic(2);
      await producer.send(
        [0, 1].flatMap((partition) =>
          [0, 1, 2, 3].map((n) => ({ topic, key: 'k', partition, value: Buffer.from(`${partition}.${n}`) })),
        ),
      );
      const told: string[] = [];
      const { handle, values } = collector();
      await consume(
        topic,
        async (batch, control) => {
          told.push('batch');
          await handle(batch, control);
        },
        {
          onAssigned: (partitions) => {
            told.push(`assigned ${partitions.map(({ partition }) => partition).sort()}`);
          },
          startFrom: async ({ partition }) => {
            told.push(`start ${partition}`);
            return partition === 0 ? 2n : null;
          },
        },
      );
      await eventually(() => values().length >= 6);
      expect(told.slice(0, 3).sort()).toEqual(['assigned 0,1', 'start 0', 'start 1']);
      expect(told[0]).toBe('assigned 0,1');
      expect(values().sort()).toEqual(['0.2', '0.3', '1.0', '1.1', '1.2', '1.3']);
    });

    test('the high watermark tells how much is left', async () => {
      const topic = await newTopic();
      await producer.send(numbered(topic, 7, () => 'k'));
      const marks: bigint[] = [];
      await consume(topic, async (batch) => {
        marks.push(batch.highWatermark);
      });
      await eventually(() => marks.length > 0);
      expect(marks.at(-1)).toBe(7n);
    });

    test('progress tells what is left of a partition whose records are not handled, as more arrive', async () => {
      const topic = await newTopic(2);
      await producer.send(
        [0, 1].map((partition) => ({ topic, key: 'k', partition, value: Buffer.from('x') })),
      );
      const idle = broker.consumer({ group: newGroup(), topics: [topic] });
      await eventually(() => idle.progress().unassignedForMs > 0);
      expect(idle.progress()).toMatchObject({ partitions: [], restarts: 0 });

      const ok = collector();
      const consumer = await consume(topic, async (batch, control) => {
        if (batch.partition === 1) throw new Error('always');
        await ok.handle(batch, control);
      });
      const partition = (which: number) =>
        consumer.progress().partitions.find((each) => each.partition === which);
      await eventually(() => ok.seen.length === 1 && (partition(1)?.failures ?? 0) >= 2);
      expect(partition(0)).toMatchObject({
        topic,
        nextOffset: 1n,
        highWatermark: 1n,
        stalledForMs: 0,
        failures: 0,
      });
      expect(partition(0)?.endAgeMs).toBeLessThan(7_000);
      expect(consumer.progress().unassignedForMs).toBe(0);
      // More than waits in a lane, so that the partition is not fetched any more.
      const large = Buffer.alloc(400_000, 1);
      for (let round = 0; round < 5; round += 1)
        await producer.send([{ topic, key: 'k', partition: 1, value: large }]);
      const before = partition(1)?.stalledForMs ?? 0;
      await eventually(() => partition(1)?.highWatermark === 6n, { timeoutMs: 5_000 });
      await producer.send([{ topic, key: 'k', partition: 1, value: large }]);
      await eventually(() => partition(1)?.highWatermark === 7n, { timeoutMs: 5_000 });
      expect(partition(1)).toMatchObject({ nextOffset: 0n, cause: 'always' });
      expect(partition(1)?.stalledForMs).toBeGreaterThan(before);
    }, 20_000);

    test('two members share the partitions; across a rebalance nothing is lost and no key is out of order', async () => {
      const topic = await newTopic(4);
      const group = newGroup();
      const handled: { member: string; key: string; number: number }[] = [];
      const inHand = new Set<number>();
      const overlaps: number[] = [];
      const member =
        (name: string): BatchHandler =>
        async (batch, control) => {
          if (inHand.has(batch.partition)) overlaps.push(batch.partition);
          inHand.add(batch.partition);
          for (const record of batch.records.slice(0, 20)) {
            await sleep(2);
            handled.push({ member: name, key: String(record.key), number: Number(record.value) });
          }
          inHand.delete(batch.partition);
          const done = batch.records.slice(0, 20).at(-1);
          await control.commit((done?.offset ?? -1n) + 1n);
          if (batch.records.length > 20) throw new Error('the rest another time');
        };
      const total = 1200;
      const records = numbered(topic, total, (index) => `key-${index % 16}`);
      await producer.send(records.slice(0, 400));
      const options = { group, partitionsConcurrentlyMax: 4 };
      const first = await consume(topic, member('first'), options);
      await eventually(() => handled.length > 50);
      const second = await consume(topic, member('second'), options);
      await producer.send(records.slice(400, 800));
      await eventually(() => handled.some((each) => each.member === 'second'), { timeoutMs: 20_000 });
      await first.close();
      await producer.send(records.slice(800));
      await eventually(() => new Set(handled.map((each) => each.number)).size === total, {
        timeoutMs: 25_000,
        message: () => `${new Set(handled.map((each) => each.number)).size} of ${total} handled`,
      });
      await second.close();
      expect(overlaps).toEqual([]);
      for (let key = 0; key < 16; key += 1) {
        const numbers = handled.filter((each) => each.key === `key-${key}`).map((each) => each.number);
        // Delivered again is allowed, back in time within what was new is not.
        let highest = -1;
        for (const number of numbers) {
          const next = highest < 0 ? key : highest + 16;
          expect(number, `key-${key}: ${number} after ${highest}`).toBeLessThanOrEqual(next);
          highest = Math.max(highest, number);
        }
      }
      expect(await committed(group, topic)).toBe(BigInt(total));
    }, 60_000);

    test('after its partition has moved a batch is stale and its commit is refused', async () => {
      const topic = await newTopic();
      const group = newGroup();
      await producer.send(numbered(topic, 3, () => 'k'));
      let control: BatchControl | undefined;
      let release: () => void = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow = await consume(
        topic,
        async (_batch, given) => {
          control ??= given;
          await held;
        },
        { group },
      );
      await eventually(() => control !== undefined);
      expect(control?.isStale()).toBe(false);
      const next = collector();
      // The only partition goes to one of the two; whichever it is, the handler in hand is not waited for long.
      const others = await Promise.all([1, 2, 3].map(() => consume(topic, next.handle, { group })));
      await eventually(() => control?.isStale() === true, { timeoutMs: 20_000 });
      await expect(control?.commit(3n)).rejects.toMatchObject({ retriable: true });
      await expect(control?.heartbeat()).rejects.toMatchObject({ retriable: true });
      release();
      await slow.close();
      await eventually(() => next.seen.length >= 3, { timeoutMs: 20_000 });
      expect(next.values()).toEqual(['0', '1', '2']);
      await Promise.all(others.map((other) => other.close()));
    }, 60_000);

    test('close is seen by the batch in hand at once, and lets it finish and commit', async () => {
      const topic = await newTopic();
      const group = newGroup();
      await producer.send(numbered(topic, 3, () => 'k'));
      let begun = false;
      let finished = false;
      let isClosing = () => false;
      let release: () => void = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const consumer = await consume(
        topic,
        async (batch, control) => {
          isClosing = control.isStale;
          begun = true;
          await released;
          await control.commit(nextOffsetOf(batch));
          finished = true;
        },
        { group },
      );
      await eventually(() => begun);
      expect(isClosing()).toBe(false);
      const closing = consumer.close();
      expect(isClosing()).toBe(true);
      expect(finished).toBe(false);
      release();
      await closing;
      expect(finished).toBe(true);
      expect(await committed(group, topic)).toBe(3n);
    });

    test('a broken invariant in the handler is told by failed, and nothing is committed', async () => {
      const topic = await newTopic();
      const group = newGroup();
      await producer.send(numbered(topic, 3, () => 'k'));
      let deliveries = 0;
      const consumer = await consume(
        topic,
        async () => {
          deliveries += 1;
          assert(false, 'two and two are five');
        },
        { group },
      );
      await expect(consumer.failed).rejects.toThrow('two and two are five');
      await consumer.close();
      expect(deliveries).toBe(1);
      expect(await committed(group, topic)).toBe(0n);
    });

    test('records of an aborted transaction are never delivered', async () => {
      const topic = await newTopic();
      const { kafka } = openConnection({ ...engines().kafka, clientId: 'contract', logger }, {});
      const transactional = kafka.producer({
        transactionalId: topic,
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      });
      await transactional.connect();
      for (const [value, fate] of [
        ['kept', 'commit'],
        ['dropped', 'abort'],
        ['kept too', 'commit'],
      ] as const) {
        const transaction = await transactional.transaction();
        await transaction.send({ topic, messages: [{ key: 'k', value }] });
        await transaction[fate]();
      }
      await transactional.disconnect();
      const { handle, values } = collector();
      const consumer = await consume(topic, handle);
      await eventually(() => values().length >= 2);
      expect(values()).toEqual(['kept', 'kept too']);
      // Six offsets: three records, three markers.
      await eventually(() => consumer.progress().partitions[0]?.nextOffset === 6n);
      expect(consumer.progress().partitions[0]).toMatchObject({ highWatermark: 6n, stalledForMs: 0 });
    });

    test('an aborted transaction at the end of a partition leaves nothing to be handled', async () => {
      const topic = await newTopic();
      const { handle, values } = collector();
      const consumer = await consume(topic, handle);
      const { kafka } = openConnection({ ...engines().kafka, clientId: 'contract', logger }, {});
      const transactional = kafka.producer({
        transactionalId: topic,
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      });
      await transactional.connect();
      const transaction = await transactional.transaction();
      await transaction.send({ topic, messages: [{ key: 'k', value: 'dropped' }] });
      await transaction.abort();
      await transactional.disconnect();
      await eventually(() => consumer.progress().partitions[0]?.nextOffset === 2n);
      await producer.send([{ topic, key: 'k', value: Buffer.from('kept') }]);
      await eventually(() => values().length === 1);
      await eventually(() => consumer.progress().partitions[0]?.nextOffset === 3n);
      expect(consumer.progress().partitions[0]).toMatchObject({ highWatermark: 3n });
    });

    test('what was sent is counted once, and offsets tell the first and the next', async () => {
      const topic = await newTopic(2);
      await Promise.all(
        Array.from({ length: 40 }, (_, call) => producer.send(numbered(topic, 25, (i) => `${call}-${i}`))),
      );
      const offsets = await admin.offsets(topic);
      expect(offsets.map(({ partition }) => partition).sort()).toEqual([0, 1]);
      expect(offsets.reduce((sum, { high }) => sum + high, 0n)).toBe(1000n);
      expect(offsets.every(({ low }) => low === 0n)).toBe(true);
      expect(await admin.committedOffsets(newGroup(), topic)).toEqual(
        expect.arrayContaining([{ partition: 0, nextOffset: null }]),
      );
      await producer.send([
        { topic, partition: 1, key: null, value: Buffer.from('later'), timestampMs: Date.now() + 60_000 },
      ]);
      const [zero, one] = [0, 1].map((each) => offsets.find(({ partition }) => partition === each)?.high);
      const since = async (ms: number) =>
        (await admin.offsetsSince(topic, ms))
          .sort((a, b) => a.partition - b.partition)
          .map(({ offset }) => offset);
      expect(await since(0)).toEqual([0n, 0n]);
      expect(await since(Date.now() + 30_000)).toEqual([zero, one]);
      expect(await since(Date.now() + 90_000)).toEqual([zero, (one ?? 0n) + 1n]);
    });

    test('a call larger than one request is sent in order all the same', async () => {
      const topic = await newTopic();
      const big = Array.from({ length: 60 }, (_, index) => ({
        topic,
        key: 'k',
        value: Buffer.concat([Buffer.from(`${index};`), Buffer.alloc(50_000, index)]),
      }));
      await producer.send(big);
      const { seen, handle } = collector();
      await consume(topic, handle, { fetchBytesPerPartitionMax: 300_000 });
      await eventually(() => seen.length >= 60);
      expect(seen.map(({ record }) => Number.parseInt(String(record.value?.subarray(0, 4)), 10))).toEqual(
        big.map((_, index) => index),
      );
    });

    test('a record larger than the broker takes is refused for good, and the next one is sent', async () => {
      const topic = await newTopic();
      const tooLarge = producer.send([{ topic, key: 'k', value: randomBytes(1_500_000) }]);
      await expect(tooLarge).rejects.toMatchObject({ code: 'broker_rejected', retriable: false });
      await producer.send([{ topic, key: 'k', value: Buffer.from('next') }]);
      expect((await admin.offsets(topic))[0]?.high).toBe(1n);
    });

    test('creating a topic that exists leaves it as it is', async () => {
      const topic = await newTopic(2);
      await admin.createTopics([{ topic, partitions: 5 }]);
      expect((await admin.offsets(topic)).length).toBe(2);
    });

    test('an admin that has used a topic goes on when somebody else deletes it', async () => {
      const topic = `contract-${randomUUID()}`;
      const [user, other] = [await broker.admin(), await broker.admin()];
      await user.createTopics([{ topic, partitions: 1 }]);
      await user.offsets(topic);
      await other.deleteTopics([topic]);
      // A busy broker answers from its metadata for a moment after it has accepted the deletion.
      let refusal: unknown;
      await eventually(async () => {
        refusal = await user.offsets(topic).then(
          () => null,
          (error: unknown) => error,
        );
        return refusal !== null;
      });
      expect(refusal).toMatchObject({ retriable: true });
      const next = `contract-${randomUUID()}`;
      topics.push(next);
      await user.createTopics([{ topic: next, partitions: 1 }]);
      expect((await user.offsets(next)).length).toBe(1);
      await Promise.all([user.close(), other.close()]);
    });

    test('where no broker answers, send and run fail with a retriable fault', async () => {
      const nowhere = await parts.openNowhere();
      const lost = await nowhere.producer();
      await expect(lost.send([{ topic: 't', key: 'k', value: null }])).rejects.toMatchObject({
        code: 'broker_unavailable',
        retriable: true,
      });
      await lost.close();
      const consumer = nowhere.consumer({ group: newGroup(), topics: ['t'] });
      await expect(consumer.run(async () => {})).rejects.toMatchObject({
        code: 'broker_unavailable',
        retriable: true,
      });
      await consumer.close();
    }, 60_000);
  });
};

const placements: [string, number][] = [
  ['a', 4],
  ['b', 2],
  ['0190163d-8694-739b-aea5-966c26f8ad91', 3],
  ['order-1', 4],
  ['order-2', 3],
  ['order-3', 3],
  ['ключ', 2],
  ['visit-00042', 2],
  ['🔑', 5],
];
