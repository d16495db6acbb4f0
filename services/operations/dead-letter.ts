import type { IncomingRecord } from '#platform/messaging/broker';
import type { Parked } from '#platform/messaging/replay';

/** A parked record with what is known of why it was parked. */
export type Letter = {
  parked: Parked;
  reason: string;
  message: string;
  stackDigest: string;
  attempts: number;
  isCut: boolean;
  letterOffset: bigint;
  parkedAtMs: number;
  expiresAtMs: number;
};

/** Headers are written by our own consumers, but anybody may write to a topic: they are bounded here. */
const charsMax = 500;

/** The letter, or undefined for a record without the headers of one. `retentionMs` is how long its topic keeps it. */
export const letterIn = (record: IncomingRecord, retentionMs: number): Letter | undefined => {
  const textOf = (name: string): string => (record.headers[`dead-letter-${name}`] ?? '').slice(0, charsMax);
  const partition = Number(textOf('partition'));
  const [topic, offset, group] = [textOf('topic'), textOf('offset'), textOf('group')];
  if (topic === '' || group === '' || !/^\d{1,18}$/.test(offset) || !Number.isInteger(partition))
    return undefined;
  return {
    parked: {
      topic,
      partition,
      offset: BigInt(offset),
      group,
      key: record.key,
      value: record.value,
      headers: record.rawHeaders.filter(([name]) => !name.startsWith('dead-letter-')),
    },
    reason: textOf('reason') || 'unknown',
    message: textOf('message'),
    stackDigest: textOf('stack-digest'),
    attempts: Number(textOf('attempts')) || 1,
    isCut: record.headers['dead-letter-value-bytes'] !== undefined,
    letterOffset: record.offset,
    parkedAtMs: record.timestampMs,
    expiresAtMs: record.timestampMs + retentionMs,
  };
};
