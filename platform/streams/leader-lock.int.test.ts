import { afterAll, beforeAll, expect, it } from 'vitest';
import { AssertionError } from '#platform/assert';
import { createLeaderLock } from '#platform/streams/leader-lock';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';

let scratch: ScratchDatabase;
beforeAll(async () => {
  scratch = await scratchDatabase([], 4);
});
afterAll(() => scratch.drop());

const lockFor = (name: string, verify = async (): Promise<void> => {}) =>
  createLeaderLock(testHost('test'), scratch.db, { name, verify });

const heldBy = async (): Promise<number[]> =>
  (
    await scratch.db.query<{ pid: number }>(
      "SELECT l.pid FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()",
    )
  ).rows.map(({ pid }) => pid);

it('one of two leads, and the other as soon as its connection is gone', async () => {
  const [first, second] = [lockFor('jobs'), lockFor('jobs')];
  const signal = new AbortController().signal;
  await first.acquire(signal);
  let secondLeads = false;
  const waiting = second.acquire(signal).then(() => {
    secondLeads = true;
  });
  const other = lockFor('other jobs');
  await other.acquire(signal);
  expect(secondLeads).toBe(false);
  await first.close();
  await waiting;
  expect(secondLeads).toBe(true);
  await Promise.all([second.close(), other.close()]);
});

it('a leader whose connection broke leads again, if nobody else does', async () => {
  const lock = lockFor('broken');
  await lock.acquire(new AbortController().signal);
  const [before] = await heldBy();
  await scratch.db.query('SELECT pg_terminate_backend($1)', [before]);
  await eventually(async () => {
    const [now] = await heldBy();
    return now !== undefined && now !== before;
  });
  await lock.close();
  await eventually(async () => (await heldBy()).length === 0);
});

it('a leader whose connection broke ends when another one has led in between', async () => {
  const fatal: unknown[] = [];
  const host = testHost('test', { onFatal: (error) => fatal.push(error) });
  const replaced = new AssertionError('no other process computes it');
  const lock = createLeaderLock(host, scratch.db, {
    name: 'replaced',
    verify: () => Promise.reject(replaced),
  });
  await lock.acquire(new AbortController().signal);
  expect(fatal).toEqual([]);
  await scratch.db.query('SELECT pg_terminate_backend($1)', [(await heldBy())[0]]);
  await eventually(() => fatal.includes(replaced));
  await lock.close();
});
