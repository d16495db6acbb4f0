import type {
  Broker,
  Consumer,
  ConsumerOptions,
  IncomingRecord,
  LostRecords,
  Producer,
  TopicPartition,
} from '#platform/messaging/broker';
import { brokerAnswers } from '#platform/messaging/broker-probe';
import type { KafkaSettings } from '#platform/messaging/kafka-settings';
import { openBroker } from '#platform/messaging/open-broker';
import { partitionName } from '#platform/messaging/partition-name';
import type { Component, Host } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

const answerMsMax = 1_000;
const openRetry = { minMs: 100, maxMs: 2_000, jitter: 0.2 };

/**
 * The broker of a service, with metrics of its traffic. Kafka need not be up for this call or for `producer()`, only
 * for `send` and `run`. As a component it connects the producers that were made before its start, without waiting for
 * them, and closes all producers after every other component has stopped.
 */
export const connectBroker = (
  host: Pick<Host, 'service' | 'logger' | 'metrics'>,
  kafka: KafkaSettings,
): Broker & Component => {
  const { service, logger } = host;
  const broker = countTraffic(openBroker(kafka, { clientId: service, logger }), host);
  const producers: Producer[] = [];
  const stopping = new AbortController();
  let isOpen = false;

  /** Connects early, because the first send of each producer would otherwise wait for its connection. */
  const openProducers = async (): Promise<void> => {
    for (let failures = 0; !isOpen && !stopping.signal.aborted; failures += 1) {
      try {
        await Promise.all(producers.map((producer) => producer.open()));
        isOpen = true;
      } catch (error) {
        logger.debug({ err: error, failures }, 'producers cannot connect yet');
        await sleep(backoffMs(openRetry, failures + 1), { signal: stopping.signal });
      }
    }
  };

  return {
    ...broker,
    producer: async () => {
      const producer = await broker.producer();
      producers.push(producer);
      return producer;
    },
    name: 'kafka',
    start: async () => {
      void openProducers();
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(producers.map((producer) => producer.close()));
    },
    checkHealth: async () => {
      const answers = await Promise.all(
        kafka.brokers.map((address) => brokerAnswers(address, kafka, answerMsMax)),
      );
      if (!answers.includes(true))
        return { status: 'degraded', detail: `no broker of ${kafka.brokers.join(', ')} answers` };
      return isOpen ? { status: 'up' } : { status: 'degraded', detail: 'producers are not connected yet' };
    },
  };
};

/** Counts records produced and consumed, and reports how far each partition is behind. */
const countTraffic = (broker: Broker, { metrics }: Pick<Host, 'metrics'>): Broker => {
  const produced = metrics.counter('kafka_messages_produced_total', 'Records acknowledged by Kafka', [
    'topic',
  ]);
  const consumed = metrics.counter('kafka_messages_consumed_total', 'Records handled', ['topic', 'group']);
  const lag = metrics.gauge('kafka_consumer_lag', 'Records of a partition not handled yet', [
    'topic',
    'partition',
    'group',
  ]);

  const restarts = metrics.counter(
    'kafka_consumer_restarts_total',
    'Times a consumer made no progress, or lost its broker, and started over',
    ['group'],
  );
  const countLosses = lossCounter(metrics);

  const counting = (consumer: Consumer, { group, reportsLag = false }: ConsumerOptions): Consumer => {
    let restartsCounted = 0;
    const countLost = countLosses(group);
    let shown: TopicPartition[] = [];
    const report = (): void => {
      const progress = consumer.progress();
      restarts.inc({ group }, progress.restarts - restartsCounted);
      restartsCounted = progress.restarts;
      countLost(progress.lost);
      if (reportsLag) return;
      // The new member of a partition that has moved reports its lag.
      for (const { topic, partition } of shown) lag.remove({ topic, partition, group });
      shown = progress.partitions.map(({ topic, partition }) => ({ topic, partition }));
      for (const { topic, partition, nextOffset, highWatermark } of progress.partitions)
        lag.set({ topic, partition, group }, Number(highWatermark - nextOffset));
    };
    const stopReporting = metrics.beforeRender(report);
    return {
      ...consumer,
      run: (handle) =>
        consumer.run(async (batch, control) => {
          await handle(batch, control);
          consumed.inc({ topic: batch.topic, group }, countOf(batch.records));
        }),
      close: async () => {
        await consumer.close();
        stopReporting();
        for (const { topic, partition } of shown) lag.remove({ topic, partition, group });
      },
    };
  };

  return {
    ...broker,
    consumer: (options) => counting(broker.consumer(options), options),
    producer: async () => {
      const producer = await broker.producer();
      return {
        ...producer,
        send: async (records) => {
          await producer.send(records);
          const counts = new Map<string, number>();
          for (const { topic } of records) counts.set(topic, (counts.get(topic) ?? 0) + 1);
          for (const [topic, count] of counts) produced.inc({ topic }, count);
        },
      };
    },
  };
};

/** Counts what a consumer of a group says anew of all that it has lost. */
const lossCounter = (metrics: Host['metrics']) => {
  const counter = metrics.counter(
    'kafka_consumer_records_lost_total',
    'Records that Kafka deleted, by the retention of their topic, before the group had read them',
    ['topic', 'partition', 'group'],
  );
  return (group: string) => {
    const counted = new Map<string, number>();
    return (lost: readonly LostRecords[]): void => {
      for (const { topic, partition, records } of lost) {
        const name = partitionName({ topic, partition });
        counter.inc({ topic, partition, group }, Number(records) - (counted.get(name) ?? 0));
        counted.set(name, Number(records));
      }
    };
  };
};

/** Counts the records of packs, because a packed record contains several. */
const countOf = (records: readonly IncomingRecord[]): number =>
  records.reduce((count, { pack }) => count + (pack?.count ?? 1), 0);
