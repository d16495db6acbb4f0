import { messageOf } from '#platform/errors';
import type { Consumer, ConsumerOptions, TopicPartition } from '#platform/messaging/broker';
import {
  type BrokerOptions,
  closeWaitMs,
  consumerDefaults,
  kafkajsSessionTimeoutMs,
} from '#platform/messaging/broker-options';
import { brokerAnswers } from '#platform/messaging/broker-probe';
import { createConsumerFailure } from '#platform/messaging/consumer-failure';
import { brokerFault } from '#platform/messaging/kafkajs-connection';
import { createKafkajsMember, type KafkajsMember } from '#platform/messaging/kafkajs-member';
import { createLosses } from '#platform/messaging/lost-records';
import { memberName } from '#platform/messaging/member-name';
import { createPartitionLanes, type PartitionLanes } from '#platform/messaging/partition-lanes';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

const reconnect = { minMs: 100, maxMs: 1_000, jitter: 0.2 };
const leaveMsMax = 3_000;
const answerMsMax = 1_000;
/**
 * How long a failed member may take to leave. It is short, because the next member removes one that could not leave.
 */
const abandonMsMax = 300;

/**
 * A consumer that never stops silently: a member that crashes or makes no progress is replaced by another, for as long
 * as this consumer is wanted.
 */
export const createKafkajsConsumer = (options: BrokerOptions, wanted: ConsumerOptions): Consumer => {
  const settings = { ...consumerDefaults, sessionTimeoutMs: kafkajsSessionTimeoutMs, ...wanted };
  const members = createMembers(options, settings);
  const createdAt = performance.now();
  let lanes: PartitionLanes | undefined;
  let supervised: Promise<void> = Promise.resolve();
  const { failed, fail } = createConsumerFailure();

  return {
    failed,
    run: async (handle) => {
      const into = createPartitionLanes({
        group: settings.group,
        logger: options.logger,
        handle,
        partitionsConcurrentlyMax: settings.partitionsConcurrentlyMax,
        waitingBytesMax: settings.fetchBytesPerPartitionMax,
        lateCommitMs: settings.lateCommitMs,
        pause: (at) => members.current()?.pause(at),
        resume: (at) => members.current()?.resume(at),
        commit: members.commit,
        onBroken: fail,
      });
      lanes = into;
      await members.open(into);
      supervised = members.supervise(into);
    },
    progress: () => {
      const unassignedForMs = lanes?.unassignedForMs ?? performance.now() - createdAt;
      const { restarts, trouble, lost } = members.state();
      return {
        partitions: lanes?.progress() ?? [],
        unassignedForMs,
        restarts,
        trouble: unassignedForMs > 0 ? trouble : undefined,
        lost,
      };
    },
    close: async () => {
      if (!members.beginClosing()) return;
      await lanes?.close(closeWaitMs);
      await supervised;
      await members.current()?.retire(leaveMsMax);
    },
  };
};

/** Creates the members of one consumer, one after the other. */
const createMembers = (options: BrokerOptions, settings: ConsumerOptions & typeof consumerDefaults) => {
  const { logger } = options;
  const { group } = settings;
  const name = memberName(options.clientId);
  const losses = createLosses(group, logger);
  const closing = new AbortController();
  const closed = new Promise<undefined>((resolve) =>
    closing.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  let member: KafkajsMember | undefined;
  let restarts = 0;
  let trouble: string | undefined;
  /** How many members in a row delivered no records. */
  let fruitless = 0;
  const onTrouble = (error: unknown): void => {
    trouble = messageOf(error);
  };

  const open = async (lanes: PartitionLanes): Promise<void> => {
    const next = createKafkajsMember({
      ...{ options, settings, lanes, losses, name, onTrouble },
      replacements: fruitless,
    });
    member = next;
    try {
      // A stopped broker accepts connections and does not answer: then the member's own watch ends this.
      await Promise.race([next.join(), endOf(next), closed]);
    } catch (error) {
      member = undefined;
      onTrouble(error);
      await next.retire(0);
      throw brokerFault(`consume ${settings.topics.join(', ')}`, error);
    }
  };

  const drop = async (spent: KafkajsMember, reason: unknown, lanes: PartitionLanes): Promise<void> => {
    restarts += 1;
    fruitless = spent.isFruitful ? 0 : fruitless + 1;
    onTrouble(reason);
    logger.warn({ err: reason, group, restarts }, 'consumer interrupted, connecting again');
    member = undefined;
    await lanes.end(0);
    await spent.retire(abandonMsMax);
  };

  return {
    current: () => member,
    state: () => ({ restarts, trouble, lost: losses.all() }),
    open,
    supervise: async (lanes: PartitionLanes): Promise<void> => {
      while (member !== undefined) {
        const reason = await Promise.race([member.ended, closed]);
        if (closing.signal.aborted) return;
        await drop(member, reason, lanes);
        await openPatiently(() => open(lanes), options, group, closing.signal);
      }
    },
    commit: async (at: TopicPartition, nextOffset: bigint): Promise<void> => {
      if (member === undefined) throw brokerFault('commit', new Error('not connected'));
      await member.commit(at, nextOffset);
    },
    /** False when closing has begun before. */
    beginClosing: (): boolean => {
      if (closing.signal.aborted) return false;
      closing.abort();
      return true;
    },
  };
};

/** Tries until `open` succeeds or `closing` is aborted. */
const openPatiently = async (
  open: () => Promise<void>,
  options: BrokerOptions,
  group: string,
  closing: AbortSignal,
): Promise<void> => {
  for (let failures = 1; !closing.aborted; failures += 1) {
    try {
      await assertAnswering(options);
      return await open();
    } catch (error) {
      const level = failures % 10 === 1 ? 'warn' : 'debug';
      options.logger[level]({ err: error, group, failures }, 'consumer cannot connect, trying again');
      await sleep(backoffMs(reconnect, failures), { signal: closing });
    }
  }
};

/**
 * A member that connects to a broker that is stopped holds its requests until they time out, and is slow to come back
 * when the broker goes on. So none is made before a broker answers.
 */
const assertAnswering = async (options: BrokerOptions): Promise<void> => {
  const answers = options.brokers.map((address) => brokerAnswers(address, options, answerMsMax));
  if (!(await Promise.all(answers)).some(Boolean))
    throw brokerFault('connect', new Error(`no broker of ${options.brokers.join(', ')} answers`));
};

/** Rejects with the reason why the member has ended. */
const endOf = async (member: KafkajsMember): Promise<never> => {
  throw await member.ended;
};
