import type { TopicPartition } from './broker.js';

/** A partition as one text, by which maps find it. The windows' checkpoints have it too, so it never changes. */
export const partitionName = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
