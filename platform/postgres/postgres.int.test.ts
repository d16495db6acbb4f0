import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { listParameter } from '#platform/postgres/list-parameter';
import { listen } from '#platform/postgres/listener';
import { migrate } from '#platform/postgres/migrate';
import { createDatabase, ensureDatabase, serviceDatabaseUrl, toFault } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import { eventually } from '#platform/testing/eventually';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';

let scratch: ScratchDatabase;

beforeAll(async () => {
  scratch = await scratchDatabase([]);
  await scratch.db.query('CREATE TABLE account (name text PRIMARY KEY, balance bigint NOT NULL)');
  await scratch.db.query("INSERT INTO account VALUES ('a', 100), ('b', 100), ('c', 0)");
});
afterAll(() => scratch.drop());

const balance = async (name: string): Promise<number> =>
  (await scratch.db.query<{ balance: number }>('SELECT balance FROM account WHERE name = $1', [name])).rows[0]
    ?.balance ?? Number.NaN;
const terminateAll = () =>
  scratch.db.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );

/**
 * The one thing in which a pooler differs on the wire: it names a process of its own for a connection, in the message
 * `K` (BackendKeyData), as PgBouncer 1.18 does.
 */
const poolerBefore = async (url: string): Promise<{ url: string; close(): void }> => {
  const server = new URL(url);
  const keyData = Buffer.from([0x4b, 0, 0, 0, 12]);
  const proxy = createServer((client) => {
    const upstream = connect(Number(server.port), server.hostname);
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const at = chunk.indexOf(keyData);
      if (at >= 0) chunk.writeInt32BE(chunk.readInt32BE(at + keyData.length) + 1, at + keyData.length);
      client.write(chunk);
    });
    for (const socket of [client, upstream])
      socket
        .on('error', () => {})
        .on('close', () => {
          client.destroy();
          upstream.destroy();
        });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const before = new URL(url);
  before.hostname = '127.0.0.1';
  before.port = String((proxy.address() as AddressInfo).port);
  return { url: before.href, close: () => void proxy.close() };
};

/** A way to the server that `lose` makes silent, as the loss of a machine does: its connections stay, without an end. */
const machineBefore = async (url: string): Promise<{ url: string; lose(): void; close(): void }> => {
  const server = new URL(url);
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(Number(server.port), server.hostname);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const before = new URL(url);
  before.hostname = '127.0.0.1';
  before.port = String((proxy.address() as AddressInfo).port);
  return {
    url: before.href,
    lose: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
};

describe('a database', () => {
  test("has its service's name, whatever database the server's URL names", () => {
    expect(serviceDatabaseUrl('postgres://u:p@h:5432/postgres', 'stock-room')).toBe(
      'postgres://u:p@h:5432/cartstream_stock_room',
    );
    expect(serviceDatabaseUrl('postgres://h', 'clickhouse-ingest')).toBe(
      'postgres://h/cartstream_clickhouse_ingest',
    );
  });

  test('is created once, also when several ask at the same time', async () => {
    const missing = new URL(scratch.url);
    missing.pathname += '_asked_for';
    const name = missing.pathname.slice(1);
    await Promise.all([1, 2, 3].map(() => ensureDatabase(missing.href)));
    const { rowCount } = await scratch.db.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    await scratch.db.query(`DROP DATABASE IF EXISTS ${name}`);
    expect(rowCount).toBe(1);
  });

  test('behind a connection pooler is refused in one line', async () => {
    const pooler = await poolerBefore(scratch.url);
    try {
      await expect(ensureDatabase(pooler.url)).rejects.toMatchObject({
        code: 'configuration_invalid',
        retriable: false,
        message: expect.stringMatching(
          /^DATABASE_URL leads to a connection pooler \(127\.0\.0\.1:\d+\);[^\n]+$/,
        ),
      });
    } finally {
      pooler.close();
    }
  });

  test('gives bigint as numbers and refuses one that a number cannot hold', async () => {
    const { rows } = await scratch.db.query('SELECT 9007199254740991::bigint AS safe');
    expect(rows[0]?.safe).toBe(9007199254740991);
    await expect(scratch.db.query('SELECT 9007199254740993::bigint AS unsafe')).rejects.toThrow(
      'safe integer',
    );
  });

  test('says what is wrong with a statement as the server said it', async () => {
    await expect(scratch.db.query("INSERT INTO account VALUES ('a', 1)")).rejects.toMatchObject({
      code: '23505',
    });
  });

  test('that nobody answers for is a retriable fault', async () => {
    const gone = createDatabase(testHost(), { url: 'postgres://127.0.0.1:1/x', startTimeoutMs: 300 });
    await expect(gone.start()).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
    await gone.stop();
  });

  test('whose connections are cut answers again, and a cut query is a retriable fault', async () => {
    const cut = scratch.db.query('SELECT pg_sleep(5)');
    const failed = expect(cut).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
    await eventually(async () => ((await terminateAll()).rowCount ?? 0) > 0);
    await failed;
    await eventually(async () => (await scratch.db.query('SELECT 1')).rowCount === 1);
  });

  test('ends a statement that takes too long', async () => {
    const impatient = createDatabase(testHost(), { url: scratch.url, statementTimeoutMs: 100 });
    await expect(impatient.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ retriable: true });
    await impatient.stop();
  });

  test('ends the session of a client whose machine is lost within half a minute, and with it what it locks', async () => {
    const { rows } = await scratch.db.query(
      `SELECT current_setting('tcp_keepalives_idle')::int + current_setting('tcp_keepalives_interval')::int
         * current_setting('tcp_keepalives_count')::int AS "idleS",
         current_setting('tcp_user_timeout')::int AS "unacknowledgedMs"`,
    );
    expect(rows).toEqual([{ idleS: 25, unacknowledgedMs: 20_000 }]);
  });

  test('whose machine is lost is noticed by connections that are silent: the system asks after ten seconds', async () => {
    const asks = vi.spyOn(Socket.prototype, 'setKeepAlive');
    const watched = createDatabase(testHost(), { url: scratch.url });
    await watched.query('SELECT 1');
    const listener = listen(testHost(), watched, { channel: 'silent', onNotification: () => {} });
    await eventually(() => listener.isListening());
    expect(asks.mock.calls).toEqual([
      [true, 10_000],
      [true, 10_000],
    ]);
    asks.mockRestore();
    await listener.close();
    await watched.stop();
  });

  test('whose machine is lost during a statement or a commit is a retriable fault, and is asked anew', async () => {
    const machine = await machineBefore(scratch.url);
    const distant = createDatabase(testHost(), { url: machine.url, poolMax: 2, statementTimeoutMs: 100 });
    await distant.query('SELECT 1');
    const told: string[] = [];
    const statement = inTransaction(distant, async (tx) => {
      tx.afterCommit(() => told.push('perhaps committed'), { orUnknown: true });
      await tx.query('SELECT 1');
      machine.lose();
    });
    const away = { code: 'postgres_unavailable', retriable: true };
    await expect(
      Promise.all([statement, expect(distant.query('SELECT 2')).rejects.toMatchObject(away)]),
    ).rejects.toMatchObject(away);
    expect(told).toEqual(['perhaps committed']);
    expect((await distant.query('SELECT 3')).rowCount).toBe(1);
    await distant.stop();
    machine.close();
  }, 30_000);

  test('whose statements have no limit is waited for, however long it takes', async () => {
    const patient = createDatabase(testHost(), { url: scratch.url, statementTimeoutMs: 0 });
    expect((await patient.query('SELECT pg_sleep(5.5)')).rowCount).toBe(1);
    await patient.stop();
  });

  test('tells how its connections are used', async () => {
    const host = testHost();
    const watched = createDatabase(host, { url: scratch.url });
    await watched.query('SELECT 1');
    await eventually(async () =>
      (await host.metrics.render()).includes('db_pool_connections{state="idle"} 1'),
    );
    await watched.stop();
  });
});

describe('a transaction', () => {
  test('that throws leaves nothing behind', async () => {
    await expect(
      inTransaction(scratch.db, async (tx) => {
        await tx.query("UPDATE account SET balance = 0 WHERE name = 'a'");
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await balance('a')).toBe(100);
  });

  test('is run again after a deadlock, and both of the two get through', async () => {
    let runs = 0;
    let bothHold: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      bothHold = resolve;
    });
    const transfer = (from: string, to: string) =>
      inTransaction(scratch.db, async (tx) => {
        await tx.query('UPDATE account SET balance = balance - 1 WHERE name = $1', [from]);
        runs += 1;
        if (runs === 2) bothHold();
        await held;
        await tx.query('UPDATE account SET balance = balance + 1 WHERE name = $1', [to]);
      });
    await Promise.all([transfer('a', 'b'), transfer('b', 'a')]);
    expect([await balance('a'), await balance('b')]).toEqual([100, 100]);
    // More often if the one that runs again takes its row before the other has woken up.
    expect(runs).toBeGreaterThanOrEqual(3);
  }, 30_000);

  test('is run again after a serialisation failure', async () => {
    let runs = 0;
    const increment = () =>
      inTransaction(
        scratch.db,
        async (tx) => {
          runs += 1;
          const { rows } = await tx.query<{ balance: number }>(
            "SELECT balance FROM account WHERE name = 'c'",
          );
          await sleep(20);
          await tx.query("UPDATE account SET balance = $1 WHERE name = 'c'", [(rows[0]?.balance ?? 0) + 1]);
        },
        { isolation: 'serializable', attemptsMax: 20 },
      );
    await Promise.all([increment(), increment(), increment()]);
    expect(await balance('c')).toBe(3);
    expect(runs).toBeGreaterThan(3);
  });

  test.each([
    ['deadlock', '40P01'],
    ['serialisation failure', '40001'],
  ])('that meets a %s every time is a fault that may pass, not an error of its own', async (_, code) => {
    let runs = 0;
    const work = inTransaction(
      scratch.db,
      async (tx) => {
        runs += 1;
        await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'collided' USING ERRCODE = '${code}'; END $$`);
      },
      { attemptsMax: 2 },
    );
    await expect(work).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
    expect(runs).toBe(2);
  });

  test('tells of itself once it is committed, and not of the runs that were undone', async () => {
    let runs = 0;
    const told: string[] = [];
    await inTransaction(scratch.db, async (tx) => {
      runs += 1;
      const run = runs;
      tx.afterCommit(() => told.push(`run ${run}`));
      expect(told).toEqual([]);
      if (run === 1) await tx.query("DO $$ BEGIN RAISE EXCEPTION 'collided' USING ERRCODE = '40001'; END $$");
    });
    expect(told).toEqual(['run 2']);
  });

  test('of which nobody knows whether it was committed tells only those who must know of that, too', async () => {
    await scratch.db.query(`CREATE TABLE cut (id integer);
      CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER cut_at_commit AFTER INSERT ON cut DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION cut()`);
    const told: string[] = [];
    const cut = inTransaction(scratch.db, async (tx) => {
      tx.afterCommit(() => told.push('committed'));
      tx.afterCommit(() => told.push('perhaps committed'), { orUnknown: true });
      await tx.query('INSERT INTO cut VALUES (1)');
      expect(told).toEqual([]);
    });
    await expect(cut).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
    expect(told).toEqual(['perhaps committed']);
  });

  test('in which an error was swallowed fails rather than seem committed', async () => {
    await expect(
      inTransaction(scratch.db, async (tx) => {
        await tx.query("INSERT INTO account VALUES ('d', 1)");
        await tx.query("INSERT INTO account VALUES ('a', 1)").catch(() => {});
      }),
    ).rejects.toThrow('swallowed');
    expect(await balance('d')).toBeNaN();
  });

  test('whose connection is lost is a retriable fault, and the pool goes on', async () => {
    const lost = inTransaction(scratch.db, async (tx) => {
      await tx.query('SELECT 1');
      await terminateAll();
      await tx.query('SELECT 1');
    });
    await expect(lost).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
    await inTransaction(scratch.db, (tx) => tx.query('SELECT 1'));
  });

  test('that finds its database closed to everybody meets a fault that passes, and so does a statement', async () => {
    const closed = await scratchDatabase([]);
    const name = new URL(closed.db.pool.options.connectionString as string).pathname.slice(1);
    await scratch.db.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
    await scratch.db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
      name,
    ]);
    const away = { code: 'postgres_unavailable', retriable: true };
    for (let time = 0; time < 3; time += 1) {
      await expect(closed.db.query('SELECT 1')).rejects.toMatchObject(away);
      await expect(inTransaction(closed.db, (tx) => tx.query('SELECT 1'))).rejects.toMatchObject(away);
    }
    await scratch.db.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`);
    await eventually(() => closed.db.query('SELECT 1'));
    await closed.drop();
  });

  test.each([
    ['28000', 'no pg_hba.conf entry for host'],
    ['28P01', 'password authentication failed'],
    ['3D000', 'database "shop" does not exist'],
    ['42501', 'permission denied for database "shop"'],
  ])('refused with %s is a fault that passes', (code, message) => {
    expect(toFault(Object.assign(new Error(message), { code }))).toMatchObject({ retriable: true });
  });

  test.each([
    ['42501', 'permission denied for table accounts'],
    ['55000', 'currval of sequence "n" is not yet defined in this session'],
  ])('whose statement fails with %s stays that error', (code, message) => {
    const error = Object.assign(new Error(message), { code });
    expect(toFault(error)).toBe(error);
  });

  test('that may be done twice is done again after such a fault, but not after others', async () => {
    let runs = 0;
    const run = (failing: () => Promise<unknown>) => {
      runs = 0;
      return inTransaction(
        scratch.db,
        async (tx) => {
          runs += 1;
          if (runs === 1) await failing();
          await tx.query('SELECT 1');
        },
        { isRepeatable: true },
      );
    };
    await run(terminateAll);
    expect(runs).toBe(2);
    await expect(run(() => Promise.reject(new Error('no fault')))).rejects.toThrow('no fault');
    expect(runs).toBe(1);
  });
});

describe('migrations', () => {
  let folder: string;
  let other: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    other = await mkdtemp(join(tmpdir(), 'migrations-'));
    await writeFile(
      join(folder, '0001-shelf.sql'),
      'CREATE TABLE shelf (id int); INSERT INTO shelf VALUES (1);',
    );
    await writeFile(join(other, '0001-box.sql'), 'CREATE TABLE box (id int);');
  });
  afterAll(async () => {
    await Promise.all([folder, other].map((path) => rm(path, { recursive: true })));
  });

  test('are applied once each, in order, also when several processes start at the same time', async () => {
    const applied = await Promise.all([1, 2, 3].map(() => migrate(scratch.db, [folder, other])));
    expect(applied.flat().map((name) => name.split('/').at(-1))).toEqual(['0001-shelf.sql', '0001-box.sql']);
    expect((await scratch.db.query('SELECT * FROM shelf')).rowCount).toBe(1);
    expect(await migrate(scratch.db, [folder, other])).toEqual([]);
  });

  test('that fail leave nothing of themselves and say which', async () => {
    await writeFile(join(folder, '0002-broken.sql'), 'CREATE TABLE half (id int); SELECT nonsense;');
    await expect(migrate(scratch.db, folder)).rejects.toThrow(/0002-broken.sql.*nonsense/);
    await expect(scratch.db.query('SELECT * FROM half')).rejects.toThrow('does not exist');
    await writeFile(join(folder, '0002-broken.sql'), 'CREATE TABLE whole (id int);');
    expect(await migrate(scratch.db, folder)).toHaveLength(1);
  });

  test('that have changed or vanished since they were applied are a conflict', async () => {
    await writeFile(join(folder, '0002-broken.sql'), 'CREATE TABLE other (id int);');
    await expect(migrate(scratch.db, folder)).rejects.toMatchObject({
      code: 'migration_conflict',
      retriable: false,
    });
    await rm(join(folder, '0002-broken.sql'));
    await expect(migrate(scratch.db, folder)).rejects.toMatchObject({ code: 'migration_conflict' });
  });

  test('that are not named NNNN-name.sql are refused', async () => {
    await writeFile(join(other, 'later.sql'), 'SELECT 1;');
    await expect(migrate(scratch.db, other)).rejects.toThrow('NNNN-name.sql');
  });
});

describe('plans', () => {
  beforeAll(async () => {
    await scratch.db.query('CREATE TABLE item (id text PRIMARY KEY, state text)');
    await scratch.db.query("INSERT INTO item SELECT n, 'new' FROM generate_series(1, 400) n");
    await scratch.db.query('ANALYZE item');
  });

  test('a batch is joined by the index, also where the plan was made while the table was small', async () => {
    const { rows } = await scratch.db.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN UPDATE item SET state = change.state
       FROM jsonb_to_recordset('[]') AS change(id text, state text) WHERE item.id = change.id`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('Nested Loop');
    expect(plan).toContain('Index Cond: (id = change.id)');
  });

  test('a statement about a list is planned a few times, not at every call', async () => {
    const plans = await inTransaction(scratch.db, async (tx) => {
      const text = `SELECT state FROM item WHERE id = ANY (${listParameter(1, 'text')})`;
      for (let call = 0; call < 12; call += 1)
        expect((await tx.query(text, [['1', '400']])).rows).toHaveLength(2);
      const { rows } = await tx.query<{ kept: string; made: string }>(
        'SELECT generic_plans AS kept, custom_plans AS made FROM pg_prepared_statements WHERE statement = $1',
        [text],
      );
      return rows[0];
    });
    expect(plans).toEqual({ kept: 7, made: 5 });
  });
});
