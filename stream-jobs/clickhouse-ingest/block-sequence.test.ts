import { describe, expect, it } from 'vitest';
import { handClock } from '#platform/testing/hand-clock';
import { createAssignment } from './assignment.js';
import type { InsertContext } from './block-insert.js';
import { BlockSequence } from './block-sequence.js';
import { type Feed, feeds } from './feeds.js';
import { createInFlight } from './in-flight.js';
import type { RecordInPlace } from './record-in-place.js';
import type { RowTreatment } from './treatments.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;
const datumBytes = 100;

const recordAt = (offset: number): RecordInPlace => ({
  offset,
  timestampMs: 0,
  bytes: Buffer.alloc(0),
  valueStart: 0,
  // Behind the magic byte and the schema id.
  valueEnd: 5 + datumBytes,
  record: () => {
    throw new Error('a row needs no object');
  },
});

const row: RowTreatment = {
  kind: 'row',
  partId: 1,
  walk: () => 0,
  openRows: () => ({ columns: [], rows: 1, append: () => {} }),
  event: null,
  brokenRule: () => '',
  eventId: () => '',
};

/** A sequence whose blocks close only when a test says so. */
const setUp = () => {
  const inFlight = createInFlight(1_000, 1);
  const assignment = createAssignment({ topic: sales.topic, partition: 0 });
  const sequence = new BlockSequence({
    start: { nextOffset: 5, replay: null },
    assignment,
    gathering: null,
    rule: { isFull: () => false, restMs: () => 60_000 },
    context: { feed: sales, partition: 0, inFlight, clock: handClock() } as unknown as InsertContext,
    onFatal: (error) => {
      throw error;
    },
  });
  const add = (...offsets: number[]) => {
    for (const offset of offsets) sequence.add(recordAt(offset), row);
  };
  return { sequence, inFlight, assignment, add };
};

describe('the bytes of a partition that others wait for', () => {
  it('are those of its growing block', () => {
    const { inFlight, add } = setUp();
    add(5, 6, 7);
    expect(inFlight.bytes).toBe(3 * datumBytes);
  });

  it('are free again when it ends before the block is inserted', async () => {
    const { sequence, inFlight, assignment, add } = setUp();
    add(5, 6, 7);
    assignment.end();
    await sequence.end();
    expect(inFlight.bytes).toBe(0);
    expect(sequence.insertedTo).toBe(5);
  });
});
