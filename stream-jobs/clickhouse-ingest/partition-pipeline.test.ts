import { describe, expect, it } from 'vitest';
import type { BatchControl, IncomingRecord } from '#platform/messaging/broker';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import type { Ownership } from './block-claims.js';
import { type Feed, feeds } from './feeds.js';
import { createInFlight } from './in-flight.js';
import { repeated } from './intake.js';
import { type LogBounds, openPipeline, type PipelineDeps } from './partition-pipeline.js';
import { claimOfTen } from './testing/claim-of-ten.js';
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

/**
 * A partition whose table has the records before offset 20, and what is parked and committed when its pipeline is given a
 * batch. `newest` is its newest claim.
 */
const open = async (log: LogBounds, newest: Ownership['newest'] = null) => {
  const committed: bigint[] = [];
  const parked: bigint[] = [];
  const deps: PipelineDeps = {
    group: 'ingest',
    clickhouse: { insert: async () => {} },
    stored: {
      serverStartedAtMs: async () => 0,
      greatestOffset: async () => 19,
      offsets: async () => [],
      rowCount: async () => 0,
      eventIdsBefore: async () => [],
      mendRollups: async () => 0,
    },
    deadLetters: {
      park: async ({ record }) => {
        parked.push(record.offset);
      },
    },
    inFlight: createInFlight(1_000, 1),
    clock: handClock(),
    logger: testLogger('ingest'),
    limits: { blockBytesMax: 1_000, blockRowsMax: 10, backlogBlockWaitMs: 60_000 },
    lostRanges: { logStartOf: async () => log.start, note: async () => {} },
    onIngested: () => {},
    onDifference: () => {},
    onFatal: (error) => {
      throw error;
    },
  };
  const ownership = {
    newest,
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
  return { pipeline, accept, committed, parked };
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

it('a partition whose log is shorter than what its table has is held until somebody has acted', async () => {
  const { pipeline, accept } = await open({ start: 0, end: 19, committed: 0 });
  await expect(accept(18)).rejects.toMatchObject({
    code: 'state_ahead_of_log',
    message: expect.stringContaining('the table sales took 20 records of sales/0, which has 19'),
    retriable: true,
  });
  await pipeline.end();
});

describe('a block that is built again', () => {
  it('has its poison parked again, which may not have been parked before, and not what it left out as a repeat', async () => {
    const newest = {
      ...claimOfTen(0),
      firstOffset: 20,
      lastOffset: 21,
      rows: 0,
      schemaIds: [],
      excluded: [
        { offset: 20, reason: 'datum_malformed', detail: 'cut short' },
        { offset: 21, reason: repeated, detail: '' },
      ],
    };
    const { pipeline, accept, committed, parked } = await open({ start: 0, end: 22, committed: 20 }, newest);
    await accept(20, 21);
    await pipeline.drained();
    expect(parked).toEqual([20n]);
    expect(committed).toEqual([22n]);
    await pipeline.end();
  });
});
