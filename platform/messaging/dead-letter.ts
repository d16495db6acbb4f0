import { createHash } from 'node:crypto';
import { PlatformError } from '#platform/errors';
import type { IncomingRecord, Producer } from '#platform/messaging/broker';
import type { Host } from '#platform/service-host';

export const deadLetterTopic = (topic: string): string => `${topic}.dead-letter`;

export type DeadLetter = {
  topic: string;
  partition: number;
  record: IncomingRecord;
  /** The consumer group that could not handle it. */
  group: string;
  cause: unknown;
  /** How often it was tried. */
  attempts: number;
};

export type DeadLetters = {
  /**
   * Parks the record: its bytes and headers untouched, and beside them `dead-letter-topic`, `-partition`,
   * `-offset`, `-group`, `-reason` (a fault code, or the error's name), `-message`, `-stack-digest` (equal for
   * equal stacks) and `-attempts`. Resolves when Kafka has it; a record parked twice has the same place headers.
   */
  park(letter: DeadLetter): Promise<void>;
};

const messageCharsMax = 500;

export const createDeadLetters = (
  host: Pick<Host, 'logger' | 'metrics'>,
  producer: Pick<Producer, 'send'>,
): DeadLetters => {
  const parked = host.metrics.counter('dead_letters_total', 'Records parked in a dead-letter topic', [
    'topic',
    'reason',
  ]);
  return {
    park: async ({ topic, partition, record, group, cause, attempts }) => {
      const reason = reasonOf(cause);
      const message = cause instanceof Error ? cause.message : String(cause);
      await producer.send([
        {
          topic: deadLetterTopic(topic),
          key: record.key,
          value: record.value,
          partition: 0,
          headers: {
            ...record.headers,
            'dead-letter-topic': topic,
            'dead-letter-partition': String(partition),
            'dead-letter-offset': String(record.offset),
            'dead-letter-group': group,
            'dead-letter-reason': reason,
            'dead-letter-message': message.slice(0, messageCharsMax),
            'dead-letter-stack-digest': stackDigest(cause),
            'dead-letter-attempts': String(attempts),
          },
        },
      ]);
      parked.inc({ topic, reason });
      host.logger.error(
        { err: cause, topic, partition, offset: String(record.offset), group, reason },
        'dead letter',
      );
    },
  };
};

const reasonOf = (cause: unknown): string =>
  cause instanceof PlatformError ? cause.code : cause instanceof Error ? cause.name : 'unknown';

/** Of the frames without their message, so that the same fault in the same place has the same digest. */
const stackDigest = (cause: unknown): string => {
  const frames = (cause instanceof Error ? (cause.stack ?? '') : String(cause))
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .join('\n');
  return createHash('sha256').update(frames).digest('hex').slice(0, 16);
};
