import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { PlatformError } from '#platform/errors';
import type { ReceivedEvent } from '#platform/messaging/events';
import { createReactionTransactions, type Item } from '#platform/messaging/reaction-transactions';
import { createTrials } from '#platform/messaging/trials';
import { writeBatch } from '#platform/postgres/gathering';
import type { Tx } from '#platform/postgres/transaction';
import { answeringPool } from '#platform/testing/answering-pool';
import { testHost } from '#platform/testing/test-host';

/** As the server refuses a number that its column cannot hold. */
const outOfRange = (): pg.DatabaseError =>
  Object.assign(new pg.DatabaseError('out of range', 1, 'error'), { code: '22003' });

const db = answeringPool(async (_text, values) => {
  if (JSON.stringify(values).includes('too large')) throw outOfRange();
  return [];
});
const storeAll = writeBatch<string>((tx, keys) => tx.query('STORE', [keys]));

/** Events of one partition by their keys; their offsets are 1, 2, … */
const eventsOf = (partition: number, ...keys: string[]): Item[] =>
  keys.map((key, n) => {
    const at = { topic: 't', partition, offset: BigInt(n + 1) };
    const event = { ...at, type: 'T', key, value: key, eventId: `${partition}@${n + 1}`, occurredAt: 0 };
    const record = { key: null, value: null, headers: {}, rawHeaders: [], offset: at.offset, timestampMs: 0 };
    return {
      event: { ...event, correlationId: 'c', causationId: undefined, traceparent: undefined },
      record,
    };
  });

/** Hands in all partitions at once; says what was parked, and what each partition was told. */
const handled = async (
  partitions: readonly Item[][],
  react: (tx: Tx, event: ReceivedEvent) => Promise<void>,
): Promise<{ parked: string[]; outcomes: unknown[]; triesOf: (key: string) => number }> => {
  const parked: string[] = [];
  const reacted: string[] = [];
  const park = async (letter: { partition: number; record: { offset: bigint } }): Promise<void> => {
    parked.push(`${letter.partition}@${letter.record.offset}`);
  };
  const transactions = createReactionTransactions({
    db,
    group: 'g',
    eventsMax: 200,
    yieldMs: 0,
    trials: createTrials({ park }, 'g'),
    logger: testHost().logger,
    needsInbox: () => false,
    react: (tx, event) => {
      reacted.push(event.key);
      return react(tx, event);
    },
  });
  const outcomes = await Promise.all(
    partitions.map((items) =>
      transactions.handle(items).then(
        () => 'handled',
        (error: PlatformError) => error.code,
      ),
    ),
  );
  return { parked, outcomes, triesOf: (key) => reacted.filter((each) => each === key).length };
};

describe('a statement for many events that fails', () => {
  const store = (tx: Tx, event: ReceivedEvent) => tx.gather(storeAll, event.key);

  test('parks the event that cannot be stored, and none of the innocent ones beside it', async () => {
    const { parked, outcomes } = await handled([eventsOf(0, 'a', 'too large', 'c')], store);
    expect({ parked, outcomes }).toEqual({ parked: ['0@2'], outcomes: ['handled'] });
  });

  test('does so wherever in its partitions it stands', async () => {
    const { parked, outcomes } = await handled(
      [eventsOf(0, 'a', 'b'), eventsOf(1, 'c', 'd', 'too large'), eventsOf(2, 'e')],
      store,
    );
    expect({ parked, outcomes }).toEqual({ parked: ['1@3'], outcomes: ['handled', 'handled', 'handled'] });
  });
});

describe('the trouble of one partition', () => {
  test('does not hold another that shared its transaction, and counts as its own first try', async () => {
    const react = async (_tx: Tx, { key }: ReceivedEvent): Promise<void> => {
      if (key === 'early') throw new PlatformError('not_yet_known', 'not yet', { retriable: true });
    };
    const { parked, outcomes, triesOf } = await handled([eventsOf(0, 'a'), eventsOf(1, 'early')], react);
    expect({ parked, outcomes }).toEqual({ parked: [], outcomes: ['handled', 'not_yet_known'] });
    expect(triesOf('early')).toBe(1);
  });
});
