import pg from 'pg';
import { toFault } from '#platform/postgres/pool';

export type RelayQuery = <R extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<R[]>;

/** The relay's own connection: its lock, its notifications and every statement of it live and die together. */
export type RelaySession = {
  query: RelayQuery;
  /** False while the relay of another instance leads; from the first `true` on, `onAppended` is called. */
  tryLead(): Promise<boolean>;
  close(): Promise<void>;
};

const leaderLockKey = 8_042_963;

/** `onAppended` is also called when the connection breaks, so that whoever waits finds out by its next statement. */
export const openSession = async (
  service: string,
  pool: pg.Pool,
  onAppended: () => void,
): Promise<RelaySession> => {
  const client = new pg.Client({
    ...pool.options,
    application_name: `${service} outbox relay`,
    idle_in_transaction_session_timeout: 10_000,
  });
  // Without a listener a broken connection would end the process.
  client.on('error', onAppended);
  client.on('notification', onAppended);
  const query: RelayQuery = async <R extends pg.QueryResultRow>(text: string, values: unknown[] = []) => {
    try {
      return (await client.query<R>(text, values)).rows;
    } catch (error) {
      throw toFault(error);
    }
  };
  try {
    await client.connect();
    // The tables grow and shrink faster than statistics follow: always by the index.
    await client.query('SET enable_seqscan = off');
  } catch (error) {
    throw toFault(error);
  }
  return {
    query,
    tryLead: async () => {
      const [row] = await query<{ leads: boolean }>('SELECT pg_try_advisory_lock($1) AS leads', [
        leaderLockKey,
      ]);
      if (row?.leads !== true) return false;
      await query('LISTEN outbox');
      return true;
    },
    close: async () => {
      client.removeAllListeners('notification');
      await client.end().catch(() => {});
    },
  };
};
