import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { OutgoingRecord } from '#platform/messaging/broker';
import { append } from '#platform/outbox/outbox';
import { createOutboxRelay, type OutboxRelay } from '#platform/outbox/relay';
import { inTransaction } from '#platform/postgres/transaction';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import { readSentUpToAge } from './sent-up-to.js';

let scratch: ScratchDatabase;
let relay: OutboxRelay | undefined;

beforeAll(async () => {
  scratch = await scratchDatabase(['platform/outbox/migrations']);
});
afterAll(() => scratch.drop());
afterEach(async () => {
  await relay?.stop();
  relay = undefined;
});

const startRelay = async (send: (records: readonly OutgoingRecord[]) => Promise<void>): Promise<void> => {
  relay = createOutboxRelay(testHost('sent-up-to-test'), scratch.db, { send });
  await relay.start();
};

const message = (text: string) => ({
  topic: 'things',
  key: text,
  value: Buffer.from(text),
  headers: { 'event-id': randomUUID(), 'correlation-id': text },
});

/** PostgreSQL shows a transaction a moment after it began, longer on a machine that is busy. */
const shownAfterMs = 20;

const nowOf = async (): Promise<number> => {
  const { rows } = await scratch.db.query<{ now: number }>(
    'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now WHERE $1',
    [true],
  );
  return rows[0]?.now ?? Number.NaN;
};

/** Up to when all is sent, by PostgreSQL's clock: not later than it was. */
const sentUpTo = async (): Promise<number> => {
  const askedAtMs = await nowOf();
  return askedAtMs - (await readSentUpToAge(scratch.db));
};

describe('up to when an outbox has sent all', () => {
  test('is now while nothing runs and nothing waits', async () => {
    const before = await nowOf();
    await eventually(async () => expect(await sentUpTo()).toBeGreaterThanOrEqual(before));
  });

  test('stands still at the beginning of a transaction, and then at its row, until Kafka has it', async () => {
    const release = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<number>();
    const before = await nowOf();
    const running = inTransaction(scratch.db, async (tx) => {
      await tx.query('SELECT $1::int', [1]);
      begun.resolve(await nowOf());
      await release.promise;
      await append(tx, [message('slow')]);
    });
    const begunBy = await begun.promise;
    await sleep(20);
    const during = await sentUpTo();
    expect(during).toBeGreaterThanOrEqual(before - 1_000);
    expect(during).toBeLessThanOrEqual(begunBy);
    release.resolve();
    await running;
    const committedBy = await nowOf();
    await sleep(20);
    expect(await sentUpTo()).toBeLessThanOrEqual(committedBy);
    await startRelay(async () => {});
    await eventually(async () => expect(await sentUpTo()).toBeGreaterThan(committedBy));
  });

  test('is never later than a transaction whose rows Kafka gets afterwards', async () => {
    const arrived = new Set<string>();
    await startRelay(async (records) => {
      await sleep(Math.random() * 10);
      for (const { value } of records) arrived.add(String(value));
    });
    const beganAt = new Map<string, number>();
    const readings: { at: number; had: ReadonlySet<string> }[] = [];
    let isWriting = true;
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; n < 40; n += 1) {
        const text = `${writer}-${n}`;
        await inTransaction(scratch.db, async (tx) => {
          const { rows } = await tx.query<{ began: number }>(
            'SELECT extract(epoch FROM now())::float8 * 1000 AS began WHERE $1',
            [true],
          );
          beganAt.set(text, rows[0]?.began ?? Number.NaN);
          await sleep(Math.random() * 60);
          await append(tx, [message(text)]);
        });
      }
    };
    const read = async (): Promise<void> => {
      while (isWriting) {
        const at = await sentUpTo();
        readings.push({ at, had: new Set(arrived) });
      }
    };
    const reading = read();
    await Promise.all([0, 1, 2, 3].map(write));
    isWriting = false;
    await reading;
    await eventually(() => arrived.size >= 160);
    const lies = readings.flatMap(({ at, had }) =>
      [...beganAt]
        .filter(([text, began]) => began < at - shownAfterMs && !had.has(text))
        .map(([text]) => text),
    );
    expect(readings.length).toBeGreaterThan(20);
    expect(lies).toEqual([]);
  });
});
