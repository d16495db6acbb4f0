import type { TopicPartition } from '#platform/messaging/broker';
import { sendTimeoutMs } from '#platform/messaging/broker-options';
import { rdkafkaFault } from '#platform/messaging/rdkafka-connection';
import type { RdkafkaAssignment, RdkafkaError } from '#platform/messaging/rdkafka-module';
import { within } from '#platform/waiting/deadline';

/** Commits that wait for the broker's answer, which librdkafka delivers while it is polled. */
export type RdkafkaCommits = {
  /** librdkafka's callback. */
  settle(error: RdkafkaError | null, partitions: readonly RdkafkaAssignment[]): void;
  /** Calls `commit` and resolves when the broker has confirmed it; a retriable fault if not, or not in time. */
  confirmed(at: TopicPartition, nextOffset: bigint, commit: () => void): Promise<void>;
};

type Waiter = { resolve(): void; reject(error: unknown): void };

export const createRdkafkaCommits = (): RdkafkaCommits => {
  const waiting = new Map<string, Waiter[]>();
  const nameOf = ({ topic, partition }: TopicPartition, offset: string) => `${topic}/${partition}@${offset}`;

  const answer = (name: string, commit: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.set(name, [...(waiting.get(name) ?? []), { resolve, reject }]);
      commit();
    });

  return {
    settle: (error, partitions) => {
      for (const each of partitions) {
        const name = nameOf(each, String(each.offset));
        const waiters = waiting.get(name) ?? [];
        waiting.delete(name);
        for (const waiter of waiters)
          if (error) waiter.reject(error);
          else waiter.resolve();
      }
    },
    confirmed: async (at, nextOffset, commit) => {
      const name = nameOf(at, String(nextOffset));
      try {
        await within(sendTimeoutMs, answer(name, commit), {
          code: 'broker_unavailable',
          what: 'commit not confirmed',
        });
      } catch (error) {
        waiting.delete(name);
        throw rdkafkaFault('commit', error);
      }
    },
  };
};
