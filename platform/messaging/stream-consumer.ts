import type {
  BatchHandler,
  Broker,
  ConsumerOptions,
  ConsumerProgress,
  TopicPartition,
} from '#platform/messaging/broker';
import { createProgressWatch } from '#platform/messaging/progress-watch';
import type { Component, Host } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

export type StreamConsumerOptions = ConsumerOptions & {
  broker: Broker;
  /** Has to commit the offsets whose effects it has made durable. */
  handle: BatchHandler;
  /** The offset of the record that holds a partition, if a single record does: for health and logs. */
  heldBy?: (at: TopicPartition) => bigint | undefined;
};

const startRetry = { minMs: 200, maxMs: 2_000 };

/**
 * Consumes for as long as the host runs. `start` does not wait for Kafka: the consumer tries to join in the background
 * until it succeeds. A broken invariant in `handle` ends the process. `stop` has the running batches end where they can. Health
 * is `degraded` while a partition with records left has made no progress for ten seconds.
 */
export const createStreamConsumer = (
  host: Pick<Host, 'logger' | 'metrics' | 'clock' | 'onFatal'>,
  { broker, handle, heldBy, ...consuming }: StreamConsumerOptions,
): Component & { progress(): ConsumerProgress } => {
  const { group, topics } = consuming;
  const consumer = broker.consumer(consuming);
  const watch = createProgressWatch(host, group, consumer.progress, heldBy);
  const stopping = new AbortController();
  let running = false;

  const run = async (): Promise<void> => {
    for (let failures = 1; !stopping.signal.aborted; failures += 1)
      try {
        await consumer.run(handle);
        running = true;
        host.logger.info({ group, topics }, 'consuming');
        return;
      } catch (error) {
        host.logger[failures === 1 ? 'warn' : 'debug']({ err: error, group }, 'cannot consume yet');
        await sleep(backoffMs(startRetry, failures), { signal: stopping.signal });
      }
  };

  return {
    name: `consumer ${group}`,
    start: async () => {
      consumer.failed.catch(host.onFatal);
      watch.start();
      run().catch(host.onFatal);
    },
    stop: async () => {
      stopping.abort();
      watch.stop();
      await consumer.close();
    },
    checkHealth: async () =>
      running ? watch.health() : { status: 'degraded', detail: `${group} is not consuming yet` },
    consumers: () => [watch.report()],
    progress: consumer.progress,
  };
};
