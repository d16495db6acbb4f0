import type {
  ConsumerProgress,
  LostRecords,
  PartitionProgress,
  TopicPartition,
} from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import type { ConsumerReport, DependencyHealth, Host, PartitionReport } from '#platform/service-host';
import { eachSecond, secondMs } from '#platform/waiting/each-second';

/** A partition with records left and no progress for this long, while the process runs, is reported as held. */
const heldMsMax = 10_000;
/** A member joins within some seconds, also after a rebalance. */
const unassignedMsMax = 15_000;
/** Health reports for so long that records were lost; the metric does so for as long as the process lives. */
const lostReportedMs = 24 * 60 * 60_000;

export type ProgressWatch = {
  /** Looks once a second. */
  start(): void;
  stop(): void;
  /** Looks once, for tests with a hand clock. */
  look(): void;
  report(): ConsumerReport;
  /**
   * `degraded`, with the place and the reason, while a partition or the whole consumer makes no progress, and for a day
   * after records were lost.
   */
  health(): DependencyHealth;
};

type Watched = {
  nextOffset: bigint;
  /** Time without progress in which this process ran. */
  heldMs: number;
  /** Wall clock, epoch milliseconds. */
  sinceMs: number;
  isReported: boolean;
};

/**
 * Watches whether a consumer makes progress. Only time in which this process ran is counted, so after the machine slept
 * or the process was stopped, a partition has ten seconds again. A partition without progress is reported in health, in
 * the metrics and once in the log. `heldBy` returns the offset of the record that holds a partition, if a single record
 * does.
 */
export const createProgressWatch = (
  { logger, metrics, clock }: Pick<Host, 'logger' | 'metrics' | 'clock'>,
  group: string,
  progress: () => ConsumerProgress,
  heldBy: (at: TopicPartition) => bigint | undefined = () => undefined,
): ProgressWatch => {
  const held = metrics.gauge(
    'stream_held_seconds',
    'For how long a partition with records left has made no progress; 0 while it moves.',
    ['group', 'topic', 'partition'],
  );
  const losses = createLossNotice(clock);
  let watched = new Map<string, Watched>();
  let unassignedMs = 0;
  let lookedAtMs = clock.monotonicMs();
  let stop = (): void => {};

  const look = (): void => {
    const nowMs = clock.monotonicMs();
    const awakeMs = Math.min(nowMs - lookedAtMs, 2 * secondMs);
    lookedAtMs = nowMs;
    const { partitions, unassignedForMs, lost } = progress();
    losses.look(lost);
    unassignedMs = unassignedForMs > 0 ? unassignedMs + awakeMs : 0;
    const before = watched;
    watched = new Map(
      partitions.map((at) => [
        partitionName(at),
        lookAt(at, before.get(partitionName(at)), awakeMs, clock.nowMs()),
      ]),
    );
    for (const at of partitions) announce(at);
    for (const at of reportOf().partitions)
      held.set({ group, topic: at.topic, partition: at.partition }, at.heldForMs / 1000);
  };

  const announce = (at: PartitionProgress): void => {
    const watch = watched.get(partitionName(at));
    if (watch === undefined || watch.isReported || watch.heldMs < heldMsMax) return;
    watch.isReported = true;
    logger.error({ ...partitionReport(at, watch, heldBy(at)), group }, 'a partition makes no progress');
  };

  const reportOf = (): ConsumerReport => {
    const { partitions, restarts, trouble } = progress();
    return {
      group,
      restarts,
      trouble: trouble ?? null,
      partitions: partitions.map((at) => partitionReport(at, watched.get(partitionName(at)), heldBy(at))),
    };
  };

  return {
    look,
    start: () => {
      lookedAtMs = clock.monotonicMs();
      stop = eachSecond(look);
    },
    stop: () => {
      stop();
      held.reset();
    },
    report: reportOf,
    health: () => {
      const health = healthOf(reportOf(), unassignedMs);
      return health.status === 'up' && losses.isFresh() ? lossHealth(group, progress().lost) : health;
    },
  };
};

/** Whether more records were lost a short time ago. */
const createLossNotice = (clock: Pick<Host['clock'], 'monotonicMs'>) => {
  let known = 0n;
  let atMs = Number.NEGATIVE_INFINITY;
  return {
    look: (lost: readonly LostRecords[]): void => {
      const all = lost.reduce((sum, { records }) => sum + records, 0n);
      if (all > known) atMs = clock.monotonicMs();
      known = all;
    },
    isFresh: (): boolean => clock.monotonicMs() - atMs < lostReportedMs,
  };
};

const lossHealth = (group: string, lost: readonly LostRecords[]): DependencyHealth => {
  const places = lost.map((at) => `${at.records} of ${partitionName(at)}`).join(', ');
  return {
    status: 'degraded',
    detail: `${group} has lost records that Kafka deleted before they were read: ${places} (see docs/run-book.md)`,
  };
};

const healthOf = ({ group, partitions, trouble }: ConsumerReport, unassignedMs: number): DependencyHealth => {
  if (unassignedMs >= unassignedMsMax)
    return { status: 'degraded', detail: `${group} has no partitions: ${trouble ?? 'joining'}` };
  const worst = partitions
    .filter(({ heldForMs }) => heldForMs >= heldMsMax)
    .sort((a, b) => b.heldForMs - a.heldForMs)[0];
  if (worst === undefined) return { status: 'up' };
  const place = `${worst.topic}/${worst.partition} at ${worst.heldOffset ?? worst.nextOffset}`;
  const since = `${Math.round(worst.heldForMs / 1000)} s, ${worst.failures} tries`;
  return {
    status: 'degraded',
    detail: `${group} makes no progress on ${place} (${since}): ${worst.reason ?? 'no fault'}`,
  };
};

const lookAt = (
  { nextOffset, highWatermark }: PartitionProgress,
  before: Watched | undefined,
  awakeMs: number,
  wallMs: number,
): Watched =>
  before !== undefined && before.nextOffset === nextOffset && highWatermark > nextOffset
    ? { ...before, heldMs: before.heldMs + awakeMs }
    : { nextOffset, heldMs: 0, sinceMs: wallMs, isReported: false };

const partitionReport = (
  { topic, partition, nextOffset, highWatermark, failures, cause }: PartitionProgress,
  watch: Watched | undefined,
  heldOffset: bigint | undefined,
): PartitionReport => {
  const isStill = watch !== undefined && watch.nextOffset === nextOffset && highWatermark > nextOffset;
  return {
    topic,
    partition,
    nextOffset: String(nextOffset),
    lag: Number(highWatermark - nextOffset),
    heldForMs: isStill ? watch.heldMs : 0,
    heldSince: isStill && watch.heldMs > 0 ? new Date(watch.sinceMs).toISOString() : null,
    heldOffset: isStill && failures > 0 && heldOffset !== undefined ? String(heldOffset) : null,
    failures,
    reason: cause ?? null,
  };
};
