import type { ConsumerOptions, TopicPartition } from '#platform/messaging/broker';
import { handOverMsMax } from '#platform/messaging/broker-options';
import type { Losses } from '#platform/messaging/lost-records';
import type { PartitionLanes } from '#platform/messaging/partition-lanes';
import { type PartitionStart, startWithin } from '#platform/messaging/partition-start';
import { called, requestTimeoutMs } from '#platform/messaging/rdkafka-connection';
import type {
  RdkafkaAssignment,
  RdkafkaConsumer,
  RdkafkaError,
  RdkafkaModule,
} from '#platform/messaging/rdkafka-module';
import type { RdkafkaPolling } from '#platform/messaging/rdkafka-polling';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

const retry = { minMs: 250, maxMs: 2_000 };

export type AssignmentOptions = Pick<ConsumerOptions, 'group' | 'onAssigned' | 'startFrom'> & {
  lanes: PartitionLanes;
  losses: Losses;
  polling: RdkafkaPolling;
  logger: Logger;
  fail(error: unknown): void;
};

export type RdkafkaAssignments = {
  /** librdkafka's callback: partitions were assigned or revoked. Changes are made one after the other. */
  change(error: RdkafkaError, partitions: readonly TopicPartition[]): void;
  /** From now on revoked partitions are released at once, and no assignment begins. */
  close(): void;
};

/** Decides where each partition starts before anything is fetched from it, and ends its lane before it is revoked. */
export const createRdkafkaAssignments = (
  rdkafka: RdkafkaModule,
  consumer: RdkafkaConsumer,
  options: AssignmentOptions,
): RdkafkaAssignments => {
  const { lanes, polling, logger, group } = options;
  const closing = new AbortController();
  let changes = 0;
  let changing: Promise<void> = Promise.resolve();

  const begin = async (partitions: readonly TopicPartition[], change: number): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted && change === changes; ) {
      try {
        await options.onAssigned?.(partitions);
        const starts = await startsOf(consumer, options, partitions);
        await polling.between(() => {
          lanes.assign(starts);
          consumer.assign(
            starts.map(({ topic, partition, nextOffset }) => ({
              topic,
              partition,
              offset: Number(nextOffset),
            })),
          );
        });
        return;
      } catch (error) {
        failures += 1;
        logger.warn({ err: error, group, failures }, 'assignment not begun, trying again');
        await sleep(backoffMs(retry, failures), { signal: closing.signal });
      }
    }
  };

  const give = async (): Promise<void> => {
    // Polling goes on meanwhile, because polls deliver the answers to the last commits.
    await lanes.end(closing.signal.aborted ? 0 : handOverMsMax);
    await polling.between(() => consumer.unassign());
  };

  return {
    change: (error, partitions) => {
      changes += 1;
      const change = changes;
      const isGiven = error.code === rdkafka.CODES.ERRORS.ERR__ASSIGN_PARTITIONS;
      const own = partitions.map(({ topic, partition }) => ({ topic, partition }));
      changing = changing.then(() => (isGiven ? begin(own, change) : give())).catch(options.fail);
    },
    close: () => closing.abort(),
  };
};

const startsOf = async (
  consumer: RdkafkaConsumer,
  { group, startFrom, losses, logger }: AssignmentOptions,
  partitions: readonly TopicPartition[],
): Promise<PartitionStart[]> => {
  if (partitions.length === 0) return [];
  const committed = await called<RdkafkaAssignment[]>((done) =>
    consumer.committed([...partitions], requestTimeoutMs, done),
  );
  const start = async (at: TopicPartition): Promise<PartitionStart> => {
    const bounds = await watermarksOf(consumer, at);
    const known = committed.find(
      ({ topic, partition }) => topic === at.topic && partition === at.partition,
    )?.offset;
    const asked =
      (await startFrom?.(at, bounds)) ?? (known === undefined || known < 0 ? bounds.low : BigInt(known));
    return startWithin(bounds, at, asked, { group, losses, logger });
  };
  return Promise.all(partitions.map(start));
};

export const watermarksOf = async (
  consumer: RdkafkaConsumer,
  { topic, partition }: TopicPartition,
): Promise<{ low: bigint; high: bigint }> => {
  const { lowOffset, highOffset } = await called<{ lowOffset: number; highOffset: number }>((done) =>
    consumer.queryWatermarkOffsets(topic, partition, requestTimeoutMs, done),
  );
  return { low: BigInt(lowOffset), high: BigInt(highOffset) };
};
