import type pg from 'pg';
import { expect, test } from 'vitest';
import type { Queryable } from '#platform/postgres/pool';
import { createKnownWait } from '#platform/postgres/replica';
import { eventually } from '#platform/testing/eventually';

/** A copy that has these ids, and what it was asked for, statement by statement. */
const copyOf = (ids: string[]) => {
  const has = new Set(ids);
  const statements: string[][] = [];
  let failure: Error | undefined;
  const query = async (_text: string, values: readonly unknown[] = []) => {
    const asked = values[0] as string[];
    statements.push(asked);
    if (failure !== undefined) throw failure;
    return { rows: asked.filter((id) => has.has(id)).map((id) => ({ id })) } as unknown as pg.QueryResult;
  };
  const awaitKnown = createKnownWait({ query: query as Queryable['query'] }, { table: 'things', id: 'id' });
  const fail = (error: Error | undefined): void => {
    failure = error;
  };
  return { has, statements, fail, awaitKnown };
};
const turn = (): Promise<unknown> => new Promise(setImmediate);
const waitMs = 60_000;

test('all who wait share one statement a look, whenever they have come', async () => {
  const { has, statements, awaitKnown } = copyOf([]);
  const ids = Array.from({ length: 100 }, (_, n) => `thing-${n}`);
  const waiting: Promise<void>[] = [];
  for (const id of ids) {
    waiting.push(awaitKnown([id], waitMs));
    await turn();
  }
  await eventually(() => statements.at(-1)?.length === ids.length);
  const looks = statements.length;
  await eventually(() => statements.length >= looks + 4);
  expect(statements.slice(looks).map(({ length }) => length)).toEqual(
    statements.slice(looks).map(() => ids.length),
  );
  for (const id of ids) has.add(id);
  await Promise.all(waiting);
});

test('a thing that arrives is seen at the next look, and ends the wait of those who lack nothing else', async () => {
  const { has, statements, awaitKnown } = copyOf(['known']);
  const ended: string[] = [];
  const first = awaitKnown(['known', 'one'], waitMs).then(() => ended.push('first'));
  const second = awaitKnown(['one', 'two'], waitMs).then(() => ended.push('second'));
  await eventually(() => statements.length >= 2);
  has.add('one');
  const looks = statements.length;
  await first;
  expect(statements.length).toBe(looks + 1);
  expect(ended).toEqual(['first']);
  await eventually(() => statements.length > looks + 1);
  // It loses nothing, so what it was seen to have is not asked for again.
  expect(statements.at(-1)).toEqual(['two']);
  has.add('two');
  await second;
  await awaitKnown(['known', 'one', 'two'], waitMs);
  expect(statements.at(-1)).toEqual(['two']);
});

test('nobody waits for longer than said, nor behind a hundred others', async () => {
  const { has, statements, awaitKnown } = copyOf([]);
  await awaitKnown(['a'], 0);
  await awaitKnown(['a'], 30);
  const ids = Array.from({ length: 100 }, (_, n) => `thing-${n}`);
  const waiting = ids.map((id) => awaitKnown([id], waitMs));
  await eventually(() => statements.at(-1)?.length === ids.length);
  const looks = statements.length;
  await eventually(() => statements.length > looks);
  await awaitKnown(['a'], waitMs);
  for (const id of ids) has.add(id);
  await Promise.all(waiting);
});

test('a look that fails fails those who wait for it, and none of their places is lost', async () => {
  const { has, statements, fail, awaitKnown } = copyOf([]);
  for (let round = 0; round < 2; round += 1) {
    const looks = statements.length;
    const waiting = Array.from({ length: 100 }, () => awaitKnown(['a'], waitMs));
    const outcomes = Promise.allSettled(waiting);
    await eventually(() => statements.length > looks + 2);
    fail(new Error('away'));
    expect(new Set((await outcomes).map(({ status }) => status))).toEqual(new Set(['rejected']));
    fail(undefined);
  }
  has.add('a');
  await awaitKnown(['a'], waitMs);
});
