import pg from 'pg';
import { prepared, toFault } from '#platform/postgres/pool';

export type RelayQuery = <R extends pg.QueryResultRow>(
  text: string,
  values?: unknown[],
  /** The pool's if unset. */
  options?: { answerTimeoutMs: number },
) => Promise<R[]>;

/** The relay's own connection. Its lock, its notifications and its statements all end with the connection. */
export type RelaySession = {
  query: RelayQuery;
  /**
   * Tries to become the leader. False while another instance's relay leads; from the first `true` on, `onAppended` is
   * called.
   */
  tryLead(): Promise<boolean>;
  /** Throws when the connection is lost, and the lead with it. */
  confirm(): Promise<void>;
  close(): Promise<void>;
};

export const leaderLockKey = 8_042_963;

/** `onAppended` is also called when the connection breaks, so that a waiting relay notices it by its next statement. */
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
  // Without a listener the `error` event of a broken connection would end the process.
  client.on('error', onAppended);
  client.on('notification', onAppended);
  const query: RelayQuery = async <R extends pg.QueryResultRow>(
    text: string,
    values?: unknown[],
    options?: { answerTimeoutMs: number },
  ) => {
    const limit = options === undefined ? {} : { query_timeout: options.answerTimeoutMs };
    try {
      return (await client.query<R>({ ...prepared(text, values), ...limit })).rows;
    } catch (error) {
      throw toFault(error);
    }
  };
  try {
    await client.connect();
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
    confirm: async () => void (await query('SELECT 1')),
    close: async () => {
      client.removeAllListeners('notification');
      await client.end().catch(() => {});
    },
  };
};
