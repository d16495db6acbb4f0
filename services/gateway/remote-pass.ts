import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher, Pool } from 'undici';

/** An instance in another process, for reads whose answers are passed on as they come. */
export type RemoteServer = {
  /** Sends the request without its body, and writes the answer to `response`. */
  pass(request: IncomingMessage, response: ServerResponse, on: RemoteEvents): void;
};

export type RemoteEvents = {
  /** The whole answer came at once, and `response` has it now. */
  answered(status: number, headers: IncomingHttpHeaders, body: Buffer): void;
  /** There was no answer; nothing was written. */
  failed(error: Error): void;
};

/** Headers of one connection, or that each server sets itself. */
const notPassed = new Set([
  'connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'host',
  'date',
]);
/** With these the router forwards: a body, another protocol, and headers of which the client says what they are. */
const routed = ['content-length', 'transfer-encoding', 'upgrade', 'expect', 'proxy-connection'] as const;

/** True for a request that is sent on by its method, path and headers alone. */
export const isPassable = ({ headers }: IncomingMessage): boolean => {
  const { connection } = headers;
  if (connection !== undefined && connection !== 'keep-alive' && connection !== 'close') return false;
  return routed.every((name) => headers[name] === undefined);
};

/** Attempts of a read, since a service may close a kept connection just when the request is sent. */
const attemptsMax = 2;

export type RemotePasses = {
  /** Undefined while as many requests run as there are connections. */
  server(): RemoteServer | undefined;
};

/**
 * Passes requests on over `pool`, `runningMax` at once. It asks once more where the connection was lost before an
 * answer; `settled` is called at the end of every request but of those whose caller has left.
 */
export const createRemotePasses = (
  pool: Pool,
  runningMax: number,
  { wasDropped, settled }: { wasDropped(error: unknown): boolean; settled(isAnswered: boolean): void },
): RemotePasses => {
  let running = 0;
  const send = (request: IncomingMessage, response: ServerResponse, on: RemoteEvents, attempt: number) => {
    running += 1;
    const receiver = receiving(response, {
      answered: on.answered,
      ended: () => {
        running -= 1;
        settled(true);
      },
      failed: (error) => {
        running -= 1;
        if (response.destroyed) return;
        if (!response.headersSent && attempt < attemptsMax && wasDropped(error))
          return send(request, response, on, attempt + 1);
        settled(false);
        if (response.headersSent) response.destroy();
        else on.failed(error);
      },
    });
    pool.dispatch({ method: 'GET', path: request.url ?? '', headers: passedOn(request.headers) }, receiver);
  };
  const server: RemoteServer = { pass: (request, response, on) => send(request, response, on, 1) };
  return { server: () => (running < runningMax ? server : undefined) };
};

type Receiver = {
  answered: RemoteEvents['answered'];
  ended(): void;
  failed(error: Error): void;
};

/** An answer that comes in one piece is written at once, any other piece by piece, as fast as its reader takes it. */
const receiving = (response: ServerResponse, to: Receiver): Dispatcher.DispatchHandler => {
  let status = 0;
  let headers: IncomingHttpHeaders = {};
  let onClose = (): void => {};
  const writeHead = () => response.writeHead(status, passedOn(headers));
  return {
    onRequestStart: (controller) => {
      // Its end has come already, while the request waited for a connection.
      if (response.destroyed) return controller.abort(callerGone);
      onClose = () => controller.abort(callerGone);
      response.once('close', onClose);
    },
    onResponseStart: (_controller, statusCode, received) => {
      if (statusCode < 200) return;
      status = statusCode;
      headers = received;
      // A body whose length nobody knows may be long in coming: its head is sent at once.
      if (headers['transfer-encoding'] !== undefined) writeHead();
    },
    onResponseData: (controller, chunk) => {
      if (!response.headersSent) {
        writeHead();
        if (chunk.length === Number(headers['content-length'])) {
          response.removeListener('close', onClose);
          response.end(chunk);
          return to.answered(status, headers, chunk);
        }
      }
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd: () => {
      response.removeListener('close', onClose);
      if (!response.headersSent) writeHead();
      if (!response.writableEnded) response.end();
      to.ended();
    },
    onResponseError: (_controller, error) => {
      response.removeListener('close', onClose);
      to.failed(error);
    },
  };
};

const callerGone = Object.assign(new Error('the caller has gone away'), { name: 'AbortError' });

const passedOn = (headers: IncomingHttpHeaders): Record<string, string | string[]> => {
  const passed: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !notPassed.has(name)) passed[name] = value;
  }
  return passed;
};
