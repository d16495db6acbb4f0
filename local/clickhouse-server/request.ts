/** The parts of an HTTP request to ClickHouse, with the names of ClickHouse's own HTTP interface. */
export type ServerRequest = {
  queryId: string | undefined;
  sessionId: string | undefined;
  /** The text of `?query=`; the body, if any, then holds the rest of the statement or the data. */
  urlQuery: string | undefined;
  database: string | undefined;
  defaultFormat: string;
  /** Values exactly as sent: `SET param_x = '…'` reads the same escaping as HTTP's `param_x=…`. */
  settings: ReadonlyMap<string, string>;
  wantsCompression: boolean;
};

/** Parameters that belong to HTTP itself; every other one is a setting or a `param_*`. */
const transportParameters = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'close_session',
  'user',
  'password',
  'role',
  'quota_key',
  'compress',
  'decompress',
  'enable_http_compression',
  'http_zlib_compression_level',
  'wait_end_of_query',
  'buffer_size',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'stacktrace',
]);

export const parseRequest = (
  url: URL,
  headers: Record<string, string | string[] | undefined>,
): ServerRequest => {
  const parameter = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const header = (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const settings = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!transportParameters.has(name)) settings.set(name, value);
  }
  return {
    queryId: parameter('query_id'),
    sessionId: parameter('session_id'),
    urlQuery: parameter('query'),
    database: parameter('database') ?? header('x-clickhouse-database'),
    defaultFormat: parameter('default_format') ?? header('x-clickhouse-format') ?? 'TabSeparated',
    settings,
    wantsCompression: parameter('enable_http_compression') === '1',
  };
};
