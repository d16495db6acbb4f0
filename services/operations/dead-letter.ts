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

/**
 * Headers are written by our own consumers, but they quote records, and anybody may write to a topic: what no column can
 * hold would keep every later letter out.
 */
const charsMax = 500;
const int32Max = 2 ** 31 - 1;
const instantMax = Date.parse('9999-12-31T00:00:00Z');

/** The letter, or undefined for a record without the headers of one. `retentionMs` is how long its topic keeps it. */
export const letterIn = (record: IncomingRecord, retentionMs: number): Letter | undefined => {
  const textOf = (name: string): string =>
    (record.headers[`dead-letter-${name}`] ?? '').slice(0, charsMax).replaceAll('\0', '\ufffd');
  const partition = Number(textOf('partition'));
  const [topic, offset, group] = [textOf('topic'), textOf('offset'), textOf('group')];
  if (topic === '' || group === '' || !isOffset(offset) || !isInt32(partition)) return undefined;
  const attempts = Number(textOf('attempts'));
  const parkedAtMs = Math.min(Math.max(0, record.timestampMs), instantMax);
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
    attempts: isInt32(attempts) ? Math.max(1, attempts) : 1,
    isCut: record.headers['dead-letter-value-bytes'] !== undefined,
    letterOffset: record.offset,
    parkedAtMs,
    expiresAtMs: parkedAtMs + retentionMs,
  };
};

/** Offsets are read back as numbers: one of more digits could be stored, and no list with it could be shown. */
const isOffset = (text: string): boolean => /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text));

const isInt32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= int32Max;
