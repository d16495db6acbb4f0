import { PlatformError } from '#platform/errors';
import type { OutgoingRecord, Producer } from '#platform/messaging/broker';
import { type BrokerOptions, sendTimeoutMs } from '#platform/messaging/broker-options';
import {
  called,
  connectRdkafka,
  isPermanent,
  rdkafkaConfig,
  rdkafkaFault,
  refusal,
} from '#platform/messaging/rdkafka-connection';
import type { RdkafkaError, RdkafkaModule, RdkafkaProducer } from '#platform/messaging/rdkafka-module';
import { headerList } from '#platform/messaging/record-headers';
import { within } from '#platform/waiting/deadline';

const recordsQueuedMax = 100_000;
const pollMs = 10;
const messageBytesMax = 64 * 1024 * 1024;
const batchBytesMax = 900_000;

/** Records passed to librdkafka together: settled when all are acknowledged, or when one has failed. */
type Send = { missing: number; settle(failure?: unknown): void };

/** One librdkafka client and its sends without an answer yet. */
type Open = { producer: RdkafkaProducer; sends: Set<Send> };

/**
 * librdkafka is configured to retry for ever, which keeps the records in order: if it gave up one record, the next one
 * of the same key would overtake it. A send that waits too long ends the whole client instead, and all later sends with
 * it, so that records sent again arrive in their order.
 */
export const createRdkafkaProducer = (rdkafka: RdkafkaModule, options: BrokerOptions): Producer => {
  const client = createClient(() => openProducer(rdkafka, options));
  let recordsQueued = 0;
  let closed = false;

  const attempt = async (records: readonly OutgoingRecord[]): Promise<void> => {
    const open = await client.opened();
    try {
      await within(sendTimeoutMs, handOver(open, records), { code: 'broker_unavailable' });
    } catch (error) {
      // Where the record itself is wrong, the client works, and its other sends go on.
      if (!isPermanent(error as RdkafkaError)) client.discard(open, error);
      throw error;
    }
  };

  return {
    open: async () => {
      try {
        await client.opened();
      } catch (error) {
        throw rdkafkaFault('connect', error);
      }
    },
    send: async (records) => {
      if (records.length === 0) return;
      if (closed) throw refusal('producer is closed');
      if (recordsQueued + records.length > recordsQueuedMax)
        throw new PlatformError('broker_unavailable', 'too many records wait', { retriable: true });
      recordsQueued += records.length;
      try {
        await attempt(records);
      } catch (error) {
        throw rdkafkaFault('send', error);
      } finally {
        recordsQueued -= records.length;
      }
    },
    close: async () => {
      closed = true;
      await client.close();
    },
  };
};

/** The client in use: opened once, also by several calls at a time, and opened anew after it was discarded. */
const createClient = (open: () => Promise<Open>) => {
  let opening: Promise<Open> | undefined;
  let current: Open | undefined;
  const leaving = new Set<Promise<void>>();

  return {
    opened: (): Promise<Open> => {
      if (opening !== undefined) return opening;
      const attempt = open();
      opening = attempt;
      attempt.then(
        (opened) => {
          current = opened;
        },
        () => {
          opening = undefined;
        },
      );
      return attempt;
    },
    /** Fails all sends of this client with `reason` and disconnects it in the background. */
    discard: (spent: Open, reason: unknown): void => {
      // Its other sends fail with it and come here too, perhaps when the next client is in use already.
      if (spent !== current) return;
      current = undefined;
      opening = undefined;
      for (const send of spent.sends) send.settle(reason);
      spent.sends.clear();
      const left = called((done) => spent.producer.disconnect(1, done)).then(
        () => {},
        () => {},
      );
      leaving.add(left);
      void left.finally(() => leaving.delete(left));
    },
    /** Waits for the sends of the client in use, and until every discarded one has disconnected. */
    close: async (): Promise<void> => {
      const last = await opening?.catch(() => undefined);
      if (last !== undefined)
        await called((done) => last.producer.disconnect(sendTimeoutMs, done)).catch(() => {});
      await Promise.all(leaving);
    },
  };
};

const openProducer = async (rdkafka: RdkafkaModule, options: BrokerOptions): Promise<Open> => {
  const producer = new rdkafka.Producer(
    {
      ...rdkafkaConfig(options),
      'enable.idempotence': true,
      'queue.buffering.max.messages': recordsQueuedMax,
      'linger.ms': 1,
      'compression.codec': 'lz4',
      // The broker, not this client, decides how large a record may be.
      'message.max.bytes': messageBytesMax,
      // A larger record is alone in its batch, so its refusal fails no other record.
      'batch.size': batchBytesMax,
      dr_cb: true,
    },
    { partitioner: 'murmur2_random', 'request.required.acks': -1, 'message.timeout.ms': 0 },
  );
  const open: Open = { producer, sends: new Set() };
  producer.on('delivery-report', (error: RdkafkaError | null, report: { opaque: Send }) => {
    const send = report.opaque;
    send.missing -= 1;
    if (error) send.settle(error);
    else if (send.missing === 0) send.settle();
  });
  await connectRdkafka(producer, 'connect', options);
  if (producer.setPollInBackground !== undefined) producer.setPollInBackground(true);
  else producer.setPollInterval(pollMs);
  return open;
};

/** Synchronous, so that calls keep their order; librdkafka copies the records. */
const handOver = ({ producer, sends }: Open, records: readonly OutgoingRecord[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const send: Send = {
      missing: records.length,
      settle: (failure) => {
        sends.delete(send);
        if (failure === undefined) resolve();
        else reject(failure);
      },
    };
    sends.add(send);
    try {
      for (const record of records) produce(producer, record, send);
    } catch (error) {
      send.settle(error);
    }
  });

const produce = (producer: RdkafkaProducer, record: OutgoingRecord, send: Send): void => {
  const { topic, partition, value, key, timestampMs, headers } = record;
  const keyBytes = typeof key === 'string' ? Buffer.from(key) : key;
  const sent = [inMemory(value), inMemory(keyBytes)] as const;
  producer.produce(topic, partition ?? null, ...sent, timestampMs, send, headersOf(headers));
};

/** node-rdkafka sends an empty buffer without memory as null, so empty values share a buffer that has some. */
const inMemory = (bytes: Buffer | null): Buffer | null => (bytes?.length === 0 ? emptyInMemory : bytes);

const emptyInMemory = Buffer.alloc(1).subarray(0, 0);

/** node-rdkafka cannot write a header without a value, so it gets an empty one. */
const headersOf = (headers: OutgoingRecord['headers'] = []): Record<string, Buffer>[] =>
  headerList(headers).map(([name, value]) => ({ [name]: value ?? Buffer.alloc(0) }));
