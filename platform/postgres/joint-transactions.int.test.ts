import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Batch, readBatch, writeBatch } from '#platform/postgres/gathering';
import { inJointTransaction } from '#platform/postgres/joint-transactions';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';

let scratch: ScratchDatabase;
beforeAll(async () => {
  scratch = await scratchDatabase([]);
  await scratch.db.query(
    'CREATE TABLE notes (n integer PRIMARY KEY CHECK (n < 1000), xid xid8 DEFAULT pg_current_xact_id())',
  );
  await scratch.db.query('CREATE TABLE held ()');
});
afterAll(() => scratch.drop());
beforeEach(async () => {
  await scratch.db.query('TRUNCATE notes');
  batches.length = 0;
});

/** The inputs of each run of the batches. */
const batches: unknown[][] = [];

const insertAll = writeBatch<number>((tx, numbers) => {
  batches.push([...numbers]);
  return tx.query('INSERT INTO notes (n) SELECT * FROM unnest($1::integer[])', [numbers]);
});

const countAll: Batch<number, number> = readBatch(async (tx, numbers) => {
  const { rows } = await tx.query<{ n: number }>('SELECT n FROM notes WHERE n = ANY ($1::integer[])', [
    numbers,
  ]);
  return numbers.map((number) => rows.filter(({ n }) => n === number).length);
});

const noted = async (): Promise<number[]> =>
  (await scratch.db.query<{ n: number }>('SELECT n FROM notes ORDER BY n')).rows.map(({ n }) => n);

const transactions = async (): Promise<number> =>
  (await scratch.db.query<{ n: number }>('SELECT count(DISTINCT xid) AS n FROM notes')).rows[0]?.n ?? 0;

const numbers = Array.from({ length: 20 }, (_, n) => n);
const note =
  (n: number) =>
  async (tx: Tx): Promise<number> => {
    await tx.gather(insertAll, n);
    return n;
  };

describe('works that come together', () => {
  it('share a transaction and the statements that they gather, and each gets its own answer', async () => {
    const answers = await Promise.all(numbers.map((n) => inJointTransaction(scratch.db, note(n))));
    expect(answers).toEqual(numbers);
    expect(await noted()).toEqual(numbers);
    expect(batches).toEqual([numbers]);
    expect(await transactions()).toBe(1);
  });

  it('wait for each other at each statement, whatever they do in between', async () => {
    const twice = async (tx: Tx, n: number): Promise<number> => {
      await tx.gather(insertAll, n);
      if (n % 2 === 0) await Promise.resolve();
      return tx.gather(countAll, n);
    };
    const answers = await Promise.all(
      numbers.map((n) => inJointTransaction(scratch.db, (tx) => twice(tx, n))),
    );
    expect(answers).toEqual(numbers.map(() => 1));
    expect(batches).toHaveLength(1);
  });

  it('are not disturbed by one that is refused before it wrote', async () => {
    const effects: number[] = [];
    const works = numbers.map((n) =>
      inJointTransaction(scratch.db, async (tx) => {
        tx.afterCommit(() => effects.push(n));
        expect(await tx.gather(countAll, n)).toBe(0);
        if (n === 7) throw new Error('refused');
        return note(n)(tx);
      }),
    );
    const outcomes = await Promise.allSettled(works);
    expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([7]);
    expect(await noted()).toEqual(numbers.filter((n) => n !== 7));
    expect(await transactions()).toBe(1);
    expect(effects).toEqual(numbers.filter((n) => n !== 7));
  });

  it('run one by one when one of them fails after it wrote, or makes a statement of all fail', async () => {
    for (const fail of [
      async (tx: Tx) => {
        await note(500)(tx);
        throw new Error('afterwards');
      },
      note(1_000),
      async (tx: Tx) => {
        await tx.query('SELECT 1 / $1::integer', [0]);
      },
    ]) {
      await scratch.db.query('TRUNCATE notes');
      let runs = 0;
      const effects: number[] = [];
      const works = numbers.map((n) =>
        inJointTransaction(scratch.db, async (tx) => {
          runs += 1;
          tx.afterCommit(() => effects.push(n));
          if (n === 7) return fail(tx);
          return note(n)(tx);
        }),
      );
      const outcomes = await Promise.allSettled(works);
      expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([7]);
      expect(await noted()).toEqual(numbers.filter((n) => n !== 7));
      expect(runs).toBe(2 * numbers.length);
      expect(effects).toEqual(numbers.filter((n) => n !== 7));
    }
  });

  it.each([
    ['a statement', "SET LOCAL statement_timeout = '100ms'"],
    ['a lock', "SET LOCAL lock_timeout = '100ms'"],
  ])(
    'run one by one when %s of one of them takes too long, which is a fault of that one alone',
    async (_, limit) => {
      const holder = await scratch.db.pool.connect();
      await holder.query('BEGIN; LOCK TABLE held');
      const works = numbers.map((n) =>
        inJointTransaction(scratch.db, async (tx) => {
          if (n !== 7) return note(n)(tx);
          await tx.query(limit);
          await tx.query('SELECT FROM held');
        }),
      );
      const outcomes = await Promise.allSettled(works);
      await holder.query('ROLLBACK');
      holder.release();
      expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([7]);
      expect(outcomes[7]).toMatchObject({ reason: { code: 'postgres_unavailable', retriable: true } });
      expect(await noted()).toEqual(numbers.filter((n) => n !== 7));
    },
  );

  it('do not all wait for their own time-out where everything takes too long', async () => {
    const holder = await scratch.db.pool.connect();
    await holder.query('BEGIN; LOCK TABLE held');
    let runs = 0;
    const works = numbers.map(() =>
      inJointTransaction(scratch.db, async (tx) => {
        runs += 1;
        await tx.query("SET LOCAL lock_timeout = '100ms'");
        await tx.query('SELECT FROM held');
      }),
    );
    const outcomes = await Promise.allSettled(works);
    await holder.query('ROLLBACK');
    holder.release();
    expect(outcomes.map(({ status }) => status)).toEqual(numbers.map(() => 'rejected'));
    expect(runs).toBe(numbers.length + 2);
  });

  it('join the next transaction while two are running', async () => {
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, n) => inJointTransaction(scratch.db, note(n))),
    );
    expect(answers).toHaveLength(150);
    expect(await transactions()).toBe(2);
  });
});

describe('what a batch gathers itself', () => {
  it('runs at once', async () => {
    const both = writeBatch<number>(async (tx, given) => {
      for (const n of given) await tx.gather(insertAll, n);
    });
    await inTransaction(scratch.db, (tx) => Promise.all([tx.gather(both, 1), tx.gather(both, 2)]));
    expect(await noted()).toEqual([1, 2]);
  });
});

describe('statements of one text', () => {
  it('are parsed once a connection', async () => {
    const client = await scratch.db.pool.connect();
    client.release();
    const prepared = () =>
      scratch.db.query<{ n: number }>(
        "SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%statements of one text%' AND $1",
        [true],
      );
    for (let run = 0; run < 3; run += 1)
      await inTransaction(scratch.db, (tx) =>
        tx.query('SELECT $1::integer /* statements of one text */', [run]),
      );
    expect((await prepared()).rows[0]?.n).toBeGreaterThanOrEqual(1);
  });
});

describe('a transaction whose branch has failed', () => {
  const hasEnded = (branch: Promise<unknown>): (() => boolean) => {
    let ended = false;
    const end = () => {
      ended = true;
    };
    branch.then(end, end);
    return () => ended;
  };

  it('runs nothing more of the other branches, and reports what failed first', async () => {
    const fail = writeBatch<number>((tx) => tx.query('SELECT 1 / $1::integer', [0]));
    let strayHasEnded = () => false;
    const work = inTransaction(scratch.db, async (tx) => {
      const later = async () => {
        await tx.gather(countAll, 1).catch(() => {});
        await tx.gather(insertAll, 1);
      };
      const stray = later();
      strayHasEnded = hasEnded(stray);
      await Promise.all([tx.gather(fail, 1), stray, tx.query('SELECT $1::integer', [1])]);
    });
    await expect(work).rejects.toMatchObject({ code: '22012' });
    expect(await noted()).toEqual([]);
    expect(strayHasEnded()).toBe(false);
  });

  it.each([
    ['alone', inTransaction],
    ['with others', inJointTransaction],
  ])('rejects no promise that nobody holds, %s', async (_, run) => {
    const unheld: unknown[] = [];
    const keep = (reason: unknown) => unheld.push(reason);
    process.on('unhandledRejection', keep);
    try {
      const fail = (): Promise<void> => {
        throw new Error('the registry is away');
      };
      const work = run(scratch.db, async (tx) => {
        const later = async () => {
          await tx.gather(countAll, 1);
          await tx.gather(insertAll, 1);
        };
        await Promise.all([later(), fail()]);
      });
      const beside = run(scratch.db, async (tx) => void (await tx.gather(insertAll, 2)));
      await expect(work).rejects.toThrow('the registry is away');
      await beside;
      expect(await noted()).toEqual([2]);
      expect(unheld).toEqual([]);
    } finally {
      process.off('unhandledRejection', keep);
    }
  });
});
