import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import pg from 'pg';
import { PlatformError } from '#platform/errors';
import { projectRoot } from '#platform/project';

const fileName = /^\d{4}-[a-z0-9-]+\.sql$/;
const lockKey = 4_011_964;

/**
 * Applies `NNNN-name.sql` of each folder in number order, folders in the order given, each file in its own
 * transaction and only once: recorded by folder and name with its SHA-256, so numbers may repeat between folders. An
 * applied file that has changed or vanished is a `migration_conflict`. Several processes may call it at the same time.
 * Returns the names of the files that this call applied.
 */
export const migrate = async (
  { pool }: { pool: pg.Pool },
  folders: string | readonly string[],
): Promise<string[]> => {
  // A migration may go through whole tables, which the times and the plans of the pool are not for.
  const client = new pg.Client({ ...pool.options, query_timeout: 0 });
  // Without a listener the `error` event of a broken connection would end the process; a statement fails with it.
  client.on('error', () => {});
  const applied: string[] = [];
  try {
    await client.connect();
    await client.query(
      'SET statement_timeout = 0; SET enable_seqscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on',
    );
    await client.query('SELECT pg_advisory_lock($1)', [lockKey]);
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      folder text NOT NULL, name text NOT NULL, sha256 text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (folder, name))`);
    for (const folder of typeof folders === 'string' ? [folders] : folders) {
      const label = relative(projectRoot, folder).split(sep).join('/');
      const { rows } = await client.query<{ name: string; sha256: string }>(
        'SELECT name, sha256 FROM schema_migrations WHERE folder = $1',
        [label],
      );
      const recorded = new Map(rows.map((row) => [row.name, row.sha256]));
      const files = await readMigrations(folder);
      for (const name of recorded.keys())
        if (!files.some((file) => file.name === name)) throw conflict(`${label}/${name} is applied but gone`);
      for (const { name, sql, sha256 } of files) {
        const known = recorded.get(name);
        if (known === sha256) continue;
        if (known !== undefined) throw conflict(`${label}/${name} has changed since it was applied`);
        await client.query('BEGIN');
        try {
          await client.query(sql);
          await client.query('INSERT INTO schema_migrations (folder, name, sha256) VALUES ($1, $2, $3)', [
            label,
            name,
            sha256,
          ]);
          await client.query('COMMIT');
        } catch (error) {
          await client.query('ROLLBACK');
          throw new Error(`migration ${label}/${name}: ${(error as Error).message}`, { cause: error });
        }
        applied.push(`${label}/${name}`);
      }
    }
    return applied;
  } finally {
    // Ends the session, and with it the lock.
    await client.end();
  }
};

const readMigrations = async (folder: string) => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const odd = names.find((name) => !fileName.test(name));
  if (odd !== undefined) throw conflict(`${odd} in ${folder} is not named NNNN-name.sql`);
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
};

const conflict = (message: string) => new PlatformError('migration_conflict', message, { retriable: false });
