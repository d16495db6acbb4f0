import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { onCluster } from '#platform/clickhouse/cluster';
import { PlatformError } from '#platform/errors';

const fileName = /^\d{4}-[a-z0-9-]+\.sql$/;

/**
 * Applies `NNNN-name.sql` of a folder in number order, each once, recorded with its SHA-256 in
 * `schema_migrations`. An applied file that has changed or vanished is a `migration_conflict`. ClickHouse has no
 * transactions over DDL, so every statement says IF NOT EXISTS or the like: a file that was interrupted half-way is
 * applied again from its start, and two processes that migrate at the same time both apply it. Returns the names of the
 * files that this call applied.
 */
export const migrateClickHouse = async (
  clickhouse: Pick<ClickHouse, 'query' | 'command' | 'insertRows'>,
  folder: string,
  cluster?: string,
): Promise<string[]> => {
  const command = (sql: string) => clickhouse.command(cluster === undefined ? sql : onCluster(sql, cluster));
  await command(`CREATE TABLE IF NOT EXISTS schema_migrations
    (name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
    ENGINE = ReplacingMergeTree ORDER BY name`);
  const rows = await clickhouse.query<{ name: string; sha256: string }>(
    'SELECT name, argMax(sha256, applied_at) AS sha256 FROM schema_migrations GROUP BY name',
  );
  const recorded = new Map(rows.map((row) => [row.name, row.sha256]));
  const names = (await readdir(folder)).filter((name) => fileName.test(name)).sort();
  for (const name of recorded.keys())
    if (!names.includes(name)) throw conflict(`${name} is applied but gone`);
  const applied: string[] = [];
  for (const name of names) {
    const sql = await readFile(join(folder, name), 'utf8');
    const sha256 = createHash('sha256').update(sql).digest('hex');
    const known = recorded.get(name);
    if (known === sha256) continue;
    if (known !== undefined) throw conflict(`${name} has changed since it was applied`);
    for (const statement of statementsOf(sql)) await command(statement);
    await clickhouse.insertRows('schema_migrations', [{ name, sha256 }]);
    applied.push(name);
  }
  return applied;
};

/** Creates the database that `url` names unless it exists. */
export const ensureClickHouseDatabase = async (url: string, cluster?: string): Promise<void> => {
  const address = new URL(url);
  const database = decodeURIComponent(address.pathname.replace(/^\/+|\/+$/g, '')) || 'default';
  address.pathname = '/';
  const server = createClickHouse({ url: address.href });
  try {
    const sql = `CREATE DATABASE IF NOT EXISTS \`${database.replaceAll('`', '\\`')}\``;
    await server.command(cluster === undefined ? sql : onCluster(sql, cluster));
  } finally {
    await server.stop();
  }
};

/** A statement ends with a semicolon at the end of a line. */
export const statementsOf = (sql: string): string[] =>
  sql
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/^\s*--.*$/gm, '').trim() !== '');

const conflict = (what: string) =>
  new PlatformError('migration_conflict', `clickhouse migration ${what}`, { retriable: false });
