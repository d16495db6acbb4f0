import { expect, it } from 'vitest';
import { PlatformError } from '#platform/errors';
import { handClock } from '#platform/testing/hand-clock';
import { createAnswers } from './answers.js';
import { costLimits, withinCost } from './clickhouse-calls.js';
import { createFigures } from './figures.js';
import { gatheredFrom } from './gathered-rows.js';

/** A ClickHouse that answers when the test says so. */
const slowClickHouse = () => {
  const asked: { sql: string; answer(rows: object[]): void; fail(): void }[] = [];
  const query = <Row>(sql: string): Promise<Row[]> =>
    new Promise((resolve, reject) => {
      asked.push({ sql, answer: (rows) => resolve(rows as Row[]), fail: () => reject(new Error('away')) });
    });
  return {
    asked,
    query,
    ask: async <Row>(statementOf: () => Promise<{ sql: string }>): Promise<Row[]> =>
      query<Row>((await statementOf()).sql),
  };
};

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

const setUp = () => {
  const clickhouse = slowClickHouse();
  const clock = handClock();
  let version = 0;
  const read = async () => ({ asOfMs: clock.nowMs() - 1_000, lagMs: 1_000, version: String(version) });
  const answers = createAnswers({ clickhouse, completeness: { read }, clock });
  return {
    clickhouse,
    clock,
    ask: () => answers.of({ sql: 'SELECT 1', params: {} }),
    change: () => {
      version += 1;
    },
  };
};

it('joins those who ask while the data changes to the statement that runs', async () => {
  const { clickhouse, clock, ask, change } = setUp();
  const first = ask();
  await settled();
  const askedAtMs = clock.nowMs();
  change();
  clock.advanceMs(3_000);
  const second = ask();
  await settled();
  expect(clickhouse.asked).toHaveLength(1);
  clickhouse.asked[0]?.answer([{ n: 1 }]);
  for (const { rows, reading } of await Promise.all([first, second])) {
    expect(rows).toEqual([{ n: 1 }]);
    // What was complete when it was asked, and no more.
    expect(reading).toMatchObject({ asOfMs: askedAtMs - 1_000, lagMs: 4_000 });
  }
});

it('serves a slow answer for twice the time that it took, and then asks again', async () => {
  const { clickhouse, clock, ask, change } = setUp();
  const first = ask();
  await settled();
  clock.advanceMs(400);
  clickhouse.asked[0]?.answer([]);
  await first;
  change();
  clock.advanceMs(300);
  await ask();
  expect(clickhouse.asked).toHaveLength(1);
  clock.advanceMs(200);
  const later = ask();
  await settled();
  expect(clickhouse.asked).toHaveLength(2);
  clickhouse.asked[1]?.answer([{ n: 2 }]);
  expect((await later).rows).toEqual([{ n: 2 }]);
});

it('serves an answer of the same version while it is asked for again, and what that gives from then on', async () => {
  const { clickhouse, clock, ask } = setUp();
  const first = ask();
  await settled();
  clickhouse.asked[0]?.answer([{ name: 'Lamp' }]);
  await first;
  clock.advanceMs(1_500);
  for (let n = 0; n < 3; n += 1) expect((await ask()).rows).toEqual([{ name: 'Lamp' }]);
  expect(clickhouse.asked).toHaveLength(2);
  clickhouse.asked[1]?.fail();
  await settled();
  expect((await ask()).rows).toEqual([{ name: 'Lamp' }]);
  expect(clickhouse.asked).toHaveLength(3);
  clickhouse.asked[2]?.answer([{ name: 'Lantern' }]);
  await settled();
  expect((await ask()).rows).toEqual([{ name: 'Lantern' }]);
  expect(clickhouse.asked).toHaveLength(3);
  // One that could not be asked for again, or that nobody wanted for long, does not serve for ever.
  clock.advanceMs(11_000);
  const late = ask();
  await settled();
  clickhouse.asked[3]?.answer([]);
  expect((await late).rows).toEqual([]);
});

it('does not go back to an older answer that took longer than the one after it', async () => {
  const { clickhouse, clock, ask, change } = setUp();
  const first = ask();
  await settled();
  clickhouse.asked[0]?.answer([{ name: 'Lamp' }]);
  await first;
  clock.advanceMs(1_500);
  await ask();
  change();
  const changed = ask();
  await settled();
  clickhouse.asked[2]?.answer([{ name: 'Lantern' }]);
  expect((await changed).rows).toEqual([{ name: 'Lantern' }]);
  clock.advanceMs(400);
  clickhouse.asked[1]?.answer([{ name: 'Lamp' }]);
  await settled();
  expect((await ask()).rows).toEqual([{ name: 'Lantern' }]);
  expect(clickhouse.asked).toHaveLength(3);
});

it('asks what reads sums apart from what reads raw rows', async () => {
  const [raw, sums] = [slowClickHouse(), slowClickHouse()];
  const completeness = { read: async () => ({ asOfMs: 0, lagMs: 0, version: '1' }) };
  const answers = createAnswers({ clickhouse: raw, quick: sums, completeness, clock: handClock() });
  void answers.of({ sql: 'SELECT 1', params: {} });
  void answers.of({ sql: 'SELECT 2', params: {}, isQuick: true });
  await settled();
  expect([raw.asked, sums.asked].map((asked) => asked.map(({ sql }) => sql))).toEqual([
    ['SELECT 1'],
    ['SELECT 2'],
  ]);
});

it('makes, serves and renews the rows of one question together', async () => {
  const clickhouse = slowClickHouse();
  const clock = handClock();
  let version = 0;
  const read = async () => ({ asOfMs: 0, lagMs: 0, version: String(version) });
  const answers = createAnswers({ clickhouse, completeness: { read }, clock });
  const ask = () => answers.ofAll(['part', 'whole'].map((sql) => ({ sql, params: {} })));
  const first = ask();
  await settled();
  clickhouse.asked[1]?.answer([{ of: 1 }]);
  await settled();
  // The one that takes longer would serve longer, if each served by itself.
  clock.advanceMs(400);
  clickhouse.asked[0]?.answer([{ of: 1 }]);
  expect((await first).found).toEqual([[{ of: 1 }], [{ of: 1 }]]);
  version += 1;
  clock.advanceMs(300);
  expect((await ask()).found).toEqual([[{ of: 1 }], [{ of: 1 }]]);
  clock.advanceMs(400);
  const later = ask();
  await settled();
  expect(clickhouse.asked.map(({ sql }) => sql)).toEqual(['part', 'whole', 'part', 'whole']);
  clickhouse.asked[2]?.answer([{ of: 2 }]);
  clickhouse.asked[3]?.answer([{ of: 2 }]);
  expect((await later).found).toEqual([[{ of: 2 }], [{ of: 2 }]]);
});

it('makes a statement at its turn, of the batches that there are then', async () => {
  const clickhouse = slowClickHouse();
  const clock = handClock();
  const completeness = { read: async () => ({ asOfMs: 0, lagMs: 0, version: '1' }) };
  let batches = [1];
  const current = async () => ({ source: '', batches, upto: new Map() });
  const answers = createAnswers({
    clickhouse: withinCost(clickhouse, { runningMax: 1, waitersMax: 9, threadsMax: 1, niceness: 0 }),
    completeness,
    clock,
    gathered: { visits: { current }, orders: { current } },
  });
  const asking = ['a', 'b'].map((sql) =>
    answers.of({
      sql,
      params: {},
      gathered: gatheredFrom('visits', (made) => ({ sql: `${sql} of ${made.batches}`, params: {} })),
    }),
  );
  await settled();
  batches = [2];
  clickhouse.asked[0]?.answer([]);
  await asking[0];
  await settled();
  clickhouse.asked[1]?.answer([]);
  await asking[1];
  expect(clickhouse.asked.map(({ sql }) => sql.split('\n')[0])).toEqual(['a of 1', 'b of 2']);
});

it('asks anew after a failure', async () => {
  const { clickhouse, ask } = setUp();
  const failing = ask();
  await settled();
  clickhouse.asked[0]?.fail();
  await expect(failing).rejects.toThrow('away');
  const again = ask();
  await settled();
  clickhouse.asked[1]?.answer([]);
  expect((await again).rows).toEqual([]);
});

it('drops at their turn those whose askers have given up, and asks the others', async () => {
  const clickhouse = slowClickHouse();
  const clock = handClock();
  const budget = { share: 1, burstMs: 60_000 };
  for (const also of [{}, { budget }]) {
    clickhouse.asked.length = 0;
    const lane = { runningMax: 1, waitersMax: 9, threadsMax: 1, niceness: 0, ...also };
    const bounded = withinCost(clickhouse, lane, costLimits, clock);
    const running = bounded.query('running');
    const [early, late] = [bounded.query('waits 16 s'), bounded.query('waits 16 s too')];
    clock.advanceMs(2_000);
    const fresh = bounded.query('waits 14 s');
    clock.advanceMs(14_000);
    await settled();
    clickhouse.asked[0]?.answer([]);
    await running;
    const busy = expect.objectContaining({ code: 'clickhouse_unavailable', retriable: true });
    expect(await Promise.allSettled([early, late])).toEqual(
      [1, 2].map(() => ({ status: 'rejected', reason: busy })),
    );
    await settled();
    clickhouse.asked[1]?.answer([{ n: 1 }]);
    expect(await fresh).toEqual([{ n: 1 }]);
    expect(clickhouse.asked.map(({ sql }) => sql.split('\n')[0])).toEqual(['running', 'waits 14 s']);
  }
});

it('lets no more wait than may, and those who wait come to their turn', async () => {
  const clickhouse = slowClickHouse();
  const bounded = withinCost(clickhouse, { runningMax: 1, waitersMax: 2, threadsMax: 1, niceness: 0 });
  const asking = ['a', 'b', 'c', 'd'].map((sql) => bounded.query(sql));
  await expect(asking[3]).rejects.toSatisfy(
    (error) => error instanceof PlatformError && error.retriable && error.code === 'clickhouse_unavailable',
  );
  for (const turn of [0, 1, 2]) {
    await settled();
    expect(clickhouse.asked).toHaveLength(turn + 1);
    expect(clickhouse.asked[turn]?.sql).toContain('max_rows_to_read');
    clickhouse.asked[turn]?.answer([{ turn }]);
    expect(await asking[turn]).toEqual([{ turn }]);
  }
});

it('asks figures of sums, and refunds on the day of sale, which read raw rows, where those wait', async () => {
  const [slow, quick] = [slowClickHouse(), slowClickHouse()];
  const clock = handClock();
  const completeness = { read: async () => ({ asOfMs: 0, lagMs: 0, version: 'v' }) };
  const figures = createFigures(createAnswers({ clickhouse: slow, quick, completeness, clock }), clock);
  for (const [refunds, asked, other] of [
    ['return_day', quick, slow],
    ['sale_day', slow, quick],
  ] as const) {
    const ranking = { by: 'revenue', refunds, rowsMax: 5 } as const;
    const questions = [
      figures.revenue({ fromMs: 0, toMs: 86_400_000 }, 'day', refunds),
      figures.topProducts({ fromMs: 0, toMs: 86_400_000 }, 'day', ranking),
      figures.productTotals({ fromMs: 0, toMs: 86_400_000 }, ['p'], refunds),
    ];
    await settled();
    expect([asked.asked.length, other.asked.length]).toEqual([3, 0]);
    for (const { answer } of asked.asked) answer([]);
    await Promise.all(questions);
    asked.asked.length = 0;
  }
});
