import type { Consumer, ConsumerOptions, TopicPartition } from '#platform/messaging/broker';
import { type BrokerOptions, closeWaitMs, consumerDefaults } from '#platform/messaging/broker-options';
import { brokerFault } from '#platform/messaging/kafkajs-connection';
import { createKafkajsMember, type KafkajsMember } from '#platform/messaging/kafkajs-member';
import { memberName } from '#platform/messaging/member-name';
import { createPartitionLanes, type PartitionLanes } from '#platform/messaging/partition-lanes';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

const reconnect = { minMs: 100, maxMs: 1_000, jitter: 0.2 };
const leaveMsMax = 3_000;
/** The next member dismisses one that could not leave, so a fault does not wait long for that. */
const abandonMsMax = 300;

/**
 * A consumer that never stops silently: a member that crashes or makes no progress is replaced by another, for as long
 * as this consumer is wanted.
 */
export const createKafkajsConsumer = (options: BrokerOptions, wanted: ConsumerOptions): Consumer => {
  const settings = { ...consumerDefaults, ...wanted };
  const { logger } = options;
  const { group } = settings;
  const name = memberName(options.clientId);
  const createdAt = performance.now();
  const closing = new AbortController();
  const closed = new Promise<undefined>((resolve) =>
    closing.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  let lanes: PartitionLanes | undefined;
  let member: KafkajsMember | undefined;
  let supervised: Promise<void> = Promise.resolve();
  let restarts = 0;
  let trouble: string | undefined;
  /** Members in a row that brought nothing. */
  let fruitless = 0;
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Who does not watch it does not crash by it.
  failed.catch(() => {});

  const open = async (into: PartitionLanes): Promise<void> => {
    const next = createKafkajsMember({
      options,
      settings,
      lanes: into,
      name,
      replacements: fruitless,
      onTrouble: (error) => {
        trouble = messageOf(error);
      },
    });
    member = next;
    try {
      // A broker that is stopped takes connections and does not answer: then the member's own watch ends this.
      await Promise.race([next.join(), endOf(next), closed]);
    } catch (error) {
      member = undefined;
      trouble = messageOf(error);
      await next.retire(0);
      throw brokerFault(`consume ${settings.topics.join(', ')}`, error);
    }
  };

  const replace = async (spent: KafkajsMember, reason: unknown, into: PartitionLanes): Promise<void> => {
    restarts += 1;
    fruitless = spent.isFruitful ? 0 : fruitless + 1;
    trouble = messageOf(reason);
    logger.warn({ err: reason, group, restarts }, 'consumer interrupted, connecting again');
    member = undefined;
    await into.end(0);
    await spent.retire(abandonMsMax);
  };

  const supervise = async (into: PartitionLanes): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; ) {
      if (member !== undefined) {
        const reason = await Promise.race([member.ended, closed]);
        if (closing.signal.aborted) return;
        await replace(member, reason, into);
      }
      try {
        await open(into);
        failures = 0;
      } catch (error) {
        failures += 1;
        logger[failures === 1 || failures % 10 === 0 ? 'warn' : 'debug'](
          { err: error, group, failures },
          'consumer cannot connect, trying again',
        );
        await sleep(backoffMs(reconnect, failures), { signal: closing.signal });
      }
    }
  };

  const commit = async (at: TopicPartition, nextOffset: bigint): Promise<void> => {
    if (member === undefined) throw brokerFault('commit', new Error('not connected'));
    await member.commit(at, nextOffset);
  };

  return {
    failed,
    run: async (handle) => {
      const into = createPartitionLanes({
        group,
        logger,
        handle,
        partitionsConcurrentlyMax: settings.partitionsConcurrentlyMax,
        waitingBytesMax: settings.fetchBytesPerPartitionMax,
        pause: (at) => member?.pause(at),
        resume: (at) => member?.resume(at),
        commit,
        onBroken: fail,
      });
      lanes = into;
      await open(into);
      supervised = supervise(into);
    },
    progress: () => {
      const unassignedForMs = lanes?.unassignedForMs ?? performance.now() - createdAt;
      return {
        partitions: lanes?.progress() ?? [],
        unassignedForMs,
        restarts,
        trouble: unassignedForMs > 0 ? trouble : undefined,
      };
    },
    close: async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      await lanes?.end(closeWaitMs);
      await supervised;
      await member?.retire(leaveMsMax);
    },
  };
};

/** Rejects with why the member has ended. */
const endOf = async (member: KafkajsMember): Promise<never> => {
  throw await member.ended;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
