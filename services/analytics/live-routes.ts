import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { lastEventIdOf, type ServerEvent, sendEvents } from '#platform/http/event-stream';
import { problems, unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { text, wholeNumber } from '#platform/http/text';
import type { Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { updateSince } from './live.js';
import type { LiveReading, LiveStore } from './live-store.js';
import { count, currency, instantOf } from './question.js';
import { analysts, completenessFields, tags } from './row-routes.js';

/** All of them together cost one reading of Redis for each update. */
const watchersMax = 500;
/** Less than a second, so that an update a second arrives also where a machine is a little late. */
const updateEveryMs = 800;
/** A stream ends after so long, so that a role which was taken away ends too. The caller connects again. */
const streamSecondsMax = 300;

const amounts = z.array(z.object({ currency, amountMinor: count }));
const window = z.object({
  from: instantOf,
  to: instantOf,
  orders: count.describe('Orders confirmed.'),
  gmv: amounts.describe('The amounts of their lines.'),
  refunds: amounts.describe('Positive.'),
  visitors: count.describe('Visits with an action; an estimate within some percent beyond 8,192.'),
  conversion: z.number().nullable().describe('Orders per visitor; null without visitors.'),
});
const update = z
  .object({
    ...completenessFields,
    tenSeconds: z
      .array(window)
      .describe('The windows of ten seconds that have changed since the last update.'),
    minutes: z.array(window).describe('The same of a minute.'),
  })
  .meta({ id: 'LiveUpdate' });

/** `GET /api/analytics/live`: what happens in the shop now, as server-sent events. */
export const liveRoutes = (
  app: HttpApp,
  { clock, stopping }: Pick<Host, 'clock' | 'stopping'>,
  store: LiveStore,
  limits: { watchersMax: number } = { watchersMax },
): void => {
  const { read } = sharedFor(updateEveryMs / 2, store, clock);
  const watchers = createWatchers(limits.watchersMax);

  async function* updates(since: number | undefined, seconds: number, gone: AbortSignal) {
    const untilMs = clock.monotonicMs() + seconds * 1000;
    let last = since;
    while (!gone.aborted && clock.monotonicMs() < untilMs) {
      const reading = await read();
      // Without Redis the stream ends; the caller connects again and is refused until it is back.
      if (reading === undefined) return;
      const data = updateSince(reading, last, clock.nowMs());
      yield { event: 'live', id: String(reading.version), data } satisfies ServerEvent;
      last = reading.version;
      await sleep(updateEveryMs, { signal: gone });
    }
  }

  app.get(
    '/api/analytics/live',
    {
      access: analysts,
      schema: {
        tags,
        summary: 'Orders, money and visitors now: at least one update a second.',
        description:
          'Server-sent events of the name `live`. Each update has the windows that have changed since the one before; a window is sent again as it grows, and its last version is final. A caller who connects again with `Last-Event-ID` receives what has changed since then, as far as it is kept: 15 minutes of the short windows. A stream ends after five minutes; connect again.',
        headers: z.object({ 'last-event-id': text(40).optional() }),
        querystring: z.strictObject({
          seconds: wholeNumber(1, streamSecondsMax)
            .prefault(streamSecondsMax)
            .describe('The stream ends after so long.'),
        }),
        response: {
          200: { description: 'The updates.', content: { 'text/event-stream': { schema: update } } },
          ...problems(503),
        },
      },
    },
    async (request, reply) => {
      if (!watchers.enter(reply.raw))
        throw unavailable('too_many_watchers', 'Too many callers watch at the moment. Try again.', 10);
      if ((await read()) === undefined)
        throw unavailable('live_unavailable', 'Live figures are not available at the moment.', 2);
      const since = Number(lastEventIdOf(request) ?? Number.NaN);
      const { seconds } = request.query;
      return sendEvents(
        reply,
        (gone) => updates(Number.isSafeInteger(since) ? since : undefined, seconds, gone),
        stopping,
      );
    },
  );
};

/** Counts those who watch from before anything is awaited until their connection or answer has ended. */
const createWatchers = (max: number) => {
  let watching = 0;
  return {
    /** False when there are too many. */
    enter: (response: Pick<ServerResponse, 'closed' | 'once'>): boolean => {
      if (watching >= max) return false;
      // Who has gone already is not counted: there is no end to come.
      if (response.closed) return true;
      watching += 1;
      response.once('close', () => {
        watching -= 1;
      });
      return true;
    },
  };
};

/** One reading for all who ask within `ageMsMax`. */
const sharedFor = (
  ageMsMax: number,
  store: LiveStore,
  { monotonicMs }: Pick<Clock, 'monotonicMs'>,
): LiveStore => {
  let atMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<LiveReading | undefined> = Promise.resolve(undefined);
  return {
    read: () => {
      if (monotonicMs() - atMs > ageMsMax) {
        atMs = monotonicMs();
        reading = store.read();
      }
      return reading;
    },
  };
};
