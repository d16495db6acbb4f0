import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { firstTime, prune } from '#platform/inbox/inbox';
import { inTransaction } from '#platform/postgres/transaction';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';

let scratch: ScratchDatabase;

beforeAll(async () => {
  scratch = await scratchDatabase(['platform/inbox/migrations']);
});
afterAll(() => scratch.drop());
beforeEach(async () => {
  await scratch.db.query('TRUNCATE inbox');
});

const see = (consumer: string, ids: string[]) =>
  inTransaction(scratch.db, async (tx) => [...(await firstTime(tx, consumer, ids))].sort());

test('an event is new once for each consumer, and once within one call', async () => {
  expect(await see('a', ['1', '2', '2'])).toEqual(['1', '2']);
  expect(await see('a', ['2', '3'])).toEqual(['3']);
  expect(await see('b', ['2'])).toEqual(['2']);
  expect(await see('a', [])).toEqual([]);
});

test('an event whose transaction rolled back is new again', async () => {
  const rolledBack = inTransaction(scratch.db, async (tx) => {
    await firstTime(tx, 'a', ['1']);
    throw new Error('no');
  });
  await expect(rolledBack).rejects.toThrow('no');
  expect(await see('a', ['1'])).toEqual(['1']);
});

test('of many transactions at once one finds an event new, whatever the order they name them in', async () => {
  const ids = Array.from({ length: 50 }, (_, index) => String(index));
  const found = await Promise.all(
    Array.from({ length: 10 }, (_, index) => see('a', index % 2 === 0 ? ids : [...ids].reverse())),
  );
  expect(found.flat().sort()).toEqual([...ids].sort());
});

test('all that is older than asked is forgotten, a bounded number at a time', async () => {
  await see('a', ['1', '2', '3', '4']);
  await scratch.db.query("UPDATE inbox SET seen_at = now() - interval '1 hour' WHERE event_id <> '4'");
  const halfAnHourAgo = Date.now() - 30 * 60 * 1000;
  expect(await prune(scratch.db, halfAnHourAgo, { rowsMax: 2 })).toBe(3);
  expect(await prune(scratch.db, halfAnHourAgo, { rowsMax: 2 })).toBe(0);
  expect(await see('a', ['4'])).toEqual([]);
});
