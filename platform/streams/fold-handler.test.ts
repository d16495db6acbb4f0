import { describe, expect, test } from 'vitest';
import { assert } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import type { BatchControl, IncomingRecord, RecordBatch } from '#platform/messaging/broker';
import type { DeadLetter } from '#platform/messaging/dead-letter';
import type { EventReader } from '#platform/messaging/events';
import { createTrials } from '#platform/messaging/trials';
import { createFoldHandler, type StreamFold } from '#platform/streams/fold-handler';
import type { StateStore } from '#platform/streams/state-store';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';

const at = { topic: 'things', partition: 0 };
const nowMs = Date.UTC(2026, 5, 1);

const thing = (offset: number, name: string, eventId?: string): IncomingRecord => ({
  key: null,
  value: Buffer.from(name),
  rawHeaders: [],
  headers: eventId === undefined ? {} : { 'event-id': eventId },
  offset: BigInt(offset),
  timestampMs: nowMs,
});
const poison = (offset: number): IncomingRecord => thing(offset, 'poison');

/** The event of a record is its text; one that says `poison` is no event. */
const reader: Pick<EventReader, 'prepare' | 'read'> = {
  prepare: async () => {},
  read: async ({ topic, partition }, record) => {
    const text = String(record.value);
    if (text === 'poison') throw new PlatformError('datum_malformed', 'poison', { retriable: false });
    return {
      type: 'Thing',
      value: text,
      key: '',
      eventId: 'e',
      correlationId: 'c',
      causationId: undefined,
      traceparent: undefined,
      occurredAt: record.timestampMs,
      topic,
      partition,
      offset: record.offset,
    };
  },
};

type Counts = ReadonlyMap<string, number>;
type Counted = StateStore<Counts> & { counts(): Record<string, number> };

/** How often each thing was seen, in this process. */
const countedState = (): Counted => {
  const counts = new Map<string, number>();
  let place = 0n;
  return {
    apply: async (changes, { from, to }) => {
      if (from !== place) return 'stale';
      place = to;
      for (const [name, count] of changes) counts.set(name, (counts.get(name) ?? 0) + count);
      return 'applied';
    },
    nextOffset: async () => place,
    counts: () => Object.fromEntries(counts),
  };
};

const counting: StreamFold<string, Counts, Counted> = {
  inputOf: ({ value }) => (value === 'nothing' ? null : (value as string)),
  changesOf: async (_state, names) => {
    const counts = new Map<string, number>();
    for (const name of names) {
      if (name === 'bug') throw new TypeError('cannot read properties of undefined');
      assert(name !== 'broken', 'no thing is broken');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  },
};

const setUp = (state: Counted = countedState()) => {
  const parked: DeadLetter[] = [];
  const commits: bigint[] = [];
  const soon: bigint[] = [];
  const control: BatchControl = {
    commit: async (nextOffset) => {
      commits.push(nextOffset);
    },
    commitSoon: (nextOffset) => {
      soon.push(nextOffset);
    },
    heartbeat: async () => {},
    isStale: () => false,
  };
  const trials = createTrials({ park: async (letter) => void parked.push(letter) }, 'test');
  const handler = createFoldHandler(
    { metrics: testHost().metrics, clock: handClock(nowMs) },
    {
      job: 'test',
      fold: counting,
      state: async () => state,
      reader,
      trials,
      repeatsOn: () => ({ idsMax: 4, recordsMax: 8, mayRepeat: (id) => !id.startsWith('new') }),
      limits: { recordsPerApplyMax: 2, rereadPerPartitionMax: 10 },
    },
  );
  const handle = (...records: IncomingRecord[]): Promise<void> =>
    handler.handle({ ...at, records, highWatermark: 100n } satisfies RecordBatch, control);
  return { handler, handle, parked, commits, soon, state };
};

describe('a record', () => {
  test('counts across transactions, and the group commits what the state has', async () => {
    const { handle, commits, soon, state } = setUp();
    await handle(thing(0, 'a'), thing(1, 'nothing'), thing(2, 'a'));
    expect(commits).toEqual([]);
    expect([state.counts(), soon, await state.nextOffset(at.topic, 0)]).toEqual([{ a: 2 }, [3n], 3n]);
  });

  test('that is delivered again counts once, also when only the tail is new', async () => {
    const { handle, state } = setUp();
    await handle(thing(0, 'a'), thing(1, 'b'));
    await handle(thing(0, 'a'), thing(1, 'b'));
    await handle(thing(0, 'a'), thing(1, 'b'), thing(2, 'c'));
    expect(state.counts()).toEqual({ a: 1, b: 1, c: 1 });
  });

  test('counts once when its changes were applied but the answer was lost', async () => {
    const kept = countedState();
    let isAnswerLost = true;
    const { handle } = setUp({
      ...kept,
      apply: async (changes, progress) => {
        const outcome = await kept.apply(changes, progress);
        if (!isAnswerLost) return outcome;
        isAnswerLost = false;
        throw new PlatformError('redis_unavailable', 'connection lost', { retriable: true });
      },
    });
    const batch = [thing(0, 'a'), thing(1, 'b'), thing(2, 'c')];
    await expect(handle(...batch)).rejects.toThrow('connection lost');
    await handle(...batch);
    expect(kept.counts()).toEqual({ a: 1, b: 1, c: 1 });
  });
});

describe('an event that an outbox relay sends twice', () => {
  const sentTwice = [thing(0, 'a', '1'), thing(1, 'b', '2'), thing(2, 'a', '1'), thing(3, 'b', '2')];

  test('counts once', async () => {
    const { handle, state, soon } = setUp();
    await handle(...sentTwice);
    expect([state.counts(), soon]).toEqual([{ a: 1, b: 1 }, [4n]]);
  });

  test('counts once also when the job was restarted in between', async () => {
    const before = setUp();
    await before.handle(...sentTwice.slice(0, 2));
    const after = setUp(before.state);
    expect(await after.handler.startFrom(at, async () => ({ low: 0n, high: 4n, committed: 2n }))).toBe(0n);
    await after.handle(...sentTwice);
    expect([before.state.counts(), await before.state.nextOffset(at.topic, 0)]).toEqual([{ a: 1, b: 1 }, 4n]);
  });
});

describe('an event that a client sends twice under its own name', () => {
  /** Between the two lie more events than ids are kept, none of which may come again. */
  const others = [1, 2, 3, 4, 5, 6].map((nth) => thing(nth, 'b', `new-${nth}`));
  const sentTwice = [thing(0, 'a', 'named'), ...others, thing(7, 'a', 'named')];

  test('counts once, however many others lie between that nobody can send again', async () => {
    const { handle, state } = setUp();
    await handle(...sentTwice);
    expect(state.counts()).toEqual({ a: 1, b: 6 });
  });

  test('counts once also when the job was restarted in between', async () => {
    const before = setUp();
    await before.handle(...sentTwice.slice(0, 7));
    const after = setUp(before.state);
    const from = await after.handler.startFrom(at, async () => ({ low: 0n, high: 8n, committed: 7n }));
    await after.handle(...sentTwice.slice(Number(from)));
    expect(before.state.counts()).toEqual({ a: 1, b: 6 });
  });
});

describe('poison', () => {
  test('is parked, and the rest counts', async () => {
    const { handle, parked, state, commits, soon } = setUp();
    await handle(thing(0, 'a'), poison(1), thing(2, 'b'), thing(3, 'nothing'));
    expect(parked.map(({ record }) => record.offset)).toEqual([1n]);
    expect([state.counts(), await state.nextOffset(at.topic, 0)]).toEqual([{ a: 1, b: 1 }, 4n]);
    // Where it is parked is to be committed before anything can die, because it would be parked again.
    expect([commits, soon]).toEqual([[4n], []]);
  });

  test('is parked once, also when the log is folded again', async () => {
    const { handler, handle, parked } = setUp();
    await handler.startFrom(at, async () => ({ low: 0n, high: 3n, committed: 2n }));
    await handle(poison(0), poison(1), poison(2));
    expect(parked.map(({ record }) => record.offset)).toEqual([2n]);
  });

  test('is also what the fold fails on: found among its run, tried three times, parked', async () => {
    const { handle, parked, state } = setUp();
    const batch = [thing(0, 'a'), thing(1, 'bug'), thing(2, 'b')];
    await expect(handle(...batch)).rejects.toThrow(TypeError);
    await expect(handle(...batch)).rejects.toThrow(TypeError);
    await handle(...batch);
    expect(parked.map(({ record, attempts }) => [record.offset, attempts])).toEqual([[1n, 3]]);
    expect(state.counts()).toEqual({ a: 1, b: 1 });
  });

  test('is not what breaks an invariant: that is thrown on, and nothing is parked', async () => {
    const { handle, parked, commits, soon } = setUp();
    await expect(handle(thing(0, 'a'), thing(1, 'broken'))).rejects.toThrow('no thing is broken');
    expect([parked, commits, soon]).toEqual([[], [], []]);
  });
});

describe('the place to start from', () => {
  const log = (low: bigint, high: bigint) => async () => ({ low, high, committed: 0n });

  test('is a little before where the state ends, not before the log begins, and a bounded tail of it', async () => {
    const { handler, handle, state } = setUp();
    expect(await handler.startFrom(at, log(0n, 5n))).toBe(0n);
    expect(await handler.startFrom(at, log(3n, 5n))).toBe(3n);
    expect(await handler.startFrom(at, log(3n, 50n))).toBe(40n);
    await handle(thing(40, 'a'));
    expect(await setUp(state).handler.startFrom(at, log(3n, 50n))).toBe(33n);
    expect(await setUp(state).handler.startFrom(at, log(35n, 50n))).toBe(35n);
    // The consumer counts the records from here to the beginning of the log as lost.
    expect(await setUp(state).handler.startFrom(at, log(45n, 50n))).toBe(41n);
  });

  test('is none where the log has less than the state: it was made anew, and its records would be taken for known', async () => {
    const { handler, handle } = setUp();
    expect(await handler.startFrom(at, log(0n, 0n))).toBe(0n);
    await handle(thing(0, 'a'), thing(1, 'b'));
    expect(await handler.startFrom(at, log(0n, 2n))).toBe(2n);
    await expect(handler.startFrom(at, log(0n, 1n))).rejects.toMatchObject({
      code: 'state_ahead_of_log',
      retriable: false,
    });
  });

  test('is where the state ends as long as this process knows what lies before, also after many assignments', async () => {
    const before = setUp();
    await before.handle(...Array.from({ length: 20 }, (_, nth) => thing(nth, 'a', `${nth}`)));
    expect(await before.handler.startFrom(at, log(0n, 20n))).toBe(20n);
    const after = setUp(before.state);
    expect(await after.handler.startFrom(at, log(0n, 20n))).toBe(12n);
    await after.handle(thing(12, 'a', '12'), thing(13, 'a', '13'));
    // It was revoked before all of them were read again.
    expect(await after.handler.startFrom(at, log(0n, 20n))).toBe(12n);
    await after.handle(...Array.from({ length: 8 }, (_, nth) => thing(12 + nth, 'a', `${12 + nth}`)));
    expect(await after.handler.startFrom(at, log(0n, 20n))).toBe(20n);
    await after.handle(thing(20, 'a', '19'), thing(21, 'a', '21'));
    expect(before.state.counts()).toEqual({ a: 21 });
    // Another member had it meanwhile.
    expect(await before.handler.startFrom(at, log(0n, 22n))).toBe(14n);
    // And then again, although this one went on for a while.
    await before.handle(...Array.from({ length: 8 }, (_, nth) => thing(14 + nth, 'a', `${14 + nth}`)));
    await after.handle(...Array.from({ length: 8 }, (_, nth) => thing(22 + nth, 'a', `${22 + nth}`)));
    await before.handle(thing(22, 'a', '22'), thing(23, 'a', '23'));
    expect(await before.handler.startFrom(at, log(0n, 30n))).toBe(22n);
  });

  test('is unknown when the state this job began is gone: it crashes rather than go on with half of it', async () => {
    const { handle } = setUp({ ...countedState(), nextOffset: async () => null });
    await expect(handle(thing(0, 'a'))).rejects.toThrow('broken invariant');
  });
});
