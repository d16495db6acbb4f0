import kafkajs, { type PartitionAssigner } from 'kafkajs';
import { PlatformError } from '#platform/errors';
import type { TopicPartition } from '#platform/messaging/broker';
import { brokerFault } from '#platform/messaging/kafkajs-connection';
import { isGhost, isNamed } from '#platform/messaging/member-name';
import { createOffsetCommits, type OffsetCommit } from '#platform/messaging/offset-commits';
import { sleep } from '#platform/waiting/sleep';

/** The parts of a consumer's group membership that kafkajs does not do as needed. */
export type KafkajsGroup = {
  /** Pass it to kafkajs: the assigner is the only place where kafkajs exposes the consumer's own cluster. */
  assigner: PartitionAssigner;
  /** Tries once, in the generation that was joined last. Rejects with a retriable fault. */
  commit(at: TopicPartition, nextOffset: bigint): Promise<void>;
  /**
   * Removes members whose process was killed since this one joined. Call it every second. It asks nobody: where no member
   * was killed it costs a look at each process.
   */
  dismissKilled(): void;
};

type Coordinator = {
  nodeId: number;
  isConnected(): boolean;
  /** `members` is empty but for the leader. */
  joinGroup(request: { memberId: string }): Promise<Joined>;
  leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>;
  describeGroups(which: { groupIds: string[] }): Promise<{ groups: { members: { memberId: string }[] }[] }>;
  offsetCommit(request: unknown): Promise<unknown>;
};
type Joined = { memberId: string; generationId: number; members: readonly { memberId: string }[] };
type Cluster = {
  findGroupCoordinator(of: unknown): Promise<Coordinator>;
  findBroker(which: { nodeId: number }): Promise<Coordinator>;
};

const loadingAttemptsMax = 50;
const loadingWaitMs = 100;

export const createKafkajsGroup = (options: {
  groupId: string;
  /** The client id of this member and of its predecessors, some of which may still be listed in the group. */
  name: string;
  /** Must resolve before the member's request to join is sent. */
  beforeJoining(): Promise<void>;
  onCluster(cluster: unknown): void;
}): KafkajsGroup => {
  const { groupId, name } = options;
  const watched = new WeakSet<Coordinator>();
  let cluster: Cluster | undefined;
  /** Commits in the generation that was joined last. */
  let commit: OffsetCommit | undefined;
  /** The others that were in the group when this member joined last, and where to remove them. */
  let others: { memberIds: readonly string[]; coordinator: Coordinator } | undefined;

  /**
   * Removes members that cannot leave by themselves, and for which the group would wait a whole session: this member's
   * predecessors (all of its name except `own`), and members of processes that were killed. Resolves to the others.
   */
  const dismissGhosts = async (coordinator: Coordinator, own: string): Promise<string[]> => {
    const living: string[] = [];
    for (const memberId of await membersOf(coordinator, groupId)) {
      if (memberId === own) continue;
      if (isNamed(memberId, name) || isGhost(memberId)) await dismiss(coordinator, groupId, memberId);
      else living.push(memberId);
    }
    return living;
  };

  /** Takes the member id and the generation of each join, because kafkajs does not expose them. */
  const watch = (coordinator: Coordinator): void => {
    if (watched.has(coordinator)) return;
    watched.add(coordinator);
    const join = coordinator.joinGroup.bind(coordinator);
    coordinator.joinGroup = async (request) => {
      const living = await dismissGhosts(coordinator, request.memberId);
      const joined = await join(request);
      const { memberId, generationId, members } = joined;
      commit = committerOf(coordinator, memberId, generationId);
      const memberIds = new Set([...living, ...members.map((member) => member.memberId)]);
      memberIds.delete(memberId);
      others = { memberIds: [...memberIds], coordinator };
      return joined;
    };
  };

  /**
   * kafkajs's own commit retries for seconds also when this member has left the group. That would delay the next join,
   * which waits for the batches in progress. And when kafkajs is not running, its commit does nothing and reports no
   * error. A commit that is sent late carries the generation it was made in, so that the broker refuses it.
   */
  const committerOf = (coordinator: Coordinator, memberId: string, generationId: number) =>
    createOffsetCommits(async (topics) => {
      if (cluster === undefined) throw notMember();
      try {
        const open = await connected(coordinator, cluster);
        await open.offsetCommit({ groupId, memberId, groupGenerationId: generationId, topics });
      } catch (error) {
        throw brokerFault('commit', error);
      }
    });

  return {
    assigner: (config) => {
      cluster = config.cluster as unknown as Cluster;
      options.onCluster(cluster);
      delayJoin(cluster, options.beforeJoining, watch);
      return kafkajs.PartitionAssigners.roundRobin(config);
    },
    commit: async (at, nextOffset) => {
      if (commit === undefined) throw notMember();
      await commit(at, nextOffset);
    },
    dismissKilled: () => {
      if (others === undefined || cluster === undefined) return;
      const { memberIds, coordinator } = others;
      const killed = memberIds.filter(isGhost);
      if (killed.length === 0) return;
      others = { memberIds: memberIds.filter((memberId) => !killed.includes(memberId)), coordinator };
      void dismissAll(coordinator, cluster, groupId, killed);
    },
  };
};

/** Where it fails, the group waits for the sessions of the killed to end. */
const dismissAll = async (
  coordinator: Coordinator,
  cluster: Cluster,
  groupId: string,
  memberIds: readonly string[],
): Promise<void> => {
  try {
    const open = await connected(coordinator, cluster);
    for (const memberId of memberIds) await dismiss(open, groupId, memberId);
  } catch {
    // The broker is away.
  }
};

/** When kafkajs joins, it first looks up the group's coordinator: the only place to delay the join. */
const delayJoin = (
  cluster: Cluster,
  before: () => Promise<void>,
  onFound: (coordinator: Coordinator) => void,
): void => {
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = async (of) => {
    await before();
    const coordinator = await find(of);
    onFound(coordinator);
    return coordinator;
  };
};

const connected = async (coordinator: Coordinator, cluster: Cluster): Promise<Coordinator> =>
  coordinator.isConnected() ? coordinator : cluster.findBroker({ nodeId: coordinator.nodeId });

/** Empty where the broker cannot list them: then the group waits for the dead members' sessions to end. */
const membersOf = async (coordinator: Coordinator, groupId: string): Promise<string[]> => {
  try {
    const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  } catch {
    return [];
  }
};

/** Retries for a while, because a broker that has just started first has to load its groups. */
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
