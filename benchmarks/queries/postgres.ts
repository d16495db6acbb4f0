import pg from 'pg';
import type { ClickHouse } from '#platform/clickhouse/client';

/** The same rows in PostgreSQL, ids as `uuid`, with an index for each way in which the questions look for rows. */
const tables = `
  CREATE TABLE shopper_activity (type text, visit_id uuid, user_id uuid, product_id uuid, query text, recommendation_id uuid,
    occurred_at timestamptz);
  CREATE TABLE sales (order_id uuid, line int, product_id uuid, category text, user_id uuid, quantity int, amount_minor bigint,
    currency text, kind text, occurred_at timestamptz);
  CREATE TABLE order_visits (order_id uuid PRIMARY KEY, visit_id uuid);
  CREATE TABLE products (product_id uuid PRIMARY KEY, name text, category text, brand text)`;

const indexes = [
  'shopper_activity (occurred_at)',
  'shopper_activity (type, occurred_at)',
  'shopper_activity (visit_id, occurred_at)',
  'sales (occurred_at)',
  'sales (product_id, occurred_at)',
  'sales (user_id, occurred_at)',
  'sales (order_id, line)',
];

/** A statement that takes longer is ended: its question took longer than that. */
const statementMsMax = 300_000;
/** The shop's own PostgreSQL has 4 MB, with which sorts and hashes of these questions would spill to the disk. */
const workMem = '256MB';
const queryCancelled = '57014';

export type PostgresCopy = {
  /** The process that answers. */
  pid: number;
  /**
   * Milliseconds that the statements took, one after the other, and the rows of the first; `rows` is undefined where a
   * statement was ended, and then the question would have taken longer.
   */
  ask(
    statements: readonly string[],
    period: readonly string[],
  ): Promise<{ tookMs: number; rows: object[] | undefined }>;
  plan(statement: string, period: readonly string[]): Promise<string>;
  drop(): Promise<void>;
};

/** Copies the tables by ClickHouse's own connection to PostgreSQL. */
export const copyToPostgres = async (
  clickhouse: Pick<ClickHouse, 'command'>,
  serverUrl: string,
  onStep: (step: string) => void,
): Promise<PostgresCopy> => {
  const name = `bench_queries_${process.pid}`;
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href, statement_timeout: statementMsMax });
  await client.connect();
  await client.query("SET TIME ZONE 'UTC'");
  await client.query(`SET work_mem TO '${workMem}'`);
  const [backend] = (await client.query('SELECT pg_backend_pid() AS pid')).rows as { pid: number }[];
  await client.query(tables);
  const remote = (table: string): string =>
    `FUNCTION postgresql('${url.hostname}:${url.port}', '${name}', '${table}', '${url.username}', '${decodeURIComponent(url.password)}')`;
  const copies = {
    shopper_activity: `type, toUUIDOrNull(visit_id), toUUIDOrNull(user_id), toUUIDOrNull(product_id), query,
      toUUIDOrNull(recommendation_id), occurred_at FROM shopper_activity`,
    sales: `toUUIDOrNull(order_id), line, toUUIDOrNull(product_id), category, toUUIDOrNull(user_id), quantity, amount_minor,
      currency, kind, occurred_at FROM sales`,
    order_visits: `toUUIDOrNull(key), toUUIDOrNull(JSONExtractString(payload, 'visitId')) FROM domain_events
      WHERE type = 'OrderPlaced' AND visit_key != 0`,
    products: 'toUUIDOrNull(product_id), name, category, brand FROM products',
  };
  for (const [table, columns] of Object.entries(copies)) {
    onStep(`copying ${table}`);
    await clickhouse.command(`INSERT INTO ${remote(table)} SELECT ${columns}`);
  }
  for (const index of indexes) {
    onStep(`index on ${index}`);
    await client.query(`CREATE INDEX ON ${index}`);
  }
  onStep('analyze');
  await client.query('VACUUM ANALYZE');
  return {
    pid: backend?.pid ?? 0,
    ask: async (statements, period) => {
      const startedAtMs = performance.now();
      let first: object[] | undefined;
      try {
        for (const statement of statements) {
          const { rows } = await client.query(statement, used(statement, period));
          first ??= rows;
        }
      } catch (error) {
        if ((error as { code?: string }).code !== queryCancelled) throw error;
        return { tookMs: performance.now() - startedAtMs, rows: undefined };
      }
      return { tookMs: performance.now() - startedAtMs, rows: first };
    },
    plan: async (statement, period) =>
      (await client.query(`EXPLAIN ${statement}`, used(statement, period))).rows
        .map((row: Record<string, string>) => row['QUERY PLAN'])
        .join('\n'),
    drop: async () => {
      await client.end();
      await admin.query(`DROP DATABASE IF EXISTS ${name}`);
      await admin.end();
    },
  };
};

/** A statement may use both ends of the period or only the first. */
const used = (statement: string, period: readonly string[]): string[] =>
  period.filter((_, at) => statement.includes(`$${at + 1}`));
