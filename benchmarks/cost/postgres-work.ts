import pg from 'pg';

/** What PostgreSQL has done since it started, over all databases. */
export type PostgresWork = { statements: number; transactions: number; walBytes: number };

export type PostgresCounter = { read(): Promise<PostgresWork>; close(): Promise<void> };

/**
 * Counts statements by `pg_stat_statements`, which the server must have preloaded; `statements` is NaN where it has
 * not. The counter's own few statements are in the figures.
 */
export const openPostgresCounter = async (url: string): Promise<PostgresCounter> => {
  const client = new pg.Client({ connectionString: url, application_name: 'cost benchmark' });
  await client.connect();
  const counts = await client
    .query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    .then(() => client.query('SELECT count(*) FROM pg_stat_statements'))
    .then(
      () => true,
      () => false,
    );
  return {
    read: async () => {
      // A backend reports its counts at the end of a transaction, at most once a second.
      await client.query('SELECT pg_stat_clear_snapshot()');
      const { rows } = await client.query<Record<keyof PostgresWork, string>>(`
        SELECT (SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database) AS transactions,
               pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS "walBytes",
               ${counts ? '(SELECT sum(calls) FROM pg_stat_statements)' : "'NaN'"} AS statements`);
      const [row] = rows;
      return {
        statements: Number(row?.statements),
        transactions: Number(row?.transactions),
        walBytes: Number(row?.walBytes),
      };
    },
    close: () => client.end(),
  };
};
