import { z } from 'zod';
import type { Clock } from '#platform/clock';
import {
  createWatchers,
  lastEventIdOf,
  type ServerEvent,
  sendEvents,
  streamOf,
  streamQuery,
  waitingData,
  waitingFor,
} from '#platform/http/event-stream';
import type { HttpApp } from '#platform/http/http-app';
import { problems, unavailable } from '#platform/http/problem-details';
import { text } from '#platform/http/text';
import type { Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { completeUpTo, updateSince } from './live.js';
import type { LiveReading, LiveStore } from './live-store.js';
import type { OutboxWatch } from './outbox-watch.js';
import { count, currency, instantOf, tzWithoutDays } from './question.js';
import { analysts, completenessFields, tags } from './row-routes.js';

/** All of them together cost one reading of Redis and one question to the outbox for each update. */
const watchersMax = 500;
/** Less than a second, so that an update a second arrives also where a machine is a little late. */
const updateEveryMs = 800;

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
  sources: { store: LiveStore; orderOutbox: OutboxWatch },
  limits: { watchersMax: number } = { watchersMax },
): void => {
  const read = sharedFor(updateEveryMs / 2, sources, clock);
  const watchers = createWatchers(limits.watchersMax);

  async function* updates(since: number | undefined, gone: AbortSignal): AsyncGenerator<ServerEvent> {
    let last = since;
    let saidWhy: string | undefined;
    while (!gone.aborted) {
      const reading = await read();
      const upToMs = reading?.upToMs ?? null;
      if (reading !== undefined && upToMs !== null) {
        const { version } = reading;
        yield {
          event: 'live',
          id: String(version),
          data: updateSince(reading, last, { upToMs, nowMs: clock.nowMs() }),
        };
        last = version;
        saidWhy = undefined;
      } else {
        // No figure is sent while it is not known up to when they are complete; those that have changed follow then.
        const why = reading === undefined ? 'live_unavailable' : 'completeness_unknown';
        if (why !== saidWhy) yield waitingFor(why);
        saidWhy = why;
      }
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
          'Each update has the windows that have changed since the one before; a window is sent again as it grows, and its last version is final. A caller who connects again with `Last-Event-ID` receives what has changed since then, as far as it is kept: 15 minutes of the short windows. While nothing is known, the stream stays open and says `waiting` once: `live_unavailable` where Redis is away, `completeness_unknown` where the jobs have not written yet, or the outbox of orders has not said how far it is. The figures follow on the same stream as soon as they are complete.',
        headers: z.object({ 'last-event-id': text(40).optional() }),
        querystring: z.strictObject({ ...streamQuery, tz: tzWithoutDays }),
        response: {
          200: streamOf(
            'Each is named `live`, or `waiting` while nothing is known.',
            z.union([update, waitingData]),
          ),
          ...problems(503),
        },
      },
    },
    async (request, reply) => {
      if (!watchers.enter(reply.raw))
        throw unavailable('too_many_watchers', 'Too many callers watch at the moment. Try again.', 10);
      const since = Number(lastEventIdOf(request) ?? Number.NaN);
      const { seconds } = request.query;
      return sendEvents(reply, (gone) => updates(Number.isSafeInteger(since) ? since : undefined, gone), {
        stopping,
        seconds,
      });
    },
  );
};

/** One reading for all who ask within `ageMsMax`, complete up to its `upToMs`. */
const sharedFor = (
  ageMsMax: number,
  { store, orderOutbox }: { store: LiveStore; orderOutbox: OutboxWatch },
  { monotonicMs }: Pick<Clock, 'monotonicMs'>,
): (() => Promise<LiveReading | undefined>) => {
  let atMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<LiveReading | undefined> = Promise.resolve(undefined);
  const readNow = async (): Promise<LiveReading | undefined> => {
    const [counted, sent] = await Promise.all([store.read(), orderOutbox.read()]);
    return counted && { ...counted, upToMs: completeUpTo(counted.upToMs, sent) };
  };
  return () => {
    if (monotonicMs() - atMs > ageMsMax) {
      atMs = monotonicMs();
      reading = readNow();
    }
    return reading;
  };
};
