import type { EventTable } from '#platform/messaging/events';
import { headerNames } from '#platform/messaging/record-headers';

/** A topic as its owner declares it. */
export type DescribedTopic = {
  topic: string;
  /** The key of its records. */
  key: string;
  partitions: number;
  /** Null is for ever. */
  retentionMs: number | null;
  /** True for a topic with one record type. */
  single?: boolean;
};

type Described = { title: string; version: string; description: string };

/**
 * The topics and their events as AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0), with the
 * Avro schemas as they are registered. Topics without an event are left out.
 */
export const describeTopics = (
  { title, version, description }: Described,
  topics: readonly DescribedTopic[],
  events: EventTable,
): object => {
  const named = Object.entries(events).map(([name, event]) => ({ name, ...event }));
  const used = topics
    .map((topic) => ({ ...topic, events: named.filter((event) => event.topic === topic.topic) }))
    .filter((topic) => topic.events.length > 0);
  return {
    asyncapi: '3.0.0',
    info: { title, version, description },
    defaultContentType: 'application/vnd.apache.avro',
    channels: Object.fromEntries(used.map((topic) => [topic.topic, channelOf(topic)])),
    operations: Object.fromEntries(used.map((topic) => [`publish-${topic.topic}`, operationOf(topic)])),
    components: {
      messages: Object.fromEntries(
        used.flatMap((topic) => topic.events.map((event) => [event.name, messageOf(event, topic)])),
      ),
      messageTraits: { traced },
    },
  };
};

type Event = { name: string; subject: string; schema: { doc?: string } };
type UsedTopic = DescribedTopic & { events: readonly Event[] };

const channelOf = ({ topic, key, partitions, retentionMs, single, events }: UsedTopic): object => ({
  address: topic,
  description: [
    `The key is ${key}: records of one key stay in order.`,
    retentionMs === null ? 'Kept for ever.' : `Kept for ${days(retentionMs)}.`,
    single === true ? 'One flat record type, which any tool for Avro reads as it is.' : '',
  ]
    .filter(Boolean)
    .join(' '),
  messages: Object.fromEntries(events.map(({ name }) => [name, { $ref: `#/components/messages/${name}` }])),
  bindings: {
    kafka: {
      topic,
      partitions,
      topicConfiguration: { 'cleanup.policy': ['delete'], 'retention.ms': retentionMs ?? -1 },
      bindingVersion: '0.5.0',
    },
  },
});

const operationOf = ({ topic, events }: UsedTopic): object => ({
  action: 'send',
  channel: { $ref: `#/channels/${topic}` },
  summary: `The platform publishes to ${topic}.`,
  messages: events.map(({ name }) => ({ $ref: `#/channels/${topic}/messages/${name}` })),
});

const messageOf = ({ name, subject, schema }: Event, { key }: UsedTopic): object => ({
  name,
  title: name,
  ...(schema.doc === undefined ? {} : { summary: schema.doc }),
  description: `Confluent wire format; registered under the subject \`${subject}\`.`,
  contentType: 'application/vnd.apache.avro',
  payload: { schemaFormat: 'application/vnd.apache.avro+json;version=1.9.0', schema },
  traits: [{ $ref: '#/components/messageTraits/traced' }],
  bindings: {
    kafka: {
      key: { type: 'string', description: key },
      schemaIdLocation: 'payload',
      schemaIdPayloadEncoding: 'confluent',
      bindingVersion: '0.5.0',
    },
  },
});

const header = (description: string) => ({ type: 'string', description });

/** What every event has besides its value. */
const traced = {
  headers: {
    type: 'object',
    required: [headerNames.eventId, headerNames.correlationId, headerNames.occurredAt],
    properties: {
      [headerNames.eventId]: header('The same however often the event is delivered.'),
      [headerNames.correlationId]: header('The same for everything that one request set off.'),
      [headerNames.causationId]: header('The event that this one is the reaction to; absent without one.'),
      [headerNames.traceparent]: header('W3C trace context; absent where the request is not traced.'),
      [headerNames.occurredAt]: header('Epoch milliseconds UTC.'),
    },
  },
  correlationId: { location: `$message.header#/${headerNames.correlationId}` },
};

const dayMs = 24 * 60 * 60 * 1000;
const days = (durationMs: number): string => {
  const count = durationMs / dayMs;
  return count === 1 ? 'a day' : `${count} days`;
};
