import { AssertionError } from '#platform/assert';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import type { Broker, Consumer, TopicPartition } from '#platform/messaging/broker';
import type { DeadLetters } from '#platform/messaging/dead-letter';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import type { Component, Logger } from '#platform/service-host';
import type { BlockClaims, Ownership } from './block-claims.js';
import { createInFlight } from './in-flight.js';
import type { IngestTelemetry } from './ingest-telemetry.js';
import { type Lane, openLane } from './lane.js';
import { hasMoved } from './partition-moved.js';
import type { Route } from './routes.js';
import type { StoredRows } from './stored-rows.js';
import { createWriters } from './writers.js';

export type IngestOptions = {
  group: string;
  routes: readonly Route[];
  limits: {
    blockBytesMax: number;
    blockRowsMax: number;
    inFlightBytesMax: number;
    insertsConcurrentlyMax: number;
    fetchBytesPerPartitionMax: number;
  };
  broker: Broker;
  registry: Pick<SchemaRegistry, 'schemaById'>;
  clickhouse: Pick<ClickHouse, 'insertBlock'>;
  claims: BlockClaims;
  stored: StoredRows;
  deadLetters: DeadLetters;
  clock: Clock;
  logger: Logger;
  telemetry: IngestTelemetry;
  onFatal(error: unknown): void;
};

const partitionsMax = 1024;
const drainWaitMsMax = 3_000;
/** A batch of an outbox relay may be sent several times over, so a repeat is at most some batches (`relayBatchMax`)
 * behind. */
const recentIdsMax = 4_000;
/** The tables remember 10,000 tokens: so long even if a hundred partitions insert three times a second. */
const tokenTrustedMs = 20_000;
const backlogBlockWaitMs = 1_000;

/**
 * One consumer over all topics, one lane a partition. Where a partition goes on is read from ClickHouse, next to
 * the rows themselves: Kafka's committed offset only tells others how far the rows are in, and is never ahead of them.
 */
export const createIngest = (options: IngestOptions): Component => {
  const { broker, claims, logger, limits } = options;
  const inFlight = createInFlight(limits.inFlightBytesMax, limits.insertsConcurrentlyMax);
  const routes = new Map(options.routes.map((route) => [route.topic, route]));
  const writers = new Map(
    options.routes.map((route) => [route.topic, createWriters(options.registry, route)]),
  );
  const lanes = new Map<string, Lane>();
  let consumer: Consumer | undefined;
  let owned: ReadonlyMap<string, Ownership> = new Map();
  let stopping = false;

  const closeLanes = async (): Promise<void> => {
    const open = [...lanes.values()];
    lanes.clear();
    await Promise.all(open.map((lane) => lane.close()));
  };

  const takeOver = async (partitions: readonly TopicPartition[]): Promise<void> => {
    await closeLanes();
    const taken = await claims.takeOver(partitions);
    owned = new Map(partitions.map((at, index) => [nameOf(at), taken[index] as Ownership]));
  };

  const open = async ({ topic, partition }: TopicPartition): Promise<bigint> => {
    const route = routes.get(topic);
    const known = writers.get(topic);
    const ownership = owned.get(nameOf({ topic, partition }));
    if (route === undefined || known === undefined || ownership === undefined)
      throw new AssertionError(`${topic} is not routed or not taken over`);
    const lane = await openLane(route, partition, ownership, known, {
      group: options.group,
      clickhouse: options.clickhouse,
      stored: options.stored,
      deadLetters: options.deadLetters,
      inFlight,
      clock: options.clock,
      logger,
      limits: { ...limits, backlogBlockWaitMs, recentIdsMax, tokenTrustedMs },
      ...options.telemetry,
      onFatal: options.onFatal,
    });
    if (lanes.size >= partitionsMax) throw new AssertionError(`more than ${partitionsMax} partitions`);
    lanes.set(nameOf({ topic, partition }), lane);
    return BigInt(lane.startOffset);
  };

  return {
    name: 'ingest',
    start: async () => {
      consumer = broker.consumer({
        group: options.group,
        topics: [...routes.keys()],
        partitionsConcurrentlyMax: partitionsMax,
        fetchBytesPerPartitionMax: limits.fetchBytesPerPartitionMax,
        packed: true,
        tellsLag: true,
        onAssigned: takeOver,
        startFrom: open,
      });
      consumer.failed.catch(options.onFatal);
      await consumer.run(async (batch, control) => {
        const lane = lanes.get(nameOf(batch));
        if (lane === undefined) throw new AssertionError(`${nameOf(batch)} was not opened`);
        try {
          await lane.accept(batch, control);
        } catch (error) {
          // Kafka says it is ours and ClickHouse says it is not: what this process holds in memory is void.
          if (hasMoved(error) && !control.isStale() && !stopping) options.onFatal(error);
          throw error;
        }
      });
    },
    stop: async () => {
      stopping = true;
      const drained = Promise.all([...lanes.values()].map((lane) => lane.drained()));
      await Promise.race([drained, new Promise((done) => setTimeout(done, drainWaitMsMax).unref())]);
      await consumer?.close();
      await closeLanes();
    },
    checkHealth: async () => (consumer === undefined ? { status: 'down' } : { status: 'up' }),
  };
};

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
