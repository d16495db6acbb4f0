import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sleep } from '#platform/waiting/sleep';

/** One server-sent event; `id` comes back as `Last-Event-ID` when the client connects again. */
export type ServerEvent = { event?: string; id?: string; data: unknown };

/** So often a line without meaning is sent, so that no proxy takes a quiet stream for a dead one. */
const aliveEveryMs = 15_000;
/** A client connects again after this time when the stream has ended. */
const retryMs = 2_000;

/** The event id after which a client wants to go on; undefined at its first connection. */
export const lastEventIdOf = ({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined => {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
};

/**
 * Answers with `text/event-stream` (WHATWG HTML section 9.2): each event as soon as `events` yields it, until it ends or
 * the client goes. Events are asked for one by one, as the client reads them. `gone` aborts when the client has gone or
 * `stopping` aborts: then `events` has to end. When it throws, the connection breaks and the client connects again.
 */
export const sendEvents = <R>(
  reply: R,
  events: (gone: AbortSignal) => AsyncIterable<ServerEvent>,
  stopping: AbortSignal,
): R => {
  // The reply is typed by its route's schema, which has no word for a stream.
  const answer = reply as unknown as FastifyReply;
  const closed = new AbortController();
  answer.raw.once('close', () => closed.abort());
  const gone = AbortSignal.any([closed.signal, stopping]);
  answer
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .type('text/event-stream; charset=utf-8')
    .send(Readable.from(linesOf(events(gone), gone), { objectMode: false }));
  return reply;
};

async function* linesOf(events: AsyncIterable<ServerEvent>, gone: AbortSignal): AsyncGenerator<string> {
  yield `retry: ${retryMs}\n\n`;
  const iterator = events[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      const result = await nextOrNothing(next, gone);
      if (gone.aborted || result?.done === true) return;
      if (result === undefined) yield ': \n\n';
      else {
        yield lines(result.value);
        next = iterator.next();
      }
    }
  } finally {
    await iterator.return?.();
  }
}

/** Undefined when nothing has come in `aliveEveryMs`, or the client has gone. */
const nextOrNothing = async <T>(next: Promise<T>, gone: AbortSignal): Promise<T | undefined> => {
  const waiting = new AbortController();
  try {
    const nothing = sleep(aliveEveryMs, { signal: AbortSignal.any([gone, waiting.signal]) });
    return await Promise.race([next, nothing.then(() => undefined)]);
  } finally {
    waiting.abort();
  }
};

const lines = ({ event, id, data }: ServerEvent): string =>
  `${event === undefined ? '' : `event: ${event}\n`}${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
