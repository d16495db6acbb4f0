import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import avro from 'avsc';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engines } from '#platform/testing/engines';

const url = engines().clickhouseUrl;
const database = `front_${randomUUID().replaceAll('-', '')}`;
// Failures are expected here, and the tests check them.
const client = createClient({ url, database, log: { level: ClickHouseLogLevel.OFF } });

const rowsOf = async <T>(query: string, params: Record<string, unknown> = {}): Promise<T[]> => {
  const answer = await client.query({ query, query_params: params, format: 'JSONEachRow' });
  return answer.json<T>();
};

const command = (query: string, settings: Record<string, string | number> = {}) =>
  client.command({ query, clickhouse_settings: settings });

beforeAll(async () => {
  const server = createClient({ url });
  await server.command({ query: `CREATE DATABASE ${database}` });
  await server.close();
});

afterAll(async () => {
  await command(`DROP DATABASE ${database}`);
  await client.close();
});

describe('queries', () => {
  it('bind parameters of every common type, with their quotes, tabs, newlines and backslashes', async () => {
    const text = 'a\tb\nc\\d \'e\' "f" {g:String} é';
    const [row] = await rowsOf(
      'SELECT {text:String} AS text, {many:Array(String)} AS many, {n:UInt64} AS n, {none:Nullable(String)} AS none',
      { text, many: [text, ''], n: 42, none: null },
    );
    expect(row).toEqual({ text, many: [text, ''], n: 42, none: null });
  });

  it('give each of many at once its own parameters', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => rowsOf<{ n: number }>('SELECT {n:UInt32} AS n', { n })),
    );
    expect(answers.map(([row]) => row?.n)).toEqual(Array.from({ length: 60 }, (_, n) => n));
  });

  it('keep a setting to the request that gave it', async () => {
    const maxThreads = async (settings = {}) => {
      const answer = await client.query({
        query: "SELECT toUInt32(getSetting('max_threads')) AS n",
        format: 'JSONEachRow',
        clickhouse_settings: settings,
      });
      return (await answer.json<{ n: number }>())[0]?.n;
    };
    const before = await maxThreads();
    expect(await maxThreads({ max_threads: 7 })).toBe(7);
    for (let again = 0; again < 12; again++) expect(await maxThreads()).toBe(before);
  });

  it('forget SET and USE without a session, and keep them in one', async () => {
    await command('SET max_threads = 3');
    expect((await rowsOf<{ n: number }>("SELECT toUInt32(getSetting('max_threads')) AS n"))[0]?.n).not.toBe(
      3,
    );

    const session = createClient({ url, session_id: randomUUID() });
    await session.command({ query: 'SET max_threads = 3' });
    await session.command({ query: 'CREATE TEMPORARY TABLE kept (n UInt8)' });
    const answer = await session.query({
      query: "SELECT toUInt32(getSetting('max_threads')) AS n, (SELECT count() FROM kept) AS rows",
      format: 'JSONEachRow',
    });
    expect(await answer.json()).toEqual([{ n: 3, rows: 0 }]);
    await session.close();
  });

  it('come compressed when asked, and whole', async () => {
    const compressed = createClient({ url, compression: { response: true, request: true } });
    const answer = await compressed.query({
      query: 'SELECT number FROM numbers(200000)',
      format: 'JSONEachRow',
    });
    expect(answer.response_headers['content-encoding']).toBe('gzip');
    expect(await answer.json()).toHaveLength(200_000);
    await compressed.close();
  });

  // The second time it is known to be large, and one of the same text may have become small.
  it.each([2_000_000, 2_000_000, 2])(
    'stream a result that is larger than memory should hold: %i rows',
    async (size) => {
      const answer = await client.query({
        query: 'SELECT number FROM numbers({size:UInt64})',
        query_params: { size },
        format: 'JSONEachRow',
      });
      let rows = 0;
      for await (const chunk of answer.stream<{ number: number }>()) rows += chunk.length;
      expect(rows).toBe(size);
    },
  );

  it('are cut where the statement says, and nowhere else', async () => {
    const counted = async (settings: string) => {
      const answer = await client.query({
        query: `SELECT number FROM numbers(1000000) SETTINGS result_overflow_mode = 'break'${settings}`,
        format: 'JSONEachRow',
      });
      let rows = 0;
      for await (const chunk of answer.stream<{ number: number }>()) rows += chunk.length;
      return rows;
    };
    expect(await counted('')).toBe(1_000_000);
    expect(await counted(', max_result_rows = 1')).toBeLessThan(1_000_000);
    const answer = await client.query({
      query: 'SELECT number FROM numbers(1000000)',
      format: 'TabSeparated',
      clickhouse_settings: { result_overflow_mode: 'break' },
    });
    expect((await answer.text()).length).toBe(6_888_890);
  });

  it('answer in formats that have a head and a foot', async () => {
    const answer = await client.query({ query: 'SELECT number AS n FROM numbers(3)', format: 'JSON' });
    const { data, rows, meta } = await answer.json<{ n: number }>();
    expect({ data, rows, meta }).toEqual({
      data: [{ n: 0 }, { n: 1 }, { n: 2 }],
      rows: 3,
      meta: [{ name: 'n', type: 'UInt64' }],
    });
  });

  it('run beside each other', async () => {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => rowsOf('SELECT sleep(0.5)')));
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  it('are known by the id that the client chose', async () => {
    const queryId = randomUUID();
    const answer = await client.query({ query: 'SELECT 1', query_id: queryId });
    expect(answer.query_id).toBe(queryId);
    await answer.text();
  });
});

describe('failures', () => {
  it.each([
    ['SELEC 1', '62', 'SYNTAX_ERROR'],
    ['SELECT * FROM nowhere', '60', 'UNKNOWN_TABLE'],
    ['SELECT nothing', '47', 'UNKNOWN_IDENTIFIER'],
    ["SELECT throwIf(1, 'no')", '395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
    ['SELECT {missing:String}', '456', 'UNKNOWN_QUERY_PARAMETER'],
  ])('%s has the code and the name that a server gives', async (query, code, type) => {
    await expect(rowsOf(query)).rejects.toMatchObject({ code, type });
  });

  it('of an unknown setting harm no later request', async () => {
    const wrong = { no_such_setting: 1 } as Record<string, number>;
    await expect(command('SELECT 1', wrong)).rejects.toMatchObject({ code: '115' });
    for (let again = 0; again < 10; again++) expect(await rowsOf('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('in an INSERT leave the table as it was', async () => {
    await command('CREATE TABLE strict (n UInt8) ENGINE = MergeTree ORDER BY n');
    const values = Readable.from([Buffer.from('{"n":1}\n{"n":"x"}\n')], { objectMode: false });
    const insert = client.exec({ query: 'INSERT INTO strict FORMAT JSONEachRow', values });
    await expect(insert).rejects.toMatchObject({
      code: '27',
    });
    expect(await rowsOf('SELECT count() AS n FROM strict')).toEqual([{ n: 0 }]);
  });
});

describe('inserts', () => {
  it('take rows as objects and tell how many they were', async () => {
    await command('CREATE TABLE people (id UInt64, name String) ENGINE = MergeTree ORDER BY id');
    const values = [
      { id: 1, name: "O'Hara; FORMAT\tX" },
      { id: 2, name: 'ß\\n' },
    ];
    const { summary } = await client.insert({ table: 'people', values, format: 'JSONEachRow' });
    expect(summary?.written_rows).toBe('2');
    expect(await rowsOf('SELECT id, name FROM people ORDER BY id')).toEqual(values);
  });

  it('take data that comes in pieces', async () => {
    await command('CREATE TABLE pieces (n UInt32) ENGINE = MergeTree ORDER BY n');
    const pieces = ['{"n":1}\n{"n', '":2}\n', '{"n":3}\n'];
    const body = async function* () {
      for (const piece of pieces) {
        yield piece;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const query = encodeURIComponent('INSERT INTO pieces FORMAT JSONEachRow');
    const { statusCode, body: answer } = await request(`${url}/?database=${database}&query=${query}`, {
      method: 'POST',
      headers: { 'content-length': String(pieces.join('').length) },
      body: Readable.from(body()),
    });
    expect([statusCode, await answer.text()]).toEqual([200, '']);
    expect(await rowsOf('SELECT n FROM pieces ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('take columns, settings inside the statement, and inline values', async () => {
    await command('CREATE TABLE pairs (a UInt8, b UInt8 DEFAULT 9) ENGINE = MergeTree ORDER BY a');
    await client.insert({ table: 'pairs', columns: ['a'], values: [{ a: 1 }], format: 'JSONEachRow' });
    await client.exec({
      query: 'INSERT INTO pairs (a) SETTINGS async_insert = 0 FORMAT CSV',
      values: Readable.from([Buffer.from('2\n3\n')], { objectMode: false }),
    });
    await command('INSERT INTO pairs VALUES (4, 5)');
    await command('INSERT INTO pairs FORMAT JSONEachRow\n{"a":6,"b":7}');
    await command('INSERT INTO pairs SELECT number + 7, 1 FROM numbers(2)');
    expect(await rowsOf('SELECT groupArray((a, b)) AS pairs FROM (SELECT * FROM pairs ORDER BY a)')).toEqual([
      {
        pairs: [
          [1, 9],
          [2, 9],
          [3, 9],
          [4, 5],
          [6, 7],
          [7, 1],
          [8, 1],
        ],
      },
    ]);
  });

  it('take binary Avro, with bytes that look like SQL', async () => {
    await command('CREATE TABLE seen (id UInt64, note String) ENGINE = MergeTree ORDER BY id');
    const rows = Array.from({ length: 5_000 }, (_, id) => ({ id, note: `';\n\n FORMAT ${id}\0\x01` }));
    const { stream, summary } = await client.exec({
      query: 'INSERT INTO seen FORMAT Avro',
      values: avroFile(rows),
    });
    stream.resume();
    expect(summary?.written_rows).toBe('5000');
    expect(await rowsOf('SELECT count() AS n, sum(id) AS ids, uniqExact(note) AS notes FROM seen')).toEqual([
      { n: 5_000, ids: (5_000 * 4_999) / 2, notes: 5_000 },
    ]);
  });

  it('compute columns from their data by input()', async () => {
    await command('CREATE TABLE doubled (n UInt64) ENGINE = MergeTree ORDER BY n');
    await client.exec({
      query: "INSERT INTO doubled SELECT n * 2 FROM input('n UInt64') FORMAT JSONEachRow",
      values: Readable.from([Buffer.from('{"n":21}\n')], { objectMode: false }),
    });
    expect(await rowsOf('SELECT n FROM doubled')).toEqual([{ n: 42 }]);
  });

  it('with a token that was seen change neither the table nor the rollup behind it', async () => {
    const window = 'SETTINGS non_replicated_deduplication_window = 100';
    await command(`CREATE TABLE raw (at DateTime, n UInt64) ENGINE = MergeTree ORDER BY at ${window}`);
    await command(
      `CREATE TABLE per_minute (minute DateTime, n UInt64) ENGINE = SummingMergeTree ORDER BY minute ${window}`,
    );
    await command(
      'CREATE MATERIALIZED VIEW per_minute_mv TO per_minute AS SELECT toStartOfMinute(at) AS minute, sum(n) AS n FROM raw GROUP BY minute',
    );
    const insert = (token: string) =>
      client.insert({
        table: 'raw',
        values: [{ at: '2030-01-01 00:00:01', n: 5 }],
        format: 'JSONEachRow',
        clickhouse_settings: {
          insert_deduplication_token: token,
          deduplicate_blocks_in_dependent_materialized_views: 1,
          async_insert: 0,
        },
      });
    for (const token of ['orders-0-0-1', 'orders-0-0-1', "it's another", 'orders-0-0-1']) await insert(token);
    expect(
      await rowsOf('SELECT (SELECT sum(n) FROM raw) AS raw, (SELECT sum(n) FROM per_minute) AS rolled'),
    ).toEqual([{ raw: 10, rolled: 10 }]);
  });
});

/** An Avro container file of these rows: what the ingest writes, here by avsc itself. */
const avroFile = (rows: readonly { id: number; note: string }[]): Readable => {
  const type = avro.Type.forSchema({
    type: 'record',
    name: 'Seen',
    fields: [
      { name: 'id', type: 'long' },
      { name: 'note', type: 'string' },
    ],
  });
  const encoder = new avro.streams.BlockEncoder(type);
  for (const row of rows) encoder.write(row);
  encoder.end();
  return Readable.from(encoder, { objectMode: false });
};

describe('a web page in a browser of this machine', () => {
  it.each([
    ['its form', { origin: 'https://shop.example', 'content-type': 'text/plain' }],
    ['its picture', { 'sec-fetch-site': 'cross-site' }],
    ['a name of its own for 127.0.0.1', { host: 'rebound.example' }],
  ])('is refused by %s, and what it sent is not run', async (_, headers) => {
    const table = `${database}.page_${randomUUID().slice(0, 8)}`;
    const { statusCode } = await request(url, {
      method: 'POST',
      headers,
      body: `CREATE TABLE ${table} (n UInt8) ENGINE = Memory`,
    });
    expect(statusCode).toBe(403);
    expect(
      await rowsOf("SELECT 1 FROM system.tables WHERE database || '.' || name = {table:String}", { table }),
    ).toEqual([]);
  });
});
