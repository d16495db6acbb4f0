import kafkajs, { type PartitionAssigner } from 'kafkajs';
import { PlatformError } from '#platform/errors';
import type { TopicPartition } from '#platform/messaging/broker';
import { brokerFault } from '#platform/messaging/kafkajs-connection';
import { isGhost, isNamed } from '#platform/messaging/member-name';
import { sleep } from '#platform/waiting/sleep';

/** A consumer's part in its group, taken over from kafkajs where kafkajs does not do what is needed. */
export type KafkajsGroup = {
  /** To be given to kafkajs: it is where kafkajs lets somebody see the consumer's own cluster. */
  assigner: PartitionAssigner;
  /** One attempt, in the generation that was joined last. Rejects with a retriable fault. */
  commit(at: TopicPartition, nextOffset: bigint): Promise<void>;
};

type Coordinator = {
  nodeId: number;
  isConnected(): boolean;
  joinGroup(request: { memberId: string }): Promise<{ memberId: string; generationId: number }>;
  leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>;
  describeGroups(which: { groupIds: string[] }): Promise<{ groups: { members: { memberId: string }[] }[] }>;
  offsetCommit(request: unknown): Promise<unknown>;
};
type Cluster = {
  findGroupCoordinator(of: unknown): Promise<Coordinator>;
  findBroker(which: { nodeId: number }): Promise<Coordinator>;
};
type Membership = { coordinator: Coordinator; memberId: string; generationId: number };

const loadingAttemptsMax = 50;
const loadingWaitMs = 100;

export const createKafkajsGroup = (options: {
  groupId: string;
  /** The client id of this member, and of its predecessors, which may not have been able to leave. */
  name: string;
  /** The coordinator lets us join only after this. */
  beforeJoining(): Promise<void>;
  onCluster(cluster: unknown): void;
}): KafkajsGroup => {
  const { groupId, name } = options;
  const watched = new WeakSet<Coordinator>();
  let cluster: Cluster | undefined;
  let membership: Membership | undefined;

  /**
   * Makes leave who cannot leave by itself, and for whom the group would wait a whole session: this member's
   * predecessors (all of its name but `own`), and members of processes that were killed.
   */
  const dismissGhosts = async (coordinator: Coordinator, own: string): Promise<void> => {
    for (const memberId of await membersOf(coordinator, groupId)) {
      if (memberId === own) continue;
      if (isNamed(memberId, name) || isGhost(memberId)) await dismiss(coordinator, groupId, memberId);
    }
  };

  /** kafkajs does not show as whom it joins, nor which generation it has joined. */
  const watch = (coordinator: Coordinator): void => {
    if (watched.has(coordinator)) return;
    watched.add(coordinator);
    const join = coordinator.joinGroup.bind(coordinator);
    coordinator.joinGroup = async (request) => {
      await dismissGhosts(coordinator, request.memberId);
      const { memberId, generationId, ...rest } = await join(request);
      membership = { coordinator, memberId, generationId };
      return { memberId, generationId, ...rest };
    };
  };

  return {
    assigner: (config) => {
      cluster = config.cluster as unknown as Cluster;
      options.onCluster(cluster);
      // kafkajs asks for the group's coordinator first thing when it joins: the only place to make it wait.
      const find = cluster.findGroupCoordinator.bind(cluster);
      cluster.findGroupCoordinator = async (of) => {
        await options.beforeJoining();
        const coordinator = await find(of);
        watch(coordinator);
        return coordinator;
      };
      return kafkajs.PartitionAssigners.roundRobin(config);
    },
    // kafkajs' own commit tries for seconds also when it is not a member any more, returns without a word when it is
    // not running, and thereby delays the next join, which waits for the work in hand.
    commit: async ({ topic, partition }, nextOffset) => {
      if (cluster === undefined || membership === undefined) throw notMember();
      const { coordinator, memberId, generationId } = membership;
      try {
        const open = coordinator.isConnected()
          ? coordinator
          : await cluster.findBroker({ nodeId: coordinator.nodeId });
        await open.offsetCommit({
          groupId,
          memberId,
          groupGenerationId: generationId,
          topics: [{ topic, partitions: [{ partition, offset: String(nextOffset) }] }],
        });
      } catch (error) {
        throw brokerFault('commit', error);
      }
    },
  };
};

/** None where the broker cannot say: then a ghost is waited for. */
const membersOf = async (coordinator: Coordinator, groupId: string): Promise<string[]> => {
  try {
    const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  } catch {
    return [];
  }
};

/** A broker that has just started first loads its groups. */
const dismiss = async (coordinator: Coordinator, groupId: string, memberId: string): Promise<void> => {
  for (let attempt = 1; attempt <= loadingAttemptsMax; attempt += 1) {
    try {
      await coordinator.leaveGroup({ groupId, memberId });
      return;
    } catch (error) {
      if ((error as { type?: string }).type !== 'GROUP_LOAD_IN_PROGRESS') return;
      await sleep(loadingWaitMs);
    }
  }
};

const notMember = () =>
  new PlatformError('broker_unavailable', 'commit: not a member of the group', { retriable: true });
