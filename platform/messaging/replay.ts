import type { IncomingRecord, OutgoingRecord, RawHeader, TopicPartition } from '#platform/messaging/broker';
import { headerList, headerText } from '#platform/messaging/record-headers';

/**
 * A parked record is handled again by way of a topic of its own, and only by the group that could not handle it: on its
 * own topic every other reader would receive it a second time.
 */
export const replaysTopic = 'replays';

/** One partition, so that replays stay in the order in which they were asked for. */
export const replaysTopicSettings = {
  topic: replaysTopic,
  partitions: 1,
  retentionMs: 7 * 24 * 60 * 60 * 1000,
} as const;

/** A parked record: its place, and its bytes and headers as they were. */
export type Parked = TopicPartition & {
  offset: bigint;
  group: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: readonly RawHeader[];
};

export const replayOf = ({
  group,
  topic,
  partition,
  offset,
  key,
  value,
  headers,
}: Parked): OutgoingRecord => ({
  topic: replaysTopic,
  partition: 0,
  key,
  value,
  headers: [
    ...headers.filter(([name]) => !name.startsWith('dead-letter-') && !name.startsWith('replay-')),
    ...headerList({
      'replay-for': group,
      'replay-topic': topic,
      'replay-partition': String(partition),
      'replay-offset': String(offset),
    }),
  ],
});

/** The record as it was at its place; undefined when the replay is for another group or is none. */
export const replayedFor = (
  group: string,
  record: IncomingRecord,
): { at: TopicPartition; record: IncomingRecord } | undefined => {
  const { 'replay-for': wanted, 'replay-topic': topic, ...headers } = record.headers;
  const partition = Number(headers['replay-partition']);
  const offset = headers['replay-offset'] ?? '';
  if (wanted !== group || topic === undefined || !Number.isInteger(partition) || !/^\d{1,18}$/.test(offset))
    return undefined;
  const rawHeaders = record.rawHeaders.filter(([name]) => !name.startsWith('replay-'));
  return {
    at: { topic, partition },
    record: { ...record, rawHeaders, headers: headerText(rawHeaders), offset: BigInt(offset) },
  };
};
