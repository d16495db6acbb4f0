import { createHash } from 'node:crypto';
import { isRetriable, messageOf, PlatformError } from '#platform/errors';
import type { IncomingRecord, OutgoingRecord, Producer, RawHeader } from '#platform/messaging/broker';
import { headerList } from '#platform/messaging/record-headers';
import type { Host } from '#platform/service-host';

export const deadLetterTopic = (topic: string): string => `${topic}.dead-letter`;

/**
 * The settings of a dead-letter topic besides its retention. A record of the largest size that its source topic
 * accepts, together with the headers that are added here, exceeds the broker's usual limit of 1 MiB.
 */
export const deadLetterTopicConfig = { 'max.message.bytes': String(4 * 1024 * 1024) } as const;

export type DeadLetter = {
  topic: string;
  partition: number;
  record: IncomingRecord;
  /** The consumer group that could not handle it. */
  group: string;
  cause: unknown;
  /** How often the consumer tried to handle it. */
  attempts: number;
};

export type DeadLetters = {
  /**
   * Parks the record: its bytes and headers untouched, and beside them `dead-letter-topic`, `-partition`,
   * `-offset`, `-group`, `-reason` (a fault code, or the error's name), `-message`, `-stack-digest` (equal for
   * equal stacks) and `-attempts`. Resolves when Kafka has acknowledged it. If a record is parked twice, both letters
   * have the same topic, partition and offset headers.
   *
   * A record that the broker refuses for good (too large, or not valid on the dead-letter topic) is parked cut: first
   * the beginning of its value and as many headers as fit, then only its place and the cause. A cut letter
   * carries `dead-letter-value-bytes`, `-key-bytes` and `-headers-bytes`, how long each was at the source, where the
   * whole record can be read for as long as the source keeps it. When the broker refuses even that, the fault is
   * retriable: the caller holds the record, and with it its partition, until the topic takes letters again.
   */
  park(letter: DeadLetter): Promise<void>;
};

const messageCharsMax = 500;
/** A larger letter is cut before it is sent: a broker closes the connection when a request is too large. */
const wholeBytesMax = 4 * 1024 * 1024;
const cutValueBytesMax = 256 * 1024;
const cutKeyBytesMax = 1024;
const cutHeadersBytesMax = 16 * 1024;

export const createDeadLetters = (
  host: Pick<Host, 'logger' | 'metrics'>,
  producer: Pick<Producer, 'send'>,
): DeadLetters => {
  const parked = host.metrics.counter('dead_letters_total', 'Records parked in a dead-letter topic', [
    'topic',
    'reason',
  ]);
  return {
    park: async (letter) => {
      const { topic, partition, record, group, cause } = letter;
      const reason = reasonOf(cause);
      const place = { topic, partition, offset: String(record.offset), group, reason };
      let refusal: unknown;
      for (const form of formsOf(letter, reason)) {
        try {
          await producer.send([form]);
        } catch (error) {
          if (isRetriable(error)) throw error;
          host.logger.warn({ err: error, ...place, bytes: sizeOf(form) }, 'dead letter refused as it is');
          refusal = error;
          continue;
        }
        parked.inc({ topic, reason });
        host.logger.error({ err: cause, ...place }, 'dead letter');
        return;
      }
      host.logger.error({ err: refusal, ...place }, 'dead letter refused, its partition waits');
      throw new PlatformError(
        'broker_rejected',
        `${deadLetterTopic(topic)} takes no letter for ${topic}/${partition} at ${record.offset}: ${messageOf(refusal)}`,
        { retriable: true, cause: refusal },
      );
    },
  };
};

/** The forms of a letter to send, one after the other, until the broker accepts one. */
function* formsOf({ topic, partition, record, group, cause, attempts }: DeadLetter, reason: string) {
  const place = {
    'dead-letter-topic': topic,
    'dead-letter-partition': String(partition),
    'dead-letter-offset': String(record.offset),
    'dead-letter-group': group,
    'dead-letter-reason': reason,
    'dead-letter-message': messageOf(cause).slice(0, messageCharsMax),
    'dead-letter-stack-digest': stackDigest(cause),
    'dead-letter-attempts': String(attempts),
  };
  const to = { topic: deadLetterTopic(topic), partition: 0 };
  const whole: OutgoingRecord = {
    ...to,
    key: record.key,
    value: record.value,
    headers: [...record.rawHeaders, ...headerList(place)],
  };
  if (sizeOf(whole) <= wholeBytesMax) yield whole;
  const lengths = {
    'dead-letter-value-bytes': String(record.value?.length ?? 0),
    'dead-letter-key-bytes': String(record.key?.length ?? 0),
    'dead-letter-headers-bytes': String(headersBytes(record.rawHeaders)),
  };
  const cut: OutgoingRecord = {
    ...to,
    key: record.key?.subarray(0, cutKeyBytesMax) ?? null,
    value: record.value?.subarray(0, cutValueBytesMax) ?? null,
    headers: [
      ...firstHeaders(record.rawHeaders, cutHeadersBytesMax),
      ...headerList({ ...place, ...lengths }),
    ],
  };
  yield cut;
  // A key, because a compacted topic accepts no record without one.
  const bare: OutgoingRecord = {
    ...to,
    key: `${topic}-${partition}-${record.offset}`,
    value: null,
    headers: { ...place, ...lengths },
  };
  yield bare;
}

const headersBytes = (headers: readonly RawHeader[]): number =>
  headers.reduce((bytes, [name, value]) => bytes + Buffer.byteLength(name) + (value?.length ?? 0), 0);

const sizeOf = ({ key, value, headers = [] }: OutgoingRecord): number =>
  (key?.length ?? 0) + (value?.length ?? 0) + headersBytes(headerList(headers));

/** The first headers that fit into `bytesMax` together, each of them whole. */
const firstHeaders = (headers: readonly RawHeader[], bytesMax: number): readonly RawHeader[] => {
  let left = bytesMax;
  const isTooMuch = (header: RawHeader): boolean => {
    left -= headersBytes([header]);
    return left < 0;
  };
  const end = headers.findIndex(isTooMuch);
  return end < 0 ? headers : headers.slice(0, end);
};

const reasonOf = (cause: unknown): string =>
  cause instanceof PlatformError ? cause.code : cause instanceof Error ? cause.name : 'unknown';

/** A digest of the stack's frames without the message, so that the same fault in the same place has the same digest. */
const stackDigest = (cause: unknown): string => {
  const frames = (cause instanceof Error ? (cause.stack ?? '') : String(cause))
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .join('\n');
  return createHash('sha256').update(frames).digest('hex').slice(0, 16);
};
