import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Readable, Writable } from 'node:stream';
import { PlatformError } from '#platform/errors';

/**
 * The servers of this process, so that one of them can ask another without a socket. The same listener answers both
 * ways, so routes, hooks, limits and errors are the same; only HTTP's bytes are left out.
 */

export type LocalRequest = {
  method: string;
  /** The path with its query, as it was written. */
  path: string;
  /** In lower case. `Content-Length` or `Transfer-Encoding`, and `Host`, are added. */
  headers: Readonly<Record<string, string | string[]>>;
  body: Buffer | NodeJS.ReadableStream | null;
  /** When it aborts, the listener sees its response closed, as when a connection breaks. */
  signal: AbortSignal;
};

export type LocalAnswer = {
  statusCode: number;
  /** Names in lower case. */
  headers: Record<string, string | string[] | undefined>;
  /** A stream only where the listener writes its body piece by piece. */
  body: string | Buffer | Readable | null;
};

export type LocalServer = {
  /**
   * Resolves when the head of the answer is there. Rejects with the signal's reason, or with a retriable fault:
   * `dependency_timeout` when there is no head after `answerTimeoutMs`, `dependency_unavailable` when the listener
   * closes its response before. A body whose next piece takes longer than `silenceMsMax` is ended with `dependency_timeout`.
   */
  ask(request: LocalRequest, bounds: { answerTimeoutMs: number; silenceMsMax: number }): Promise<LocalAnswer>;
  /** Has the listener answer a request of another server by itself. */
  pass(request: IncomingMessage, response: ServerResponse): void;
};

export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

const servers = new Map<string, LocalServer>();

/** The server of this process that listens at this origin (`http://127.0.0.1:8000`), if it is one and listens now. */
export const localServerAt = (origin: string): LocalServer | undefined => servers.get(origin);

export type Announcement = {
  /** From now on `localServerAt` does not find the server. Resolves when the running requests have ended. */
  retract(): Promise<void>;
  /** Ends the requests that still run, as a broken connection does. */
  sever(): void;
};

/** Lets the other servers of this process find the one that listens at `origin`. */
export const announceLocalServer = (origin: string, listener: Listener): Announcement => {
  const running = new Set<LocalResponse | ServerResponse>();
  const host = origin.replace(/^https?:\/\//, '');
  const server: LocalServer = {
    ask: (request, bounds) =>
      new Promise((resolve, reject) => {
        const response = new LocalResponse(request, bounds, resolve, reject);
        running.add(response);
        const incoming = new LocalMessage(request, host);
        response.once('close', () => {
          running.delete(response);
          if (response.writableFinished) {
            incoming.dropRest();
            return;
          }
          incoming.aborted = true;
          incoming.destroy();
        });
        try {
          listener(incoming as unknown as IncomingMessage, response as unknown as ServerResponse);
        } catch (error) {
          reject(error);
          response.destroy();
        }
      }),
    pass: (request, response) => {
      running.add(response);
      response.once('close', () => running.delete(response));
      passed.add(request);
      listener(request, response);
    },
  };
  servers.set(origin, server);
  return {
    retract: async () => {
      if (servers.get(origin) === server) servers.delete(origin);
      await Promise.all(
        [...running].map((response) => new Promise<unknown>((done) => response.once('close', done))),
      );
    },
    sever: () => {
      for (const response of running) response.destroy();
    },
  };
};

/** True for a request that came from another server of this process. */
export const isLocal = (raw: object): boolean => raw instanceof LocalMessage || passed.has(raw);

const passed = new WeakSet<object>();

const localSocket = Object.freeze({ remoteAddress: '127.0.0.1', destroyed: false });

/** The part of `IncomingMessage` that listeners use. */
class LocalMessage extends Readable {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion = '1.1';
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  readonly socket = localSocket;
  readonly connection = localSocket;
  /** As of a message from a socket: the caller has left, so what fails by that is no fault. */
  aborted = false;
  readonly #body: LocalRequest['body'];
  #letGo: (() => void) | undefined;

  constructor({ method, path, headers, body }: LocalRequest, host: string) {
    super();
    this.method = method;
    this.url = path;
    this.#body = body;
    const all: IncomingHttpHeaders = { ...headers, host };
    if (Buffer.isBuffer(body)) all['content-length'] = String(body.length);
    else if (body !== null) all['transfer-encoding'] = 'chunked';
    this.headers = all;
    if (body !== null && !Buffer.isBuffer(body)) this.#follow(body);
  }

  /**
   * Reads what is left of a streamed body that was answered before its end. Left paused, it would stand before the next request
   * on its connection.
   */
  dropRest(): void {
    this.#letGo?.();
  }

  #follow(source: NodeJS.ReadableStream): void {
    let ended = false;
    // An error ends the process where nobody listens, and a listener that has refused the request does not.
    this.on('error', () => {});
    const take = (chunk: Buffer): void => {
      if (!this.push(chunk)) source.pause();
    };
    source.on('data', take);
    source.pause();
    this.#letGo = () => {
      source.off('data', take);
      if (!ended) source.resume();
    };
    source.once('end', () => {
      ended = true;
      this.push(null);
    });
    source.once('close', () => {
      if (!ended) this.destroy(connectionLost());
    });
    source.on('error', (error) => this.destroy(error));
  }

  override _read(): void {
    if (this.#body === null || Buffer.isBuffer(this.#body)) {
      if (this.#body !== null) this.push(this.#body);
      this.push(null);
    } else this.#body.resume();
  }
}

type HeaderValue = number | string | readonly string[];

/** The part of `ServerResponse` that listeners use. A body that is written at once, by `end`, is not made a stream. */
class LocalResponse extends Writable {
  statusCode = 200;
  statusMessage = '';
  headersSent = false;
  sendDate = false;
  readonly socket = localSocket;
  readonly #headers: LocalAnswer['headers'] = Object.create(null);
  readonly #isHead: boolean;
  readonly #signal: AbortSignal;
  readonly #silenceMsMax: number;
  readonly #resolve: (answer: LocalAnswer) => void;
  readonly #reject: (error: unknown) => void;
  #timer: NodeJS.Timeout;
  #body: Readable | undefined;
  #bodyWanted: (() => void) | undefined;

  constructor(
    { method, signal }: LocalRequest,
    { answerTimeoutMs, silenceMsMax }: { answerTimeoutMs: number; silenceMsMax: number },
    resolve: (answer: LocalAnswer) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#isHead = method === 'HEAD';
    this.#signal = signal;
    this.#silenceMsMax = silenceMsMax;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#fail(late(`no answer in ${answerTimeoutMs} ms`)), answerTimeoutMs);
    if (signal.aborted) process.nextTick(this.#onAbort);
    else signal.addEventListener('abort', this.#onAbort);
  }

  setHeader(name: string, value: HeaderValue): this {
    this.#headers[name.toLowerCase()] = Array.isArray(value) ? [...value] : String(value);
    return this;
  }

  appendHeader(name: string, value: string | readonly string[]): this {
    const known = this.#headers[name.toLowerCase()];
    return this.setHeader(name, known === undefined ? value : [known, value].flat());
  }

  getHeader(name: string): string | string[] | undefined {
    return this.#headers[name.toLowerCase()];
  }

  hasHeader(name: string): boolean {
    return this.#headers[name.toLowerCase()] !== undefined;
  }

  removeHeader(name: string): void {
    delete this.#headers[name.toLowerCase()];
  }

  getHeaders(): LocalAnswer['headers'] {
    return { ...this.#headers };
  }

  getHeaderNames(): string[] {
    return Object.keys(this.#headers);
  }

  writeHead(
    statusCode: number,
    second?: string | Record<string, HeaderValue | undefined>,
    third?: Record<string, HeaderValue | undefined>,
  ): this {
    this.statusCode = statusCode;
    const headers = typeof second === 'object' ? second : third;
    for (const name in headers) if (headers[name] !== undefined) this.setHeader(name, headers[name]);
    return this;
  }

  flushHeaders(): void {
    if (!this.headersSent) this.#beginStream();
  }

  override end(...given: unknown[]): this {
    const [chunk, encoding] = given;
    const done = given.find((each) => typeof each === 'function') as (() => void) | undefined;
    const content = typeof chunk === 'string' || Buffer.isBuffer(chunk) ? chunk : null;
    const charset = typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
    if (this.headersSent || this.destroyed) {
      if (content !== null) this.write(content, charset);
    } else {
      clearTimeout(this.#timer);
      this.#begin(
        typeof content === 'string' && charset !== 'utf8' ? Buffer.from(content, charset) : content,
      );
    }
    return super.end(done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.headersSent) this.#beginStream();
    this.#timer.refresh();
    if (this.#isHead || this.#body?.push(chunk) !== false) done();
    else this.#bodyWanted = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#body?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (!this.headersSent) this.#reject(error ?? connectionLost());
    else if (!this.writableFinished) this.#body?.destroy(error ?? connectionLost());
    done(error);
  }

  readonly #onAbort = (): void => this.#fail(this.#signal.reason);

  /** Ends the request as a broken connection does: the listener sees `close`. */
  #fail(reason: unknown): void {
    if (!this.headersSent) this.#reject(reason);
    this.#body?.destroy(reason as Error);
    this.destroy();
  }

  #beginStream(): void {
    const body = new Readable({
      read: () => {
        const wanted = this.#bodyWanted;
        this.#bodyWanted = undefined;
        wanted?.();
      },
      destroy: (error, done) => {
        this.destroy();
        done(error);
      },
    });
    // The caller may have gone away, and then nobody listens.
    body.on('error', () => {});
    this.#body = body;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#fail(late(`nothing for ${this.#silenceMsMax} ms`)),
      this.#silenceMsMax,
    );
    this.#begin(body);
  }

  #begin(body: LocalAnswer['body']): void {
    this.headersSent = true;
    this.#resolve({ statusCode: this.statusCode, headers: this.#headers, body: this.#isHead ? null : body });
  }
}

const late = (message: string): PlatformError =>
  new PlatformError('dependency_timeout', message, { retriable: true });

const connectionLost = (): PlatformError =>
  new PlatformError('dependency_unavailable', 'the connection was lost', { retriable: true });
