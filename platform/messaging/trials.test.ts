import { describe, expect, test } from 'vitest';
import { assert } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type { IncomingRecord } from '#platform/messaging/broker';
import { createTrials } from '#platform/messaging/trials';

const at = { topic: 't', partition: 0 };
const recordAt = (offset: number): IncomingRecord => ({
  key: null,
  value: null,
  headers: {},
  rawHeaders: [],
  offset: BigInt(offset),
  timestampMs: 0,
});
const passing = new PlatformError('broker_unavailable', 'away', { retriable: true });
const lasting = new PlatformError('datum_meaningless', 'nonsense', { retriable: false });
const bug = new TypeError('a bug');

/** Trials whose parked records are noted as `offset after attempts`; the topic may refuse them. */
const trialsOf = () => {
  const parked: string[] = [];
  const topic = { refusal: undefined as Error | undefined };
  const park = async ({ record, attempts }: { record: IncomingRecord; attempts: number }): Promise<void> => {
    if (topic.refusal !== undefined) throw topic.refusal;
    parked.push(`${record.offset} after ${attempts}`);
  };
  return { trials: createTrials({ park }, 'g'), parked, topic };
};

describe('a record that cannot be handled', () => {
  test('is parked once, however often its batch is delivered again, until its partition has moved past it', async () => {
    const { trials, parked } = trialsOf();
    for (let delivery = 0; delivery < 3; delivery += 1)
      expect(await trials.park(at, recordAt(4), lasting)).toBe(true);
    expect(parked).toEqual(['4 after 1']);
    expect(trials.isParked(at, recordAt(4))).toBe(true);
    trials.movedTo(at, 4n);
    expect(trials.isParked(at, recordAt(4))).toBe(true);
    trials.movedTo(at, 5n);
    expect(trials.isParked(at, recordAt(4))).toBe(false);
  });

  test('is tried three times where it may be a matter of timing, and holds its partition meanwhile', async () => {
    const { trials, parked } = trialsOf();
    for (const tries of [1, 2]) {
      expect(await trials.park(at, recordAt(4), bug)).toBe(false);
      expect(trials.failuresOf(at, recordAt(4))).toBe(tries);
      expect(trials.heldBy(at)).toBe(4n);
    }
    expect(await trials.park(at, recordAt(4), bug)).toBe(true);
    expect(trials.heldBy(at)).toBeUndefined();
    expect(parked).toEqual(['4 after 3']);
  });

  test('is never parked for a fault that passes, nor for a broken invariant', async () => {
    const { trials, parked } = trialsOf();
    let broken: unknown;
    try {
      assert(false, 'never');
    } catch (error) {
      broken = error;
    }
    for (const error of [passing, passing, passing, passing, broken])
      expect(await trials.park(at, recordAt(4), error)).toBe(false);
    expect(trials.failuresOf(at, recordAt(4))).toBe(5);
    // What did not count is not counted later.
    expect(await trials.park(at, recordAt(4), bug)).toBe(false);
    expect(parked).toEqual([]);
  });

  test('is not taken for parked when the dead-letter topic has refused it', async () => {
    const { trials, parked, topic } = trialsOf();
    topic.refusal = passing;
    await expect(trials.park(at, recordAt(4), lasting)).rejects.toThrow('away');
    expect(trials.isParked(at, recordAt(4))).toBe(false);
    topic.refusal = undefined;
    expect(await trials.park(at, recordAt(4), lasting)).toBe(true);
    expect(parked).toEqual(['4 after 2']);
  });

  test('says nothing about another record, or another partition', async () => {
    const { trials } = trialsOf();
    await trials.park(at, recordAt(4), lasting);
    await trials.park(at, recordAt(5), bug);
    expect(trials.isParked(at, recordAt(5))).toBe(false);
    const other = { topic: 't', partition: 1 };
    expect([trials.isParked(other, recordAt(4)), trials.failuresOf(other, recordAt(5))]).toEqual([false, 0]);
    trials.movedTo(at, 5n);
    expect([trials.failuresOf(at, recordAt(5)), trials.heldBy(at)]).toEqual([1, 5n]);
  });
});
