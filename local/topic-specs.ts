import type { TopicSpec } from '#platform/messaging/broker';
import { deadLetterTopicConfig } from '#platform/messaging/dead-letter';
import { replaysTopicSettings } from '#platform/messaging/replay';
import { deadLetterTopics, topics } from '#schemas/topics';
import type { Replication } from './provision-config.js';

/**
 * Kafka deletes whole segments. With its default segments of a week, a retention of one day would become eight days.
 */
const segmentsOf = (retentionMs: number | null): Record<string, string> =>
  retentionMs === null ? {} : { 'segment.ms': String(Math.ceil(retentionMs / 24)) };

/** The settings with which every topic and dead-letter topic is created. */
export const topicSpecs = ({ replicas, insyncReplicasMin }: Replication): TopicSpec[] => {
  const specOf = (
    topic: { topic: string; partitions: number; retentionMs: number | null },
    config: Readonly<Record<string, string>> = {},
  ): TopicSpec => ({
    topic: topic.topic,
    partitions: topic.partitions,
    ...(replicas === undefined ? {} : { replicas }),
    config: {
      'retention.ms': String(topic.retentionMs ?? -1),
      'retention.bytes': '-1',
      ...segmentsOf(topic.retentionMs),
      ...(insyncReplicasMin === undefined ? {} : { 'min.insync.replicas': String(insyncReplicasMin) }),
      ...config,
    },
  });
  return [
    ...Object.values(topics).map((topic) => specOf(topic)),
    ...deadLetterTopics.map((topic) => specOf(topic, deadLetterTopicConfig)),
    specOf(replaysTopicSettings, deadLetterTopicConfig),
  ];
};
