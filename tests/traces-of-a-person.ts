import { createClickHouse } from '#platform/clickhouse/client';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import { createRedis } from '#platform/redis/client';
import { testHost } from '#platform/testing/test-host';
import { services } from '../services/table.js';
import type { RunFile } from './shop.js';

/**
 * Where the platform still has this text, which has to be one that nothing else contains: every row of the services'
 * databases, every key and value of Redis, every row of ClickHouse. Outboxes are left out: they keep what they sent for
 * some minutes.
 */
export const tracesOf = async (run: RunFile, text: string): Promise<string[]> => {
  const found = await Promise.all([
    ...(await withDatabase(run)).map((name) => inDatabase(run, name, text)),
    inRedis(run, text),
    inClickHouse(run, text),
  ]);
  return found.flat().sort();
};

/** The services that have a database of their own. */
const withDatabase = async (run: RunFile): Promise<string[]> => {
  const server = createDatabase(testHost(), { url: run.postgres, poolMax: 1 });
  const { rows } = await server.query<{ name: string }>('SELECT datname AS name FROM pg_database');
  await server.stop();
  const databases = new Set(rows.map(({ name }) => name));
  return services.map(({ name }) => name).filter((name) => databases.has(`cartstream_${name}`));
};

const inDatabase = async (run: RunFile, service: string, text: string): Promise<string[]> => {
  const db = createDatabase(testHost(), { url: serviceDatabaseUrl(run.postgres, service), poolMax: 1 });
  try {
    const { rows: tables } = await db.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'outbox%'`,
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const { rows } = await db.query(
        `SELECT 1 FROM "${name}" AS row WHERE row::text LIKE $1 OR row::text LIKE $2 LIMIT 1`,
        [`%${text}%`, `%${Buffer.from(text).toString('hex')}%`],
      );
      if (rows.length > 0) found.push(`${service}.${name}`);
    }
    return found;
  } finally {
    await db.stop();
  }
};

const valuesOf: Readonly<Record<string, (key: string) => [command: string, ...string[]]>> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  zset: (key) => ['ZRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
};

const inRedis = async (run: RunFile, text: string): Promise<string[]> => {
  const redis = createRedis(testHost(), run.redis, { commandTimeoutMs: 5_000 });
  await redis.start();
  try {
    const found: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = await redis.client.scan(cursor, 'COUNT', 1_000);
      for (const key of keys) {
        const read = valuesOf[await redis.client.type(key)]?.(key);
        const value = read === undefined ? '' : await redis.client.call(...read);
        if (key.includes(text) || JSON.stringify(value).includes(text)) found.push(`redis ${key}`);
      }
      cursor = next;
    } while (cursor !== '0');
    return found;
  } finally {
    await redis.stop();
  }
};

const inClickHouse = async (run: RunFile, text: string): Promise<string[]> => {
  const clickhouse = createClickHouse({ url: run.clickhouse });
  try {
    const tables = await clickhouse.query<{ name: string }>(
      `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree%'`,
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const [counted] = await clickhouse.query<{ rows: number }>(
        `SELECT count() AS rows FROM (SELECT toString(tuple(*)) AS row FROM ${name}) WHERE position(row, {text:String}) > 0`,
        { text },
      );
      if (counted?.rows) found.push(`clickhouse ${name}`);
    }
    return found;
  } finally {
    await clickhouse.stop();
  }
};
