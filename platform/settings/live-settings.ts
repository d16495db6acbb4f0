import { isRetriable } from '#platform/errors';
import { newId } from '#platform/ids';
import type { BatchHandler } from '#platform/messaging/broker';
import { createEventReader, type EventReader, type EventTable } from '#platform/messaging/events';
import type { KafkaSettings } from '#platform/messaging/kafka-settings';
import { openBroker } from '#platform/messaging/open-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createStreamConsumer } from '#platform/messaging/stream-consumer';
import type { Component, Host } from '#platform/service-host';
import type { LiveSetting, SettingChange } from './live-setting.js';
import { createSettingValues, type SettingValues } from './setting-values.js';

export type LiveSettings = Component & {
  /**
   * A function that returns the current value without waiting: the value that was set last, or `fallback` while none
   * is set or none could be read yet.
   */
  of<T>(setting: LiveSetting<T>, fallback: T): () => T;
};

type Where = { kafka: KafkaSettings; schemaRegistryUrl: string };

type Feed = { values: SettingValues; users: number; consumer: Component | undefined };

/** One for each process and cluster: the services of a process share it. */
const feeds = new Map<string, Feed>();

/**
 * Follows the changes of settings on their topic, from its beginning, so that the service that accepts changes need not
 * run. `start` does not wait for Kafka; while Kafka is away the last values hold. `type` is the event whose value is a
 * `SettingChange`. Each process reads every change, so it has a consumer group of its own.
 */
export const createLiveSettings = <E>(
  host: Host,
  where: Where,
  events: EventTable<E>,
  type: keyof E & string,
): LiveSettings => {
  const name = JSON.stringify([where.kafka, where.schemaRegistryUrl, type]);
  const feed = feeds.get(name) ?? {
    values: createSettingValues(host.logger),
    users: 0,
    consumer: undefined,
  };
  feeds.set(name, feed);

  return {
    name: 'settings',
    of: feed.values.of,
    start: async () => {
      feed.users += 1;
      if (feed.consumer !== undefined) return;
      feed.consumer = follow(host, where, { [type]: events[type] }, feed.values);
      await feed.consumer.start();
    },
    stop: async () => {
      feed.users -= 1;
      if (feed.users > 0) return;
      feeds.delete(name);
      await feed.consumer?.stop();
    },
    checkHealth: async () => (await feed.consumer?.checkHealth?.()) ?? { status: 'degraded' },
  };
};

const follow = (
  host: Host,
  { kafka, schemaRegistryUrl }: Where,
  events: EventTable,
  values: SettingValues,
) => {
  const reader = createEventReader(createSchemaRegistry(schemaRegistryUrl), events);
  return createStreamConsumer(host, {
    broker: openBroker(kafka, { clientId: host.service, logger: host.logger }),
    group: `${host.service}.settings-${newId(host.clock)}`,
    topics: [...new Set(Object.values(events).map(({ topic }) => topic))],
    handle: applyTo(values, reader, host),
  });
};

/**
 * A batch is applied as one, so that records which are sent again cause no detour over old values. A record that cannot be
 * read is passed over: each process would park it once more.
 */
const applyTo =
  (values: SettingValues, reader: EventReader, { logger }: Pick<Host, 'logger'>): BatchHandler =>
  async ({ topic, partition, records }, control) => {
    const changes: SettingChange[] = [];
    for (const record of records)
      try {
        const event = await reader.read({ topic, partition }, record);
        if (event !== null) changes.push(event.value as SettingChange);
      } catch (error) {
        if (isRetriable(error)) throw error;
        logger.warn(
          { err: error, topic, partition, offset: String(record.offset) },
          'no change of a setting',
        );
      }
    values.apply(changes);
    const last = records.at(-1);
    if (last !== undefined) control.commitSoon(last.offset + 1n);
  };
