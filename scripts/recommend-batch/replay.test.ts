import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replay } from './replay.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cartstream-replay-'));
});
afterAll(() => rm(folder, { recursive: true }));

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const view = (visitId: string, productId: string, minute: number) =>
  JSON.stringify({ type: 'product_viewed', visitId, productId, occurredAt: at(minute) });

const run = async (events: string[], queries: string[], products?: string[]) => {
  const files = {
    events: join(folder, 'events.ndjson'),
    queries: join(folder, 'queries.ndjson'),
    out: join(folder, 'out.ndjson'),
    ...(products === undefined ? {} : { products: join(folder, 'products.ndjson') }),
  };
  await writeFile(files.events, events.join('\n'));
  await writeFile(files.queries, queries.join('\r\n'));
  if (files.products !== undefined) await writeFile(files.products, products?.join('\n') ?? '');
  const problems: string[] = [];
  const done = await replay(files, (problem) => problems.push(problem.replace(`${folder}/`, '')));
  const lines = (await readFile(files.out, 'utf8')).split('\n').filter((line) => line !== '');
  return {
    done,
    problems,
    answers: lines.map((line) => JSON.parse(line) as { queryId: string; items: string[] }),
  };
};

describe('recommend:batch', () => {
  it('answers each query from the events before its time', async () => {
    const ask = (queryId: string, minute: number) =>
      JSON.stringify({ queryId, at: at(minute), scenario: 'home', limit: 5 });
    const { answers, done, problems } = await run(
      [view('a', 'first', 1), view('b', 'second', 3), view('b', 'third', 5)],
      [ask('none', 1), ask('one', 2), ask('same-minute', 3), ask('two', 4)],
    );
    expect(answers.map(({ queryId, items }) => [queryId, items.toSorted()])).toEqual([
      ['none', []],
      ['one', ['first']],
      ['same-minute', ['first']],
      ['two', ['first', 'second']],
    ]);
    expect({ ...done, problems }).toEqual({ learned: 2, answered: 4, problems: [] });
  });

  it('learns an event once that was sent again under its id', async () => {
    const named = (visitId: string | undefined, minute: number) => {
      const event = { type: 'product_viewed', visitId, userId: 'u', productId: 'p', eventId: '1' };
      return JSON.stringify({ ...event, occurredAt: at(minute) });
    };
    const ask = JSON.stringify({ queryId: 'q', at: at(9), scenario: 'home' });
    const events = [named('a', 1), named('a', 2), view('a', 'p', 3), view('a', 'p', 4)];
    expect((await run(events, [ask])).done).toEqual({ learned: 3, answered: 1 });
    const ofOthers = [named('a', 1), named('b', 2), named(undefined, 3), named(undefined, 4)];
    expect((await run(ofOthers, [ask])).done).toEqual({ learned: 3, answered: 1 });
  });

  it('reports lines that it cannot read with their numbers, and goes on', async () => {
    const { answers, problems } = await run(
      [
        '{"type":"product_viewed"',
        view('a', 'first', 1),
        '[]',
        JSON.stringify({ type: 'order_placed', productIds: 'first', occurredAt: at(1) }),
        JSON.stringify({ type: 'product_viewed', visitId: 'a', productId: 'x', occurredAt: 'yesterday' }),
        JSON.stringify({ type: '__proto__' }),
        JSON.stringify({ type: 'products_searched', visitId: 'a', query: 'q', occurredAt: at(1) }),
        view('a', 'second', 2),
      ],
      [
        JSON.stringify({ queryId: 'bad', at: at(9), scenario: 'nothing' }),
        '',
        JSON.stringify({ queryId: 'good', at: at(9), scenario: 'home' }),
      ],
    );
    expect(answers.map(({ queryId, items }) => [queryId, items.length])).toEqual([['good', 2]]);
    expect(problems.map((problem) => problem.split(': ')[0]).toSorted()).toEqual([
      'events.ndjson:1',
      'events.ndjson:3',
      'events.ndjson:4',
      'events.ndjson:5',
      'events.ndjson:6',
      'queries.ndjson:1',
    ]);
  });

  it('shows only products of the file, where there is one', async () => {
    const { answers } = await run(
      [view('a', 'first', 1), view('a', 'gone', 2)],
      [JSON.stringify({ queryId: 'q', at: at(9), scenario: 'home' })],
      [JSON.stringify({ id: 'first', name: 'A lamp' }), JSON.stringify({ id: 'fresh', name: 'A chair' })],
    );
    expect(answers[0]?.items.toSorted()).toEqual(['first', 'fresh']);
  });
});
