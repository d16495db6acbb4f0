import kafkajs, { type Producer as KafkajsProducer, type Message } from 'kafkajs';
import { isRetriable, PlatformError } from '#platform/errors';
import type { OutgoingRecord, Producer, RecordHeaders } from '#platform/messaging/broker';
import { type BrokerOptions, sendTimeoutMs } from '#platform/messaging/broker-options';
import { brokerFault, type KafkajsConnection, openConnection } from '#platform/messaging/kafkajs-connection';
import { createPartitioner } from '#platform/messaging/kafkajs-partitioner';
import { missingValue } from '#platform/messaging/kafkajs-records';
import { headersByName } from '#platform/messaging/record-headers';
import { within } from '#platform/waiting/deadline';

const { CompressionTypes } = kafkajs;

/** Below the broker's limit of 1 MiB for one write to one partition. */
const bytesPerRequestMax = 700_000;
/** kafkajs's work for a request grows with the square of the number of its records. */
const recordsPerRequestMax = 1_000;
const recordsQueuedMax = 50_000;
const compressBytesMin = 16 * 1024;
const recordOverheadBytes = 64;

type Send = { records: readonly OutgoingRecord[]; resolve(): void; reject(error: unknown): void };

type Open = { connection: KafkajsConnection; producer: KafkajsProducer };

/** The connection that a request uses, which is closed if the request fails. */
type Attempt = { connection?: KafkajsConnection };

/**
 * Sends one request at a time; records that arrive meanwhile go together into the next one. kafkajs reuses the sequence
 * numbers of a failed request, so the broker could drop a later request as a duplicate of the failed one. With one
 * request in flight, and a new producer (with a new id) after each failure, that cannot happen.
 */
export const createKafkajsProducer = (options: BrokerOptions): Producer => {
  let queue: Send[] = [];
  let recordsQueued = 0;
  let working: Promise<void> | undefined;
  let closed = false;
  const client = createClient(options);

  const work = async (): Promise<void> => {
    while (queue.length > 0) {
      const sends = takeTogether(queue);
      queue = queue.slice(sends.length);
      for (const { records } of sends) recordsQueued -= records.length;
      try {
        await requestAll(sends);
        for (const send of sends) send.resolve();
      } catch (error) {
        if (sends.length > 1 && !isRetriable(error)) await sendApart(sends);
        else for (const send of sends) send.reject(error);
      }
    }
    working = undefined;
  };

  const requestAll = async (sends: readonly Send[]): Promise<void> => {
    for (const slice of slicesOf(sends.flatMap((send) => send.records))) await client.request(slice);
  };

  /** Sends each separately: a record that the broker will never accept then fails only its own send. */
  const sendApart = async (sends: readonly Send[]): Promise<void> => {
    for (const send of sends) await requestAll([send]).then(send.resolve, send.reject);
  };

  return {
    open: async () => {
      if (client.isOpen || closed) return;
      const opened = new Promise<void>((resolve, reject) => queue.push({ records: [], resolve, reject }));
      working ??= work();
      await opened;
    },
    send: (records) => {
      if (records.length === 0) return Promise.resolve();
      if (closed || recordsQueued + records.length > recordsQueuedMax)
        return Promise.reject(
          new PlatformError('broker_unavailable', closed ? 'producer is closed' : 'too many records wait', {
            retriable: !closed,
          }),
        );
      recordsQueued += records.length;
      const sent = new Promise<void>((resolve, reject) => queue.push({ records, resolve, reject }));
      working ??= work();
      return sent;
    },
    close: async () => {
      closed = true;
      await working;
      await client.close();
    },
  };
};

/** A kafkajs producer that is opened by its first request, and replaced after a request that failed. */
const createClient = (options: BrokerOptions) => {
  let open: Open | undefined;

  const openProducer = async (attempt: Attempt): Promise<Open> => {
    const connection = openConnection(options, { initialRetryTime: 50, retries: 6, maxRetryTime: 1_000 });
    attempt.connection = connection;
    const producer = connection.kafka.producer({
      createPartitioner,
      allowAutoTopicCreation: false,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    open = { connection, producer };
    await producer.connect();
    return open;
  };

  const sendBatch = async (records: readonly OutgoingRecord[], attempt: Attempt): Promise<void> => {
    const { connection, producer } = open ?? (await openProducer(attempt));
    attempt.connection = connection;
    if (records.length === 0) return;
    await producer.sendBatch({
      acks: -1,
      timeout: sendTimeoutMs / 2,
      compression: bytesOf(records) >= compressBytesMin ? CompressionTypes.LZ4 : CompressionTypes.None,
      topicMessages: byTopic(records),
    });
  };

  const discard = (): void => {
    open?.connection.sever();
    open?.producer.disconnect().catch(() => {});
    open = undefined;
  };

  return {
    get isOpen() {
      return open !== undefined;
    },
    /** One request for all records, which must not be made while another one is. No records: only opens. */
    request: async (records: readonly OutgoingRecord[]): Promise<void> => {
      const attempt: Attempt = {};
      try {
        await within(sendTimeoutMs, sendBatch(records, attempt), { code: 'broker_unavailable' });
      } catch (error) {
        attempt.connection?.sever();
        discard();
        throw brokerFault('send', error);
      }
    },
    close: async (): Promise<void> => {
      await open?.producer.disconnect().catch(() => {});
      open = undefined;
    },
  };
};

/** As many of the first sends as one request holds; at least one. */
const takeTogether = (queue: readonly Send[]): Send[] => {
  let records = 0;
  let bytes = 0;
  const taken: Send[] = [];
  for (const send of queue) {
    records += send.records.length;
    bytes += bytesOf(send.records);
    const isFull = records > recordsPerRequestMax || bytes > bytesPerRequestMax;
    if (isFull && taken.length > 0) break;
    taken.push(send);
  }
  return taken;
};

function* slicesOf(records: readonly OutgoingRecord[]): Generator<readonly OutgoingRecord[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, record] of records.entries()) {
    const size = sizeOf(record);
    if (index > from && (index - from >= recordsPerRequestMax || bytes + size > bytesPerRequestMax)) {
      yield records.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  yield from === 0 ? records : records.slice(from);
}

const sizeOf = ({ key, value, headers = {} }: OutgoingRecord): number => {
  let bytes = recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0);
  if (Array.isArray(headers))
    for (const [name, content] of headers) bytes += 8 + name.length + (content?.length ?? 0);
  else
    for (const name in headers)
      bytes += 8 + name.length + ((headers as RecordHeaders)[name] as string).length;
  return bytes;
};

const bytesOf = (records: readonly OutgoingRecord[]): number => {
  let bytes = 0;
  for (const record of records) bytes += sizeOf(record);
  return bytes;
};

const byTopic = (records: readonly OutgoingRecord[]) => {
  const topics = new Map<string, Message[]>();
  for (const record of records) {
    const messages = topics.get(record.topic);
    if (messages === undefined) topics.set(record.topic, [toMessage(record)]);
    else messages.push(toMessage(record));
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
};

const toHeaders = (headers: NonNullable<OutgoingRecord['headers']>): NonNullable<Message['headers']> => {
  if (!Array.isArray(headers)) return headers as RecordHeaders;
  const byName: NonNullable<Message['headers']> = Object.create(null);
  for (const [name, values] of headersByName(headers))
    byName[name] = values.map((value) => value ?? missingValue);
  return byName;
};

const toMessage = (record: OutgoingRecord): Message => ({
  key: record.key,
  value: record.value,
  ...(record.headers === undefined ? {} : { headers: toHeaders(record.headers) }),
  ...(record.timestampMs === undefined ? {} : { timestamp: String(record.timestampMs) }),
  ...(record.partition === undefined ? {} : { partition: record.partition }),
});
