import { AssertionError, assert } from '#platform/assert';
import type {
  BatchControl,
  IncomingRecord,
  PartitionProgress,
  RecordBatch,
  TopicPartition,
} from '#platform/messaging/broker';
import type { EventReader, ReceivedEvent } from '#platform/messaging/events';
import { partitionName } from '#platform/messaging/partition-name';
import type { Trials } from '#platform/messaging/trials';
import type { Host } from '#platform/service-host';
import { createAlignment } from '#platform/streams/alignment';
import type { Checkpoints } from '#platform/streams/checkpoints';
import { createEventLag } from '#platform/streams/event-lag';
import type { RepeatedIds } from '#platform/streams/recent-ids';
import { createRepeatFilter, type DistinctRecord, type RepeatFilter } from '#platform/streams/repeat-filter';
import type { Task, TaskLane } from '#platform/streams/task';
import type { Contribution } from '#platform/streams/topology';

type FeedParts = {
  tasks: readonly Task[];
  topicsOf(task: Task): readonly string[];
  reader: Pick<EventReader, 'prepare' | 'read'>;
  wants(type: string): boolean;
  timeOf(event: ReceivedEvent): number;
  trials: Trials;
  checkpoints: Checkpoints;
  repeatsOn(topic: string): RepeatedIds;
  limits: { aheadMsMax: number };
};

/** Gives the records of partitions to the tasks: each record once, and no partition far ahead of the others. */
export type TaskFeed = {
  expect(at: TopicPartition): void;
  /**
   * The offset to read first; see `ConsumerOptions`. A few records before it are read again, as far as Kafka has them, so
   * that later repeats of them are recognised.
   */
  startFrom(at: TopicPartition, log: { low: bigint }): Promise<bigint>;
  handle(batch: RecordBatch, control: BatchControl): Promise<void>;
  /** Looks which partitions have no records left, as far as the broker has said lately. */
  look(partitions: readonly PartitionProgress[]): void;
  /**
   * By how much the watermark of a job is ahead of the clock, milliseconds: then the clock was set back. 0 if none is. What
   * a bound pushed does not count.
   */
  aheadOfClockMs(): number;
  /** The jobs of which a bound has pushed the watermark beyond what their events have reached. */
  pushed(): string[];
};

type Reading = {
  offset: bigint;
  id: DistinctRecord['id'];
  atMs: number;
  contributions: readonly (readonly Contribution<unknown>[])[];
};

/**
 * While a broker answers, it says at least so often where a partition ends (an idle fetch waits there for five seconds). A
 * partition whose end is older than this may have records that were not read.
 */
const endAgeMsMax = 10_000;

/** So few that what was decoded is garbage before the next ones are: a batch has some thousands. */
const recordsAtOnceMax = 500;

/** What the feed keeps about a partition. */
type FedPartition = {
  at: TopicPartition;
  tasks: readonly Task[];
  lanes: readonly TaskLane<unknown>[];
  repeats: RepeatFilter;
};

export const createTaskFeed = (host: Pick<Host, 'metrics' | 'clock'>, parts: FeedParts): TaskFeed => {
  const { reader, checkpoints, limits, trials } = parts;
  const report = feedReport(host);
  const alignment = createAlignment(limits.aheadMsMax);
  const readOne = createReadOne(parts);
  const partitionOf = createPartitions(parts);

  const apply = ({ tasks, lanes, repeats }: FedPartition, reading: Reading): void => {
    for (const [nth, lane] of lanes.entries()) {
      const { name } = (tasks[nth] as Task).topology;
      const late = takeOrCrash(name, lane, reading, reading.contributions[nth] ?? []);
      if (late > 0) report.late(name, late);
    }
    repeats.remember(reading.id);
  };

  /** False when the partition belongs to another member before all are applied. */
  const applyAll = async (
    fed: FedPartition,
    readings: readonly Reading[],
    control: BatchControl,
  ): Promise<boolean> => {
    let limitMs = alignment.limitMs(fed.at, fed.tasks);
    for (const reading of readings) {
      const { atMs } = reading;
      if (atMs > limitMs) {
        if (!(await alignment.wait(fed.at, atMs, fed.tasks, control))) return false;
        limitMs = alignment.limitMs(fed.at, fed.tasks);
      }
      apply(fed, reading);
    }
    return true;
  };

  return {
    expect: (at) => void partitionOf(at),
    startFrom: async (at, { low }) => startOf(partitionOf(at), low),
    handle: async (batch, control) => {
      const fed = partitionOf(batch);
      const { records } = batch;
      assertWithinLog(fed, batch);
      await reader.prepare(records);
      for (let start = 0; start < records.length; start += recordsAtOnceMax) {
        const some = records.slice(start, start + recordsAtOnceMax);
        const readings = await readFresh(readOne, fed, some);
        if (!(await applyAll(fed, readings, control))) return;
        const nextOffset = (some.at(-1) as IncomingRecord).offset + 1n;
        for (const lane of fed.lanes) lane.moveTo(nextOffset);
        for (const task of fed.tasks) task.advance();
        trials.movedTo(fed.at, nextOffset);
        alignment.moved();
        report.read(fed.tasks, readings);
        await checkpoints.handled(fed.at, nextOffset, some.length, control);
      }
    },
    look: (partitions) => {
      const now = { wallMs: host.clock.nowMs(), monotonicMs: host.clock.monotonicMs() };
      for (const { topic, partition, nextOffset, highWatermark, endAgeMs } of partitions) {
        const isDrained = highWatermark <= nextOffset && endAgeMs <= endAgeMsMax;
        for (const { watermarks } of partitionOf({ topic, partition }).tasks)
          watermarks.look({ topic, partition }, isDrained, now);
      }
      report.ahead(parts.tasks, now.wallMs);
      alignment.moved();
    },
    aheadOfClockMs: () => Math.max(0, ...parts.tasks.map(({ reachedMs }) => reachedMs - host.clock.nowMs())),
    pushed: () => parts.tasks.filter(isPushed).map(({ topology }) => topology.name),
  };
};

const isPushed = ({ watermarkMs, reachedMs }: Task): boolean =>
  Number.isFinite(watermarkMs) && watermarkMs > reachedMs;

/** 0 also where the events have reached nothing yet: then there is no time that the watermark is ahead of. */
const pushedMsOf = (task: Task): number =>
  isPushed(task) && task.reachedMs > 0 ? task.watermarkMs - task.reachedMs : 0;

const createPartitions = ({ tasks: all, topicsOf, repeatsOn }: FeedParts) => {
  const partitions = new Map<string, FedPartition>();
  return ({ topic, partition }: TopicPartition): FedPartition => {
    const name = partitionName({ topic, partition });
    const found = partitions.get(name);
    if (found !== undefined) return found;
    const at = { topic, partition };
    const tasks = all.filter((task) => topicsOf(task).includes(topic));
    const fed = {
      at,
      tasks,
      lanes: tasks.map((task) => task.lane(at)),
      repeats: createRepeatFilter(repeatsOn(topic)),
    };
    partitions.set(name, fed);
    return fed;
  };
};

const startOf = (fed: FedPartition, low: bigint): bigint => {
  // A task that has read nothing yet has lost nothing.
  const begun = fed.lanes.filter(({ nextOffset }) => nextOffset > 0n);
  if (begun.some(({ nextOffset }) => nextOffset < low)) return leastOf(begun);
  const wanted = nextOffsetOf(fed) - fed.repeats.recordsUnknown;
  return wanted < low ? low : wanted;
};

/** Reads those records that are not handled yet and are no repeats. */
const readFresh = async (
  readOne: ReturnType<typeof createReadOne>,
  fed: FedPartition,
  records: readonly IncomingRecord[],
): Promise<Reading[]> => {
  const readings: Reading[] = [];
  for (const { record, id } of fed.repeats.distinct(records, nextOffsetOf(fed))) {
    const reading = await readOne(fed, record, id);
    if (reading !== null) readings.push(reading);
  }
  return readings;
};

/** After a failure half-way the state is not that of any offset, so the process loads the last checkpoint again. */
const takeOrCrash = (
  job: string,
  lane: TaskLane<unknown>,
  { offset, atMs }: Reading,
  contributions: readonly Contribution<unknown>[],
): number => {
  try {
    return lane.take(offset, atMs, contributions);
  } catch (error) {
    throw new AssertionError(`the aggregate of ${job} adds up every input: ${(error as Error).message}`);
  }
};

/** Else the topic was made anew or cut off while it was read, and its records until there would be left out. */
const assertWithinLog = (fed: FedPartition, { topic, partition, highWatermark }: RecordBatch): void => {
  const nextOffset = nextOffsetOf(fed);
  assert(
    nextOffset <= highWatermark,
    `the next offset ${nextOffset} of ${topic}/${partition} is not past its end, ${highWatermark}`,
  );
};

const nextOffsetOf = ({ lanes }: FedPartition): bigint => leastOf(lanes);

const leastOf = (lanes: readonly Pick<TaskLane<unknown>, 'nextOffset'>[]): bigint => {
  const [first = 0n, ...others] = lanes.map(({ nextOffset }) => nextOffset);
  let least = first;
  for (const offset of others) if (offset < least) least = offset;
  return least;
};

/** Reads a record for all tasks. One that cannot be read, or on which a source fails, is parked and left out. */
const createReadOne =
  ({ reader, wants, timeOf, trials }: FeedParts) =>
  async (
    { at, tasks }: FedPartition,
    record: IncomingRecord,
    id: string | undefined,
  ): Promise<Reading | null> => {
    try {
      const event = await reader.read(at, record, wants);
      if (event === null) return null;
      return {
        offset: record.offset,
        id,
        atMs: Math.min(timeOf(event), record.timestampMs),
        contributions: tasks.map((task) => task.contributionsOf(event)),
      };
    } catch (error) {
      if (!(await trials.park(at, record, error))) throw error;
      return null;
    }
  };

const feedReport = (host: Pick<Host, 'metrics' | 'clock'>) => {
  const lag = createEventLag(host);
  const late = host.metrics.counter(
    'stream_late_events_total',
    'What events contribute that came after a window of theirs had closed; others of overlapping windows may have it.',
    ['job'],
  );
  const ahead = host.metrics.gauge(
    'stream_watermark_ahead_seconds',
    'By how much the watermark is ahead of the clock, which was set back; what comes until then is late.',
    ['job'],
  );
  const pushed = host.metrics.gauge(
    'stream_watermark_pushed_seconds',
    'By how much the watermark is ahead of the events, because there were too many open windows and the oldest were closed.',
    ['job'],
  );
  return {
    ahead: (tasks: readonly Task[], nowMs: number): void => {
      for (const task of tasks) {
        const job = task.topology.name;
        ahead.set({ job }, Math.max(0, task.reachedMs - nowMs) / 1000);
        pushed.set({ job }, pushedMsOf(task) / 1000);
      }
    },
    late: (job: string, contributions: number): void => late.inc({ job }, contributions),
    read: (tasks: readonly Task[], readings: readonly Reading[]): void =>
      lag(
        tasks.map(({ topology }) => topology.name),
        readings,
      ),
  };
};
