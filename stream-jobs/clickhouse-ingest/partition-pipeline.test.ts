import { describe, expect, it } from 'vitest';
import type { BatchControl, IncomingRecord } from '#platform/messaging/broker';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import { type Feed, feeds } from './feeds.js';
import { createInFlight } from './in-flight.js';
import { type LogBounds, openPipeline, type PipelineDeps } from './partition-pipeline.js';
import { createTreatments } from './treatments.js';

const sales = { ...(feeds.find(({ table }) => table === 'sales') as Feed), repeats: null };

const recordAt = (offset: number): IncomingRecord => ({
  key: null,
  value: Buffer.from('poison'),
  headers: {},
  rawHeaders: [],
  offset: BigInt(offset),
  timestampMs: 0,
});

/** A partition whose table has the records before offset 20, and what is committed when its pipeline is given a batch. */
const open = async (log: LogBounds) => {
  const committed: bigint[] = [];
  const deps: PipelineDeps = {
    group: 'ingest',
    clickhouse: { insert: async () => {} },
    stored: {
      serverStartedAtMs: async () => 0,
      greatestOffset: async () => 19,
      offsets: async () => [],
      eventIdsBefore: async () => [],
      mendRollups: async () => 0,
    },
    deadLetters: { park: async () => {} },
    inFlight: createInFlight(1_000, 1),
    clock: handClock(),
    logger: testLogger('ingest'),
    limits: { blockBytesMax: 1_000, blockRowsMax: 10, backlogBlockWaitMs: 60_000, tokenTrustedMs: 20_000 },
    lostRanges: { logStartOf: async () => log.start, note: async () => {} },
    onIngested: () => {},
    onDifference: () => {},
    onFatal: (error) => {
      throw error;
    },
  };
  const ownership = {
    newest: null,
    claim: async () => 'ours' as const,
    isOurs: async () => true,
    gateIsOpen: async () => {},
  };
  const treatments = createTreatments({ schemaById: async () => ({}) }, sales);
  const pipeline = await openPipeline(
    { feed: sales, partition: 0, ownership, treatments, gathering: null },
    log,
    deps,
  );
  const control: BatchControl = {
    isStale: () => false,
    heartbeat: async () => {},
    commitSoon: () => {},
    commit: async (nextOffset) => {
      committed.push(nextOffset);
    },
  };
  const accept = async (...offsets: number[]) => {
    const records = offsets.map(recordAt);
    await pipeline.accept({ topic: 'sales', partition: 0, records, highWatermark: BigInt(log.end) }, control);
  };
  return { pipeline, accept, committed };
};

describe('a partition whose last block was inserted and not committed', () => {
  it('is read again from its last record on, by which its end is committed although nothing new comes', async () => {
    const { pipeline, accept, committed } = await open({ start: 0, end: 20, committed: 15 });
    expect(pipeline.startOffset).toBe(19);
    await accept(19);
    expect(committed).toEqual([20n]);
    expect(pipeline.progress()).toMatchObject({ insertedTo: 20, stalledForMs: 0 });
    await accept(19);
    expect(committed).toEqual([20n]);
    await pipeline.end();
  });

  it.each([
    ['everything is committed', { start: 0, end: 20, committed: 20 }],
    ['Kafka has no record before it', { start: 20, end: 25, committed: 15 }],
    ['its log ends before it, since the topic was made anew', { start: 0, end: 19, committed: 0 }],
  ])('is read from its next record on where %s', async (_when, log) => {
    const { pipeline } = await open(log);
    expect(pipeline.startOffset).toBe(20);
    await pipeline.end();
  });
});
