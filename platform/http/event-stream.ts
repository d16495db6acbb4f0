import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Clock, systemClock } from '#platform/clock';
import { sleep } from '#platform/waiting/sleep';
import { wholeNumber } from './text.js';

/** One server-sent event; `id` comes back as `Last-Event-ID` when the client connects again. */
export type ServerEvent = { event?: string | undefined; id?: string | undefined; data: unknown };

/**
 * Said on a stream that is open and has nothing to send yet, or no longer, with the reason. Refused with a 503, a browser's
 * `EventSource` would not connect again. It has no id, so that a client goes on after the last event that it has.
 */
export const waitingFor = (code: string): ServerEvent => ({ event: waitingName, data: { code } });

export const waitingData = z
  .object({ code: z.string().describe('Why nothing is known yet.') })
  .meta({ id: 'StreamWaiting' });

/** The reason of an event of `waitingFor`; undefined for any other. */
export const waitedFor = ({ event, data }: ServerEvent): string | undefined =>
  event === waitingName ? (data as z.output<typeof waitingData>).code : undefined;

const waitingName = 'waiting';

/** So often a line without meaning is sent, so that no proxy takes a quiet stream for a dead one. */
const aliveEveryMs = 15_000;
/** A client connects again after this time when the stream has ended. */
const retryMs = 2_000;
/** A stream ends after so long, so that a right which was taken away ends too. Its client connects again and goes on. */
const streamSecondsMax = 300;
/** A client that takes nothing for so long is cut off: something is sent to it more often than that. */
const stalledMsMax = 60_000;

/** The event id after which a client wants to go on; undefined at its first connection. */
export const lastEventIdOf = ({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined => {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
};

/** The parameter that every route of a stream has. */
export const streamQuery = {
  seconds: wholeNumber(1, streamSecondsMax)
    .prefault(streamSecondsMax)
    .describe('The stream ends after so long. Connect again with `Last-Event-ID` to go on.'),
};

/** The `200` of a route that answers with a stream; `data` is the schema of an event's data. */
export const streamOf = <S extends z.ZodType>(description: string, data: S) => ({
  description: `Server-sent events. ${description}`,
  content: { 'text/event-stream': { schema: data } },
});

/** The `204` of a route whose stream can be over. */
export const nothingFollows = z
  .undefined()
  .describe('Nothing follows after `Last-Event-ID`: do not connect again.');

/**
 * Answers with `text/event-stream` (WHATWG HTML section 9.2): each event as soon as `events` yields it, until it ends
 * or the client goes. Events are asked for one by one, as the client reads them. `gone` aborts when the client has
 * gone, after `seconds`, when the caller's token expires, or when `stopping` aborts: then `events` has to end. When it
 * throws, the connection breaks and the client connects again. A client that does not read holds what one connection
 * buffers, and for a minute.
 */
export const sendEvents = <R>(
  reply: R,
  events: (gone: AbortSignal) => AsyncIterable<ServerEvent>,
  bounds: { stopping: AbortSignal; seconds?: number; stalledMs?: number; clock?: Pick<Clock, 'nowMs'> },
): R => {
  const { stopping, seconds = streamSecondsMax, stalledMs = stalledMsMax, clock = systemClock } = bounds;
  // The reply is typed by its route's schema, which has no word for a stream.
  const answer = reply as unknown as FastifyReply;
  const closed = new AbortController();
  const leftMs = expiryOf(answer.request) - clock.nowMs();
  const lifetime = setTimeout(() => closed.abort(), Math.max(0, Math.min(seconds * 1000, leftMs)));
  answer.raw.once('close', () => {
    clearTimeout(lifetime);
    closed.abort();
  });
  const gone = AbortSignal.any([closed.signal, stopping]);
  const lines = linesOf(events(gone), gone);
  answer
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .type('text/event-stream; charset=utf-8')
    .send(Readable.from(cuttingOff(answer.raw, lines, stalledMs), { objectMode: false }));
  return reply;
};

/** Wall time at which the caller's rights have to be shown again; never for a stranger, who has none. */
const expiryOf = ({ principal }: FastifyRequest): number =>
  principal.kind === 'anonymous'
    ? Number.POSITIVE_INFINITY
    : (principal.expiresAtMs ?? Number.POSITIVE_INFINITY);

export type Watchers = {
  /** False when there are too many already, of all or of this client's. */
  enter(response: Pick<ServerResponse, 'closed' | 'once'>, client?: string): boolean;
};

/** Counts those who watch from before anything is awaited until their connection or answer has ended. */
export const createWatchers = (max: number, maxOfClient = max): Watchers => {
  let watching = 0;
  const ofClients = new Map<string, number>();
  return {
    enter: (response, client = '') => {
      const own = ofClients.get(client) ?? 0;
      if (watching >= max || own >= maxOfClient) return false;
      // Who has gone already is not counted: there is no end to come.
      if (response.closed) return true;
      watching += 1;
      ofClients.set(client, own + 1);
      response.once('close', () => {
        watching -= 1;
        const left = (ofClients.get(client) ?? 1) - 1;
        if (left > 0) ofClients.set(client, left);
        else ofClients.delete(client);
      });
      return true;
    },
  };
};

/** Breaks the connection when the client has not asked for more in `stalledMs`. */
async function* cuttingOff(
  response: ServerResponse,
  lines: AsyncIterable<string>,
  stalledMs: number,
): AsyncGenerator<string> {
  for await (const line of lines) {
    const stalled = setTimeout(() => response.destroy(), stalledMs);
    try {
      yield line;
    } finally {
      clearTimeout(stalled);
    }
  }
}

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
