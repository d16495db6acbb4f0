import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Session } from 'chdb';
import { createBoundedMap } from '#platform/bounded-map';
import { answerEncoding, decodedBody } from './encoding.js';
import { asFailure, refusal } from './failure.js';
import { foreignSender } from './foreign-request.js';
import { createNamedSessions } from './named-sessions.js';
import { parseRequest, type ServerRequest } from './request.js';
import { createSessionNiceness, nicenessOf } from './session-niceness.js';
import { createSessionPool, type EngineSession } from './sessions.js';
import { createSpool } from './spool.js';
import { inlineDataStart, insertFromFile, readStatement, type Statement } from './statement.js';

export type ClickHouseServerOptions = {
  dataDir: string;
  configFile: string;
  spoolMemoryDir: string;
  spoolDiskDir: string;
  querySessionsMax: number;
  insertSessionsMax: number;
  waitersMax: number;
  /** The most bytes of a statement in a body, which is held in memory. */
  statementBytesMax: number;
  spoolMemoryBytesMax: number;
};

/**
 * A result up to this size is computed on another thread and kept. The engine opens a stream on the event loop, which costs
 * a small statement as much again and holds up all others, so only what is larger is asked for again as a stream; the same statement at once from then on.
 */
const keptResultBytesMax = 4 * 1024 * 1024;
const keptSetting = 'max_result_bytes';
const largeStatementsCharsMax = 1_000_000;

type Answer = {
  rows: number;
  bytes: number;
  written: boolean;
  elapsedSeconds: number;
  chunks: AsyncIterable<Uint8Array>;
  /** All of it, where it is there already. */
  whole?: Uint8Array;
};

// Over seventy lines: the steps of one request, which share its sessions, its spool and its end.
/**
 * ClickHouse's HTTP interface for the engine in this process. Inserts have sessions of their own, so that neither
 * analytics nor ingest has to wait for a burst of the other.
 */
export const createClickHouseServer = (
  options: ClickHouseServerOptions,
): { server: Server; close(): void } => {
  const open = (): Session =>
    new Session(options.dataDir, { connectionArgs: [`--config-file=${options.configFile}`] });
  const queries = createSessionPool(open, {
    sizeMax: options.querySessionsMax,
    waitersMax: options.waitersMax,
  });
  const inserts = createSessionPool(open, {
    sizeMax: options.insertSessionsMax,
    waitersMax: options.waitersMax,
  });
  const health = createSessionPool(open, { sizeMax: 1, waitersMax: 8 });
  const useNamed = createNamedSessions(open, { sizeMax: 16, idleMs: 60_000 });
  const spool = createSpool({
    memoryDir: options.spoolMemoryDir,
    diskDir: options.spoolDiskDir,
    memoryBytesMax: options.spoolMemoryBytesMax,
  });

  const niceness = createSessionNiceness();

  /** Statements whose results were too large to keep. */
  const large = createBoundedMap<true>(largeStatementsCharsMax);

  const inSession = async <T>(
    request: ServerRequest,
    pool: typeof queries,
    work: (session: EngineSession) => Promise<T>,
  ): Promise<T> => {
    const prepared = async (session: EngineSession): Promise<T> => {
      await session.bring({ database: request.database ?? 'default', settings: request.settings });
      return work(session);
    };
    return request.sessionId === undefined ? pool.use(prepared) : useNamed(request.sessionId, prepared);
  };

  const answer = async (
    request: ServerRequest,
    statement: Statement,
    data: { body: Readable; bytes: number | undefined } | undefined,
    send: (answer: Answer, format: string) => Promise<void>,
  ): Promise<void> => {
    if (statement.kind === 'insert-data') {
      const source = data ?? { body: Readable.from([]), bytes: 0 };
      await spool.hold(source.body, source.bytes, (file) =>
        inSession(request, inserts, async ({ engine }) => {
          const result = await engine.queryAsync(insertFromFile(statement.sql, file));
          await send(summed(result, true), request.defaultFormat);
        }),
      );
      return;
    }
    const isBoundable = mayBeBounded(request, statement);
    if (statement.kind === 'select' && isBoundable && large.get(statement.sql) === undefined) {
      const kept = await inSession(boundedTo(keptResultBytesMax, request), queries, ({ engine }) =>
        engine.queryAsync(statement.sql, { format: statement.format }),
      ).catch(unlessTooLarge);
      if (kept !== undefined) return await send(summed(kept, false), statement.format);
      large.set(statement.sql, true, statement.sql.length);
    }
    // What has no result has the bound too, because each change of a setting is a statement of its own.
    const bytesMax = statement.kind === 'select' ? 0 : keptResultBytesMax;
    const own = isBoundable ? boundedTo(bytesMax, request) : request;
    await inSession(own, queries, async (session) => {
      if (statement.kind === 'select' && statement.streamable) {
        const chunks = session.engine.queryStream(statement.sql, { format: statement.format });
        await send(
          { rows: 0, bytes: 0, written: false, elapsedSeconds: 0, chunks: rawChunks(chunks) },
          statement.format,
        );
        return;
      }
      // Without a `session_id` a server drops the effects of SET and USE after its answer.
      if (statement.kind === 'session' && request.sessionId === undefined) session.spoil();
      const format = statement.kind === 'session' ? request.defaultFormat : statement.format;
      const result = await session.engine.queryAsync(statement.sql, { format });
      await send(summed(result, false), format);
    });
  };

  const server = createServer({ maxHeaderSize: 1 << 20, keepAliveTimeout: 30_000 }, (incoming, response) => {
    handle(incoming, response).catch((error: unknown) => fail(response, error));
  });

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const foreign = foreignSender(incoming.headers);
    if (foreign !== undefined) {
      // Its body is not read.
      response
        .writeHead(403, { connection: 'close' })
        .end(`This engine serves its own machine only: ${foreign}.\n`);
      return;
    }
    const url = new URL(incoming.url ?? '/', 'http://localhost');
    if (
      url.pathname === '/ping' ||
      (url.pathname === '/' && incoming.method === 'GET' && url.search === '')
    ) {
      response.end('Ok.\n');
      return;
    }
    if (url.pathname === '/health') {
      // The ping has a session of its own, because a full pool means load, not a failure.
      await health.use(({ engine }) => engine.queryAsync('SELECT 1'));
      response.end('Ok.\n');
      return;
    }
    if (url.pathname !== '/') {
      response.writeHead(404).end('There is no such path; try / or /ping\n');
      return;
    }
    const request = parseRequest(url, incoming.headers);
    const queryId = request.queryId ?? randomUUID();
    response.setHeader('X-ClickHouse-Query-Id', queryId);
    response.setHeader('X-ClickHouse-Server-Display-Name', 'cartstream');
    response.setHeader('X-ClickHouse-Timezone', 'UTC');

    const { statement, data } = await readRequest(request, incoming);
    await niceness.during(nicenessOf(statement), () =>
      answer(request, statement, data, async (result, format) => {
        await write(response, result, format, answerEncoding(request.wantsCompression, header(incoming)));
      }),
    );
  };

  const readRequest = async (request: ServerRequest, incoming: IncomingMessage) => {
    const sent = decodedBody(incoming);
    if (request.urlQuery !== undefined && request.urlQuery.trim() !== '') {
      const statement = readStatement(request.urlQuery, request.defaultFormat, hasBody(incoming));
      if (statement.kind === 'insert-data') return { statement, data: sent };
      const rest = await readAll(sent.body, options.statementBytesMax);
      const sql = rest.length === 0 ? request.urlQuery : `${request.urlQuery}\n${rest.toString('utf8')}`;
      return { statement: readStatement(sql, request.defaultFormat, false), data: undefined };
    }
    const body = await readAll(sent.body, options.statementBytesMax);
    const sql = body.toString('latin1');
    const start = /^\s*insert\b/i.test(sql.slice(0, 200)) ? inlineDataStart(sql) : -1;
    if (start < 0) {
      return {
        statement: readStatement(body.toString('utf8'), request.defaultFormat, false),
        data: undefined,
      };
    }
    const head = body.subarray(0, start).toString('utf8');
    const rest = body.subarray(start);
    return {
      statement: readStatement(head, request.defaultFormat, true),
      data: { body: Readable.from([rest]), bytes: rest.length },
    };
  };

  return {
    server,
    close() {
      server.closeAllConnections();
      server.close();
      queries.close();
      inserts.close();
      health.close();
    },
  };
};

/** Not one that has a bound, or settings, of its own. */
const mayBeBounded = (request: ServerRequest, { sql }: Statement): boolean =>
  request.sessionId === undefined &&
  !request.settings.has(keptSetting) &&
  !request.settings.has('result_overflow_mode') &&
  !cutsResult.test(sql);

const boundedTo = (bytesMax: number, request: ServerRequest): ServerRequest => ({
  ...request,
  settings: new Map([...request.settings, [keptSetting, `${bytesMax}`]]),
});

/** With `result_overflow_mode = 'break'` the bound would cut the result instead of refusing it. */
const cutsResult = /\bbreak\b/i;

const unlessTooLarge = (error: unknown): undefined => {
  if (error instanceof Error && /Code: 396\b.*max bytes/s.test(error.message)) return undefined;
  throw error;
};

const header = (incoming: IncomingMessage): string | undefined => {
  const accepted = incoming.headers['accept-encoding'];
  return Array.isArray(accepted) ? accepted.join(',') : accepted;
};

const hasBody = (incoming: IncomingMessage): boolean =>
  incoming.headers['transfer-encoding'] !== undefined || Number(incoming.headers['content-length'] ?? 0) > 0;

const readAll = async (body: Readable, bytesMax: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw refusal(62, 'SYNTAX_ERROR', 413, `A statement in the body may have ${bytesMax} bytes at most`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

async function* rawChunks(chunks: AsyncIterable<{ raw(): Uint8Array }>): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) yield chunk.raw();
}

const summed = (
  result: { rowsRead: number; bytesRead: number; elapsed: number; bytes(): Uint8Array },
  written: boolean,
): Answer => {
  const whole = result.bytes();
  async function* once(): AsyncIterable<Uint8Array> {
    if (whole.length > 0) yield whole;
  }
  return {
    rows: result.rowsRead,
    bytes: result.bytesRead,
    written,
    elapsedSeconds: result.elapsed,
    chunks: once(),
    whole,
  };
};

const contentTypes = new Map([
  ['JSON', 'application/json; charset=UTF-8'],
  ['JSONCompact', 'application/json; charset=UTF-8'],
  ['JSONEachRow', 'application/x-ndjson; charset=UTF-8'],
  ['JSONCompactEachRow', 'application/x-ndjson; charset=UTF-8'],
  ['CSV', 'text/csv; charset=UTF-8; header=absent'],
  ['CSVWithNames', 'text/csv; charset=UTF-8; header=present'],
  ['TabSeparated', 'text/tab-separated-values; charset=UTF-8'],
]);

/** Headers are sent with the first chunk, so that a failure before it can still become an error answer. */
const write = async (
  response: ServerResponse,
  answer: Answer,
  format: string,
  encoding: { name: string; encoder: () => NodeJS.ReadWriteStream } | undefined,
): Promise<void> => {
  const chunks = answer.chunks[Symbol.asyncIterator]();
  const first = await chunks.next();
  const read = answer.written ? 0 : answer.rows;
  response.setHeader(
    'X-ClickHouse-Summary',
    JSON.stringify({
      read_rows: `${answer.rows}`,
      read_bytes: `${answer.bytes}`,
      written_rows: `${answer.written ? answer.rows : 0}`,
      written_bytes: `${answer.written ? answer.bytes : 0}`,
      total_rows_to_read: '0',
      result_rows: `${read}`,
      result_bytes: `${answer.written ? 0 : answer.bytes}`,
      elapsed_ns: `${Math.round(answer.elapsedSeconds * 1e9)}`,
    }),
  );
  response.setHeader('X-ClickHouse-Format', format);
  response.setHeader('Content-Type', contentTypes.get(format) ?? 'text/plain; charset=UTF-8');
  if (first.done) {
    response.end();
    return;
  }
  if (answer.whole !== undefined && !encoding) {
    // In one piece with the headers.
    response.end(answer.whole);
    return;
  }
  async function* rest(): AsyncIterable<Uint8Array> {
    yield first.value as Uint8Array;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  }
  try {
    if (!encoding) {
      await pipeline(Readable.from(rest()), response);
      return;
    }
    response.setHeader('Content-Encoding', encoding.name);
    await pipeline(Readable.from(rest()), encoding.encoder(), response);
  } finally {
    // If a client goes away half-way, its stream must be closed before another client gets the session.
    await chunks.return?.();
  }
};

const fail = (response: ServerResponse, error: unknown): void => {
  const failure = asFailure(error);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.removeHeader('Content-Encoding');
  response.writeHead(failure.status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': `${failure.code}`,
    Connection: 'close',
  });
  response.end(`${failure.message}\n`);
};
