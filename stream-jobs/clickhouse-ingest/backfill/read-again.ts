import { randomUUID } from 'node:crypto';
import { assert } from '#platform/assert';
import type { ClickHouse } from '#platform/clickhouse/client';
import { systemClock } from '#platform/clock';
import { isRetriable, PlatformError } from '#platform/errors';
import type {
  BatchControl,
  Broker,
  BrokerAdmin,
  RecordBatch,
  TopicPartition,
} from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import type { Logger } from '#platform/telemetry/logger';
import { createBell } from '#platform/waiting/bell';
import { sleep } from '#platform/waiting/sleep';
import { heartbeatMs } from '../assignment.js';
import {
  type BlockClaims,
  type Claim,
  createBlockClaims,
  emptyClaim,
  type Ownership,
} from '../block-claims.js';
import { claimedAs, type Feed } from '../feeds.js';
import { createInFlight } from '../in-flight.js';
import type { LostRanges } from '../lost-ranges.js';
import { openPipeline, type PartitionPipeline, type PipelineDeps } from '../partition-pipeline.js';
import { createStoredRows } from '../stored-rows.js';
import { isGone } from '../table-gate.js';
import { createTreatments } from '../treatments.js';
import { StartAgain } from './start-again.js';

/** A part of what is to be read of one partition: its records before `until`, or what its claim says. */
export type Stage =
  | { until: number; kind: 'read' }
  /** The offsets of the claim, which has no rows, are not read. */
  | { until: number; kind: 'pass'; claim: Claim }
  /** The block of the claim is inserted under the claim's token. */
  | { until: number; kind: 'repeat'; claim: Claim & { claimedAtMs: number } };

/** The stages of one partition, ascending. */
export type PlaceToRead = { feed: Feed; partition: number; stages: readonly Stage[] };

export type ReadAgainOptions = {
  broker: Broker;
  registry: Pick<SchemaRegistry, 'schemaById'>;
  /** Of the tables that are filled. */
  clickhouse: ClickHouse;
  /** Of the claims by which a killed call goes on. */
  claimsIn: ClickHouse;
  group: string;
  admin: Pick<BrokerAdmin, 'offsets'>;
  logger: Logger;
  /** Called with how far a partition is, now and then. */
  onProgress(at: TopicPartition & { insertedTo: number }): void;
};

/** As the ingest has them unless its settings say otherwise. A block that is repeated has the bounds of its claim. */
const limits = {
  blockBytesMax: 12 * 1024 * 1024,
  blockRowsMax: 150_000,
  backlogBlockWaitMs: 1_000,
};
const inFlightBytesMax = 64 * 1024 * 1024;
const fetchBytesPerPartitionMax = 2 * 1024 * 1024;
const never = Number.MAX_SAFE_INTEGER;

/**
 * Reads records from Kafka into tables that no ingest fills, as an ingest would, up to given offsets. Resolves when all of
 * them are there. A call after one that was killed goes on where that one was. Rejects with `StartAgain` where Kafka has deleted
 * records that are to be read.
 */
export const readAgain = async (places: readonly PlaceToRead[], options: ReadAgainOptions): Promise<void> => {
  const reading = places.filter(({ stages }) => stages.length > 0);
  if (reading.length === 0) return;
  const ended = createBell();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    ended.ring();
  };
  const claims = createBlockClaims(options.claimsIn, randomUUID());
  /** The consumer tries again where its start is not found out. */
  const failForGood = (error: unknown): never => {
    if (!isRetriable(error)) fail(error);
    throw error;
  };
  const readers = await openReaders(reading, claims, { ...options, onFatal: fail });
  const consumer = options.broker.consumer({
    // Every call is a group of its own, so that it is given all partitions. Epochs keep two calls apart.
    group: `${options.group}.backfill-${randomUUID().slice(0, 8)}`,
    topics: [...new Set(reading.map(({ feed }) => feed.topic))],
    partitionsConcurrentlyMax: 1024,
    fetchBytesPerPartitionMax,
    packed: true,
    startFrom: async (at) => {
      const begun = readers.get(partitionName(at))?.begin();
      const from = await begun?.catch(failForGood);
      return from === undefined ? null : BigInt(from);
    },
  });
  consumer.failed.catch(fail);
  try {
    const isDone = (): boolean => [...readers.values()].every((reader) => reader.isDone());
    await consumer.run(async (batch, control) => {
      const reader = readers.get(partitionName(batch));
      if (reader === undefined || failure !== undefined) return standStill(control, isDone);
      await reader.accept(batch, control).catch((error: unknown) => {
        if (!control.isStale()) fail(error);
        throw error;
      });
      if (isDone()) ended.ring();
      else if (reader.isDone()) await standStill(control, isDone);
    });
    while (failure === undefined && !isDone()) await ended.wait(heartbeatMs);
    if (failure !== undefined) throw failure;
  } finally {
    await Promise.all([...readers.values()].map((reader) => reader.end()));
    await consumer.close();
  }
};

/** A partition that is read to its end fetches nothing more while the others go on. */
const standStill = async (control: BatchControl, isDone: () => boolean): Promise<void> => {
  while (!isDone() && !control.isStale()) {
    await sleep(heartbeatMs);
    await control.heartbeat();
  }
};

type ReaderDeps = ReadAgainOptions & { onFatal(error: unknown): void };

const openReaders = async (
  places: readonly PlaceToRead[],
  claims: BlockClaims,
  options: ReaderDeps,
): Promise<Map<string, Reader>> => {
  const owned = await claims.takeOver(
    places.map(({ feed, partition }) => ({ topic: claimedAs(feed), partition })),
  );
  const deps = pipelineDeps(options);
  const starts = await logStartsOf(new Set(places.map(({ feed }) => feed.topic)), options);
  return new Map(
    places.map((place, nth) => {
      const ownership = owned[nth];
      assert(ownership !== undefined, 'every place was taken over');
      const name = partitionName({ topic: place.feed.topic, partition: place.partition });
      return [name, new Reader(place, ownership, starts.get(name) ?? 0, deps, options)];
    }),
  );
};

/** The first offset of each partition that Kafka still has. */
const logStartsOf = async (
  topics: ReadonlySet<string>,
  { admin }: Pick<ReadAgainOptions, 'admin'>,
): Promise<Map<string, number>> => {
  const starts = new Map<string, number>();
  for (const topic of topics)
    for (const { partition, low } of await admin.offsets(topic))
      starts.set(partitionName({ topic, partition }), Number(low));
  return starts;
};

const pipelineDeps = (options: ReaderDeps): Omit<PipelineDeps, 'lostRanges'> => ({
  group: options.group,
  clickhouse: {
    insert: (block) =>
      options.clickhouse.insert(block).catch((error: unknown) => {
        // An ingest that waited too long has put the table out of reach; to try again would last for ever.
        if (isGone(error)) options.onFatal(error);
        throw error;
      }),
  },
  stored: createStoredRows(options.clickhouse),
  // Poison was parked when it was read for the first time.
  deadLetters: { park: async () => {} },
  inFlight: createInFlight(inFlightBytesMax, 1),
  clock: systemClock,
  logger: options.logger,
  limits,
  onIngested: () => {},
  onDifference: () => {},
  onFatal: options.onFatal,
});

/**
 * What Kafka deletes before it is read would miss in the next table without a word, though the live one may have it: it ends the
 * back-fill. Of a block that is repeated, and so may be in the live table, what Kafka still has goes in.
 */
const lostRangesOf = (stage: Stage, options: Pick<ReadAgainOptions, 'admin'>): LostRanges => ({
  logStartOf: async (topic, partition) =>
    (await logStartsOf(new Set([topic]), options)).get(partitionName({ topic, partition })) ?? 0,
  note: async ({ topic }, partition, from, to) => {
    if (stage.kind === 'read' && from < stage.until)
      throw new StartAgain(
        `Kafka has deleted the records of ${topic}-${partition} up to ${to}, which were read up to ${from}`,
      );
  },
});

/** Reads one partition, one stage after the other, each with a pipeline of its own. */
class Reader {
  readonly #place: PlaceToRead;
  readonly #ownership: Ownership;
  /** When the call began. */
  readonly #logStart: number;
  readonly #deps: Omit<PipelineDeps, 'lostRanges'>;
  readonly #options: ReaderDeps;
  readonly #treatments;
  readonly #stages: Stage[];
  #newest: Ownership['newest'];
  #pipeline: PartitionPipeline | null = null;

  constructor(
    place: PlaceToRead,
    ownership: Ownership,
    logStart: number,
    deps: Omit<PipelineDeps, 'lostRanges'>,
    options: ReaderDeps,
  ) {
    this.#place = place;
    this.#ownership = ownership;
    this.#logStart = logStart;
    this.#deps = deps;
    this.#options = options;
    this.#treatments = createTreatments(options.registry, place.feed);
    this.#newest = ownership.newest;
    const begun = ownership.newest?.firstOffset ?? -1;
    this.#stages = place.stages.filter(({ until, kind }) => kind === 'repeat' || until > begun);
  }

  isDone(): boolean {
    return this.#stages.length === 0;
  }

  /** The offset to read from. */
  async begin(): Promise<number> {
    await this.#goOn();
    return this.#pipeline?.startOffset ?? this.#place.stages.at(-1)?.until ?? 0;
  }

  async accept(batch: RecordBatch, control: BatchControl): Promise<void> {
    const last = Number(batch.records.at(-1)?.offset ?? -1);
    for (let stage = this.#stages[0]; stage !== undefined; stage = this.#stages[0]) {
      await this.#pipeline?.accept(batch, control);
      // The next stage may have records of the same batch.
      if (last + 1 >= stage.until) await this.#pipeline?.drained();
      await this.#goOn();
      if (this.#stages[0] === stage) return;
    }
  }

  /** Opens the pipeline of the first stage that is not done. */
  async #goOn(): Promise<void> {
    for (let stage = this.#stages[0]; stage !== undefined; stage = this.#stages[0]) {
      this.#pipeline ??= await this.#openStage(stage);
      const { topic, partition, insertedTo } = this.#pipeline.progress();
      this.#options.onProgress({ topic, partition, insertedTo });
      if (insertedTo < stage.until) return;
      this.#stages.shift();
      await this.#pipeline.end();
      this.#pipeline = null;
      this.#newest = passedOver(stage.until);
    }
  }

  async end(): Promise<void> {
    await this.#pipeline?.end();
  }

  async #openStage(stage: Stage): Promise<PartitionPipeline> {
    const { feed, partition } = this.#place;
    const nowMs = this.#deps.clock.nowMs();
    if (stage.kind === 'repeat') this.#newest = { ...stage.claim, ageMs: nowMs - stage.claim.claimedAtMs };
    if (stage.kind === 'pass' && this.#newest?.lastOffset !== stage.claim.lastOffset) {
      if ((await this.#ownership.claim(stage.claim)) === 'theirs') throw takenOver(feed, partition);
      this.#newest = { ...stage.claim, claimedAtMs: nowMs, ageMs: 0 };
    }
    return openPipeline(
      {
        feed,
        partition,
        ownership: { ...this.#ownership, newest: this.#newest },
        treatments: this.#treatments,
        gathering: null,
        untilOffset: stage.until,
      },
      // What the group of this call has committed is nobody's matter.
      { start: stage.kind === 'read' ? this.#logStart : 0, end: never, committed: null },
      { ...this.#deps, lostRanges: lostRangesOf(stage, this.#options) },
    );
  }
}

/** As if a block without rows ended there. */
const passedOver = (until: number): NonNullable<Ownership['newest']> => ({
  ...emptyClaim(until, until),
  claimedAtMs: 0,
  ageMs: 0,
});

const takenOver = (feed: Feed, partition: number): PlatformError =>
  new PlatformError('clickhouse_rejected', `another back-fill took ${feed.topic}-${partition} over`, {
    retriable: false,
  });
