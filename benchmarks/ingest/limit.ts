import { randomUUID } from 'node:crypto';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Broker } from '#platform/messaging/broker';
import { PackCursor } from '#platform/messaging/record-pack';
import type { AvroSchema } from '#platform/messaging/schema-registry';
import { createAdmission } from '#platform/waiting/admission';
import { within } from '#platform/waiting/deadline';
import { compileDatumWalk } from '../../stream-jobs/clickhouse-ingest/datum-check.js';
import {
  createDatumRows,
  type DatumRows,
  nativeBody,
  rowLayout,
} from '../../stream-jobs/clickhouse-ingest/native-rows.js';
import { cpuSeconds } from '../process-figures.js';

/** A block as clickhouse-ingest claimed it. */
export type ClaimedBlock = {
  partition: number;
  firstOffset: number;
  lastOffset: number;
  /** The insert by which it went in together with others; empty if it went in by itself. */
  gathered: string;
};

/** What a part of the work costs by itself, in CPU microseconds a row: of this process, and of ClickHouse. */
export type PartCost = {
  clientMicrosPerRow: number;
  engineMicrosPerRow: number;
  rows: number;
  seconds: number;
};

/**
 * The least that ingest could cost with this client and this engine: the topic read by the broker's client alone, with
 * nothing done to what comes, and the very blocks that clickhouse-ingest made inserted without Kafka.
 */
export type Limit = { drain: PartCost; insert: PartCost };

const wirePrefixBytes = 5;
const drainMsMax = 300_000;
/** As clickhouse-ingest does by default. */
const fetchBytesPerPartitionMax = 2 * 1024 * 1024;
const insertsConcurrentlyMax = 2;

export const measureLimit = async (options: {
  broker: Broker;
  topic: string;
  rows: number;
  schema: AvroSchema;
  blocks: readonly ClaimedBlock[];
  clickhouse: ClickHouse;
  enginePid: number;
}): Promise<Limit> => {
  const { broker, topic, rows } = options;
  let before: Reading | undefined;
  let rowsBefore = 0;
  let seen = 0;
  await readTopic(broker, topic, rows, (_partition, cursor) => {
    while (cursor.next()) seen += 1;
    // The group is joined by then, and the client warm.
    if (before === undefined && seen >= rows / 10) {
      before = readCpu(options.enginePid);
      rowsBefore = seen;
    }
  });
  if (before === undefined) throw new Error('the topic was read in one piece, which cannot be timed');
  const drain = costSince(before, options.enginePid, rows - rowsBefore);

  const built = await buildBlocks(options);
  const started = readCpu(options.enginePid);
  await insertBlocks(options.clickhouse, topic, built);
  return {
    drain: { ...drain, engineMicrosPerRow: 0 },
    insert: costSince(started, options.enginePid, rows),
  };
};

type Reading = { at: number; client: NodeJS.CpuUsage; engine: number };

const readCpu = (enginePid: number): Reading => ({
  at: performance.now(),
  client: process.cpuUsage(),
  engine: cpuSeconds(enginePid),
});

const costSince = (since: Reading, enginePid: number, rows: number): PartCost => {
  const { user, system } = process.cpuUsage(since.client);
  return {
    clientMicrosPerRow: (user + system) / rows,
    engineMicrosPerRow: ((cpuSeconds(enginePid) - since.engine) * 1_000_000) / rows,
    rows,
    seconds: (performance.now() - since.at) / 1000,
  };
};

const readTopic = async (
  broker: Broker,
  topic: string,
  rows: number,
  onPack: (partition: number, cursor: PackCursor) => void,
): Promise<void> => {
  const consumer = broker.consumer({
    group: `bench-drain-${randomUUID()}`,
    topics: [topic],
    partitionsConcurrentlyMax: 1024,
    fetchBytesPerPartitionMax,
    packed: true,
  });
  let left = rows;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  await consumer.run(async (batch) => {
    for (const { pack } of batch.records) {
      if (pack === undefined) throw new Error('the client does not hand on packs');
      onPack(batch.partition, new PackCursor(pack));
      left -= pack.count;
    }
    if (left <= 0) finish();
  });
  await within(drainMsMax, finished, { what: 'topic not read' });
  await consumer.close();
};

type BlockRows = ClaimedBlock & { rows: DatumRows };

const groupByPartition = (built: readonly BlockRows[]): Map<number, BlockRows[]> => {
  const groups = new Map<number, BlockRows[]>();
  for (const block of built) groups.set(block.partition, [...(groups.get(block.partition) ?? []), block]);
  return groups;
};

const buildBlocks = async (options: {
  broker: Broker;
  topic: string;
  rows: number;
  schema: AvroSchema;
  blocks: readonly ClaimedBlock[];
}): Promise<BlockRows[]> => {
  const layout = rowLayout(options.schema);
  const walk = compileDatumWalk(options.schema, undefined);
  const built = options.blocks.map((block) => ({
    ...block,
    rows: createDatumRows(layout, walk.bounds, block.partition),
  }));
  const byPartition = groupByPartition(built);
  await readTopic(options.broker, options.topic, options.rows, (partition, cursor) => {
    const own = byPartition.get(partition) ?? [];
    let at = 0;
    while (cursor.next()) {
      while (at < own.length && (own[at] as BlockRows).lastOffset < cursor.offset) at += 1;
      const block = own[at];
      if (block === undefined) throw new Error(`no block holds ${partition}/${cursor.offset}`);
      walk.over(cursor.bytes, cursor.valueStart + wirePrefixBytes, cursor.valueEnd);
      block.rows.append(cursor);
    }
  });
  return built;
};

/** As many inserts as clickhouse-ingest made, with the same blocks each, two at once. */
const insertBlocks = async (
  clickhouse: ClickHouse,
  topic: string,
  built: readonly BlockRows[],
): Promise<void> => {
  const together = new Map<string, BlockRows[]>();
  for (const block of built) {
    const insert = block.gathered === '' ? `${block.partition}/${block.firstOffset}` : block.gathered;
    together.set(insert, [...(together.get(insert) ?? []), block]);
  }
  const inserts = createAdmission(insertsConcurrentlyMax);
  await Promise.all(
    [...together].map(([insert, blocks]) =>
      inserts.run(() =>
        clickhouse.insert({
          table: 'shopper_activity',
          format: 'Native',
          rows: blocks.reduce((sum, { rows }) => sum + rows.rows, 0),
          data: nativeBody(blocks.map(({ rows }) => rows)),
          deduplicationToken: `${topic}/${insert}/limit`,
        }),
      ),
    ),
  );
};
