import { Readable } from 'node:stream';
import { ClickHouseError, createClient } from '@clickhouse/client';
import { Agent, request } from 'undici';
import { PlatformError } from '#platform/errors';
import type { Component } from '#platform/service-host';

/** A client of one database. Statements take ClickHouse's own parameters: `{name:Type}` in the text. */
export type ClickHouse = Component & {
  readonly database: string;
  /** Rows as objects. 64-bit integers come as numbers: check `Number.isSafeInteger` where they may be large. */
  query<Row>(sql: string, params?: QueryParams): Promise<Row[]>;
  /** A statement without an answer. */
  command(sql: string, params?: QueryParams): Promise<void>;
  /** Inserts a few rows; resolves when they are in the table and in its views. */
  insertRows(table: string, rows: readonly object[]): Promise<void>;
  /**
   * Inserts rows in a format that ClickHouse parses itself. Resolves when they are in the table and in its views.
   * `deduplicationToken` makes a repeat within the table's window a success without effect. After a retriable fault the
   * rows may or may not have been inserted.
   */
  insert(insert: Insert): Promise<void>;
  ping(): Promise<boolean>;
};

export type QueryParams = Record<string, unknown>;

export type Insert = {
  table: string;
  /** ClickHouse's name of the format, e.g. `Native`. */
  format: string;
  /** Consecutive pieces of the body. */
  data: readonly Buffer[];
  /** The number of rows in `data`; they become one part of the table. */
  rows: number;
  deduplicationToken: string;
};

export type ClickHouseOptions = {
  /** `http://user:password@host:port/database`; the database is `default` if unset. */
  url: string;
  /** 30,000 if unset. */
  requestTimeoutMs?: number;
  /** Requests at once. 8 if unset. */
  connectionsMax?: number;
};

const pingTimeoutMs = 1_500;
/** Larger bodies are sent piece by piece instead of being copied together. */
const joinedBytesMax = 64 * 1024;
/** The same settings with every request, so that the embedded engine need not change its session between two. */
const settings = {
  output_format_json_quote_64bit_integers: 0,
  async_insert: 0,
  max_query_size: 4 * 1024 * 1024,
} as const;

export const createClickHouse = (options: ClickHouseOptions): ClickHouse => {
  const address = new URL(options.url);
  const database = decodeURIComponent(address.pathname.replace(/^\/+|\/+$/g, '')) || 'default';
  const limits = {
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    connectionsMax: options.connectionsMax ?? 8,
  };
  const username = decodeURIComponent(address.username) || 'default';
  const password = decodeURIComponent(address.password);
  const client = createClient({
    url: address.origin,
    username,
    password,
    database,
    request_timeout: limits.requestTimeoutMs,
    max_open_connections: limits.connectionsMax,
    log: { level: 127 },
    clickhouse_settings: { ...settings, max_query_size: String(settings.max_query_size) },
  });
  const blocks = createBlockInserter({ origin: address.origin, database, username, password, ...limits });
  const pings = createPings(address.origin);

  return {
    name: 'clickhouse',
    database,
    query: <Row>(sql: string, params: QueryParams = {}) =>
      asking(async () => {
        const answer = await client.query({ query: sql, query_params: params, format: 'JSONEachRow' });
        return answer.json<Row>();
      }),
    command: (sql, params = {}) =>
      asking(async () => {
        await client.command({ query: sql, query_params: params });
      }),
    insertRows: (table, rows) =>
      asking(async () => {
        await client.insert({ table, values: rows as object[], format: 'JSONEachRow' });
      }),
    insert: blocks.insert,
    ping: pings.ping,
    // Connections are opened on demand: a service need not wait for ClickHouse in order to start.
    start: async () => {},
    stop: async () => {
      await client.close();
      await Promise.all([blocks.close(), pings.close()]);
    },
    checkHealth: async () =>
      (await pings.ping()) ? { status: 'up' } : { status: 'down', detail: 'no answer to a ping' },
  };
};

/** Over a connection of their own: behind statements that take all the others a ping would wait, and nobody seem to answer. */
const createPings = (origin: string) => {
  const agent = new Agent({ connections: 1 });
  return {
    ping: async (): Promise<boolean> => {
      try {
        const signal = AbortSignal.timeout(pingTimeoutMs);
        const answer = await request(new URL('/ping', origin), { dispatcher: agent, signal });
        await answer.body.dump();
        return answer.statusCode === 200;
      } catch {
        return false;
      }
    },
    close: (): Promise<void> => agent.destroy(),
  };
};

/** Every failure as a fault that says whether a retry can help. */
const asking = async <T>(ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask();
  } catch (error) {
    throw asFault(error);
  }
};

/**
 * Inserts whole blocks over connections of its own. The client sends streams without their length, and the server then
 * cannot distinguish a small body from a large one.
 */
const createBlockInserter = (server: {
  origin: string;
  database: string;
  username: string;
  password: string;
  requestTimeoutMs: number;
  connectionsMax: number;
}) => {
  const agent = new Agent({
    connections: server.connectionsMax,
    headersTimeout: server.requestTimeoutMs,
    bodyTimeout: server.requestTimeoutMs,
    connectTimeout: 5_000,
    pipelining: 1,
  });
  const authorization = `Basic ${Buffer.from(`${server.username}:${server.password}`).toString('base64')}`;
  const addressOf = (insert: Insert): URL => {
    const query = new URL('/', server.origin);
    query.searchParams.set('database', server.database);
    query.searchParams.set('query', insertStatement(insert));
    for (const [name, value] of Object.entries(settings)) query.searchParams.set(name, String(value));
    return query;
  };

  return {
    insert: (insert: Insert): Promise<void> =>
      asking(async () => {
        const bytes = insert.data.reduce((sum, piece) => sum + piece.length, 0);
        const answer = await request(addressOf(insert), {
          method: 'POST',
          dispatcher: agent,
          headers: {
            authorization,
            'content-type': 'application/octet-stream',
            'content-length': String(bytes),
          },
          body: bytes <= joinedBytesMax ? Buffer.concat(insert.data) : Readable.from(insert.data),
        });
        const text = await answer.body.text();
        if (answer.statusCode !== 200) throw asServerFault(text, answer.statusCode);
      }),
    close: (): Promise<void> => agent.destroy(),
  };
};

/**
 * The settings are part of the statement, not of the connection, because the token changes with every insert. The rows
 * of one insert must become one part of the table, because a repeat might otherwise be split differently.
 */
const insertStatement = ({ table, format, rows, deduplicationToken }: Insert): string => {
  const own = {
    insert_deduplication_token: `'${deduplicationToken}'`,
    deduplicate_blocks_in_dependent_materialized_views: 1,
    input_format_skip_unknown_fields: 1,
    max_insert_block_size: rows + 1,
    max_partitions_per_insert_block: 0,
    throw_on_max_partitions_per_insert_block: 0,
  };
  const list = Object.entries(own).map(([name, value]) => `${name} = ${value}`);
  return `INSERT INTO ${table} SETTINGS ${list.join(', ')} FORMAT ${format}`;
};

/** ClickHouse's codes for failures that may pass. */
const transientCodes = new Set([
  159, // TIMEOUT_EXCEEDED
  160, // TOO_SLOW
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  225, // NO_ZOOKEEPER
  236, // ABORTED
  241, // MEMORY_LIMIT_EXCEEDED
  242, // TABLE_IS_READ_ONLY
  243, // NOT_ENOUGH_SPACE
  252, // TOO_MANY_PARTS
  285, // TOO_FEW_LIVE_REPLICAS
  319, // UNKNOWN_STATUS_OF_INSERT
  394, // QUERY_WAS_CANCELLED
  999, // KEEPER_EXCEPTION
]);

/** ClickHouse's codes for statements that would take more than their own settings allow. */
const limitCodes = new Set([
  158, // TOO_MANY_ROWS
  307, // TOO_MANY_BYTES
  396, // TOO_MANY_ROWS_OR_BYTES
]);

const asFault = (error: unknown): PlatformError => {
  if (error instanceof PlatformError) return error;
  if (error instanceof ClickHouseError) return faultOfCode(Number(error.code), error.message, error);
  return new PlatformError('clickhouse_unavailable', `clickhouse: ${(error as Error).message}`, {
    retriable: true,
    cause: error,
  });
};

const asServerFault = (text: string, status: number): PlatformError => {
  const code = Number(codeIn(text) ?? Number.NaN);
  if (Number.isNaN(code))
    return new PlatformError('clickhouse_unavailable', `clickhouse answered ${status}`, { retriable: true });
  return faultOfCode(code, text.slice(0, 500), undefined);
};

/** ClickHouse's own code of a failure, such as 60 for an unknown table; null for other errors. */
export const clickHouseCode = (error: unknown): number | null => {
  if (!(error instanceof PlatformError)) return null;
  const code = error.cause instanceof ClickHouseError ? error.cause.code : codeIn(error.message);
  return code === undefined ? null : Number(code);
};

const codeIn = (text: string): string | undefined => /Code: (\d+)/.exec(text)?.[1];

const faultOfCode = (code: number, message: string, cause: unknown): PlatformError => {
  if (transientCodes.has(code))
    return new PlatformError('clickhouse_unavailable', message, { retriable: true, cause });
  const kind = limitCodes.has(code) ? 'clickhouse_limit' : 'clickhouse_rejected';
  return new PlatformError(kind, message, { retriable: false, cause });
};
