import pg from 'pg';
import { PlatformError } from '#platform/errors';
import { migrate } from '#platform/postgres/migrate';
import type { Component, Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';

export type Queryable = {
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<R>>;
};

/**
 * A service's own database. `bigint` columns are returned as numbers, and a value outside the safe range throws;
 * `timestamptz` is returned as Date. A lost or refused connection, a full pool and a timed-out statement throw a
 * retriable `postgres_unavailable`; the server's errors about the statement itself stay a `pg.DatabaseError`.
 */
export type Database = Component & Queryable & { readonly pool: pg.Pool };

export type DatabaseOptions = {
  /** Including the database's name; see `serviceDatabaseUrl`. */
  url: string;
  /** 5 if unset. All pools together must stay below the server's `max_connections`. */
  poolMax?: number;
  /** The longest time of one statement. 10 s if unset; 0 sets no limit. */
  statementTimeoutMs?: number;
  /** Folders of migrations applied at start, in this order; see `migrate`. None if unset. */
  migrations?: readonly string[];
  /** The schemas in which its tables are looked for, in this order; the database's own if unset. */
  schemas?: readonly string[];
  /** How long `start` tries to reach the server. 30 s if unset. */
  startTimeoutMs?: number;
};

const connectTimeoutMs = 5_000;
/** A server whose machine is lost says nothing: a silent connection, such as a listener's, asks after so long. */
const keepAliveAfterMs = 10_000;
/**
 * The server itself ends a statement in time. If its answer is later than a few statements may take, one behind the other on
 * a connection, and by so much, its machine is lost: the connection is given up, which the system would keep for a quarter of
 * an hour.
 */
const answerOverdueMs = 5_000;
const statementsAwaited = 4;
const idleInTransactionTimeoutMs = 15_000;
const startRetryMs = 250;
/** `start` opens this many, so that the first requests do not wait for connections. */
const connectionsAtStart = 3;

/** The URL of `cartstream_<service>` on the server of `serverUrl`, whose own database part is ignored. */
export const serviceDatabaseUrl = (serverUrl: string, service: string): string => {
  const url = new URL(serverUrl);
  url.pathname = `/cartstream_${service.replaceAll('-', '_')}`;
  return url.toString();
};

/** `start` creates the database if it is missing and applies `migrations`; `stop` waits for running queries. */
export const createDatabase = (
  host: Pick<Host, 'service' | 'logger' | 'metrics'>,
  options: DatabaseOptions,
): Database => {
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const pool = new pg.Pool({
    ...pipelined,
    options: `${planOptions} ${lostClientOptions}${options.schemas ? ` -c search_path=${options.schemas.join(',')}` : ''}`,
    connectionString: options.url,
    max: options.poolMax ?? 5,
    application_name: host.service,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 60_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs === 0 ? 0 : statementsAwaited * statementTimeoutMs + answerOverdueMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    types: { getTypeParser },
  });
  // The pool replaces an idle connection that breaks; without a listener its `error` event would end the process.
  pool.on('error', (error) => host.logger.warn({ err: error }, 'idle database connection lost'));
  watchConnections(pool, host.metrics.gauge('db_pool_connections', 'Connections of the pool', ['state']));

  const query: Database['query'] = async (text, values) => {
    try {
      return await pool.query(prepared(text, values));
    } catch (error) {
      throw toFault(error);
    }
  };

  return {
    name: 'postgres',
    pool,
    query,
    start: async () => {
      await untilReachable(options.startTimeoutMs ?? 30_000, async () => {
        await ensureDatabase(options.url);
        await query('SELECT 1');
      });
      if (options.migrations !== undefined) await migrate({ pool }, options.migrations);
      const connections = Math.min(pool.options.max, connectionsAtStart);
      await Promise.all(Array.from({ length: connections }, () => query('SELECT 1')));
    },
    stop: () => pool.end(),
    checkHealth: async () => {
      await query('SELECT 1');
      return { status: 'up' };
    },
  };
};

/**
 * Creates the database that `url` names unless it exists. Throws `configuration_invalid` where `url` leads to a connection
 * pooler.
 */
export const ensureDatabase = async (url: string): Promise<void> => {
  const admin = new URL(url);
  const database = decodeURIComponent(admin.pathname.slice(1));
  admin.pathname = '/postgres';
  const client = new pg.Client({
    connectionString: admin.toString(),
    connectionTimeoutMillis: connectTimeoutMs,
  });
  try {
    await client.connect();
    await assertNoPooler(client);
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
  } catch (error) {
    // Another process created it in between.
    const code = (error as { code?: string }).code;
    // Whoever may not connect at the start is set up wrongly, and need not wait.
    if (code !== '42P04' && code !== '23505') throw code?.startsWith('28') ? error : toFault(error);
  } finally {
    await client.end().catch(() => {});
  }
};

/**
 * Behind a pooler a connection is not one session, and the locks and notifications of migrations and the outbox relay
 * would get lost without an error. The server names the process that serves a connection; a pooler names another.
 */
const assertNoPooler = async (client: pg.Client): Promise<void> => {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const { processID } = client as unknown as { processID: number };
  if (rows[0]?.pid !== processID)
    throw new PlatformError(
      'configuration_invalid',
      `DATABASE_URL leads to a connection pooler (${client.host}:${client.port}); name the PostgreSQL server itself: locks and notifications need a session of their own`,
      { retriable: false },
    );
};

/**
 * Converts errors that mean "the server is away, shutting down, full or too slow, or lets us not in" to a retriable fault,
 * and returns any other error unchanged. SQLSTATE classes: 08 connection, 53 resources, 57P0x shutdown, 57014 statement
 * timeout, 55P03 lock timeout, 25P03 idle in transaction, 28 not authorised to connect, 3D000 no such database.
 */
export const toFault = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  const away =
    typeof code === 'string'
      ? /^(08...|53...|57P0.|57014|55P03|25P03|28...|3D000|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|ENOENT)/.test(
          code,
        ) || isClosedToUs(code, error.message)
      : /Connection terminated|Query read timeout|timeout exceeded when trying to connect|connection timeout|not queryable|pool after calling end|Client was closed/i.test(
          error.message,
        );
  if (!away) return error;
  return new PlatformError('postgres_unavailable', `postgres: ${error.message || String(code)}`, {
    retriable: true,
    cause: error,
  });
};

/** Two codes that statements have too, for other reasons. */
const isClosedToUs = (code: string, message: string): boolean =>
  (code === '55000' && /not currently accepting connections/.test(message)) ||
  (code === '42501' && /permission denied for database/.test(message));

/**
 * Plans are kept for long. One that was made while a table was small would read the whole table, or the whole index to join
 * it with two rows, each time, also when it has grown: so no plan may where there is an index.
 */
const planOptions = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off';

/**
 * The server ends the session of a client whose machine or network was lost, and with it the locks that keep another
 * process from taking over. Without these options it would wait for two hours.
 */
const lostClientOptions =
  '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=20000';

/** Statements are sent without waiting for the answers to earlier ones of the connection. pg's types do not have it yet. */
const pipelined: object = { pipeline: true };

const statementsPreparedMax = 400;
const names = new Map<string, string>();

/**
 * The statement for `pg`, with a name when it has parameters, or an empty list of them: each connection then parses and
 * plans it once and not at every call. Past `statementsPreparedMax` texts a process prepares no further ones.
 */
export const prepared = (text: string, values: readonly unknown[] | undefined): pg.QueryConfig => {
  if (values === undefined) return { text };
  let name = names.get(text);
  if (name === undefined && names.size < statementsPreparedMax) {
    name = `s${names.size}`;
    names.set(text, name);
  }
  return { text, values: values as unknown[], ...(name === undefined ? {} : { name }) };
};

const untilReachable = async (timeoutMs: number, attempt: () => Promise<void>): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const passing = error instanceof PlatformError && error.retriable;
      if (!passing || performance.now() > deadline) throw error;
      await sleep(startRetryMs);
    }
  }
};

const watchConnections = (pool: pg.Pool, gauge: ReturnType<Host['metrics']['gauge']>): void => {
  const update = () => {
    gauge.set({ state: 'idle' }, pool.idleCount);
    gauge.set({ state: 'active' }, pool.totalCount - pool.idleCount);
    gauge.set({ state: 'waiting' }, pool.waitingCount);
  };
  update();
  // The pool emits the event before it makes the change.
  for (const event of ['connect', 'acquire', 'release', 'remove'] as const)
    pool.on(event, () => void setImmediate(update));
};

const int8 = 20;

const getTypeParser = ((oid: number, format?: 'text' | 'binary') =>
  oid === int8 && format !== 'binary'
    ? safeInteger
    : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser;

const safeInteger = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is outside the safe integer range`);
  return value;
};
