import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { networkOf } from '#platform/http/client-address';
import {
  createWatchers,
  lastEventIdOf,
  nothingFollows,
  type ServerEvent,
  sendEvents,
  streamOf,
  streamQuery,
  waitedFor,
} from '#platform/http/event-stream';
import type { HttpApp } from '#platform/http/http-app';
import { problems, unavailable } from '#platform/http/problem-details';
import { text } from '#platform/http/text';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';
import type { Opened, OpenTopic } from './live-calls.js';
import {
  idOf,
  opsSignals,
  positionsCharsMax,
  positionsIn,
  type TopicName,
  topicsIn,
  topicsText,
} from './live-topics.js';
import type { Places } from './load-shedding.js';

const watchersMax = 2_000;
/** Of one account or address: many browsers behind one address are its usual many. */
const watchersOfClientMax = 100;
const reopen = { minMs: 500, maxMs: 15_000, jitter: 0.2 };

export type LiveRouteDeps = {
  open: OpenTopic;
  stopping: AbortSignal;
  places: Pick<Places, 'leave'>;
  limits?: { watchersMax: number; watchersOfClientMax: number };
};

const description = `Topics: \`analytics\` (roles analyst and admin; what \`/api/analytics/live\` sends), \`ops\` (staff; what staff should know of at once, whenever it changes, as \`OpsSignals\`) and \`orders.<id>\` (the order's buyer, its guest by \`X-Order-Token\`, and staff; what \`/api/orders/{id}/stream\` sends).

Each event is named after its topic and has the data of that topic's own stream; its id says how far each topic is, so \`Last-Event-ID\` goes on in all of them. \`topic-away\` \`{topic, code}\` says that a topic's source does not answer at the moment, or has nothing to report yet (\`completeness_unknown\`): the stream goes on when it does, and the other topics are not held up. \`topic-over\` \`{topic}\` says that nothing more comes of a topic: the order is confirmed or cancelled. \`topic-refused\` \`{topic, code}\` says that it may not be watched any more.

A caller who may not have one of the topics gets its problem and no stream. A stream ends after five minutes, or when the caller’s token expires; connect again, with a fresh one.`;

/** `GET /api/live`: several topics on one connection, since a browser has six. */
export const liveRoutes = (app: HttpApp, deps: LiveRouteDeps): void => {
  const { open, stopping, places, limits = { watchersMax, watchersOfClientMax } } = deps;
  const watchers = createWatchers(limits.watchersMax, limits.watchersOfClientMax);
  app.get(
    '/api/live',
    {
      access: 'public',
      schema: {
        tags: ['live'],
        summary: 'Several topics as server-sent events on one connection.',
        description,
        headers: z.object({
          'last-event-id': text(positionsCharsMax).optional(),
          'x-order-token': text(200).optional().describe('For the topic of a guest’s order.'),
        }),
        querystring: z.strictObject({
          topics: topicsText.describe('One to twenty topics, separated by commas.'),
          ...streamQuery,
        }),
        response: {
          200: streamOf('Each is named after its topic.', z.union([opsSignals, z.looseObject({})])),
          204: nothingFollows,
          ...problems(404),
        },
      },
    },
    async (request, reply) => {
      if (!watchers.enter(reply.raw, clientOf(request)))
        throw unavailable('too_many_watchers', 'Too many callers watch at the moment. Try again.', 10);
      const { topics: named, seconds } = request.query;
      const positions = positionsIn(lastEventIdOf(request));
      const left = new AbortController();
      reply.raw.once('close', () => left.abort());
      const topics = topicsIn(named);
      const opened = await Promise.all(
        topics.map((topic) => open(topic, request, positions.get(topic), left.signal)),
      );
      const refused = opened.find((each) => each.kind === 'refused');
      if (refused !== undefined) {
        left.abort();
        throw refused.problem;
      }
      if (opened.every(({ kind }) => kind === 'over')) return reply.code(204).send();
      const [first] = opened;
      if (first?.kind === 'away' && opened.every(({ kind }) => kind === 'away' || kind === 'over'))
        throw unavailable(
          first.code,
          'What was asked for is not available at the moment.',
          first.retryAfterS,
        );
      places.leave(reply.raw);
      const events = (gone: AbortSignal) => {
        gone.addEventListener('abort', () => left.abort());
        const known = new Map(topics.flatMap((topic) => [[topic, positions.get(topic)] as const]));
        const again = (topic: TopicName) => open(topic, request, known.get(topic), gone);
        return withPositions(
          merged(topics.map((topic, at) => topicEvents(topic, opened[at] as Opened, again, gone))),
          known,
        );
      };
      return sendEvents(reply, events, { stopping, seconds });
    },
  );
};

const clientOf = (request: FastifyRequest): string =>
  request.principal.kind === 'user' ? request.principal.userId : networkOf(request);

type TopicEvent = { topic: TopicName; event: ServerEvent };

/** The events of one topic, over as many connections to its source as it takes. */
async function* topicEvents(
  topic: TopicName,
  first: Opened,
  again: (topic: TopicName) => Promise<Opened>,
  gone: AbortSignal,
): AsyncGenerator<TopicEvent> {
  const said = (event: string, code?: string): TopicEvent => ({
    topic,
    event: { event, data: { topic, ...(code === undefined ? {} : { code }) } },
  });
  let failures = 0;
  let isSaidAway = false;
  let opened = first;
  while (!gone.aborted) {
    if (opened.kind === 'over') return yield said('topic-over');
    // A token that has expired says nothing of the caller's rights: this stream is about to end for the same reason.
    const isExpired = opened.kind === 'refused' && opened.problem.status === 401;
    if (opened.kind === 'refused' && !isExpired) return yield said('topic-refused', opened.problem.code);
    failures += 1;
    if (opened.kind !== 'events') {
      if (!isSaidAway) yield said('topic-away', opened.kind === 'away' ? opened.code : opened.problem.code);
      isSaidAway = true;
    } else
      try {
        isSaidAway = false;
        for await (const event of opened.events) {
          failures = 0;
          const reason = waitedFor(event);
          if (reason !== undefined) yield said('topic-away', reason);
          else yield { topic, event: { ...event, event: topic } };
        }
      } catch {
        // The connection to the source broke, or the client has gone; the position says where to go on.
      }
    await sleep(backoffMs(reopen, failures), { signal: gone });
    if (!gone.aborted) opened = await again(topic);
  }
}

/** Gives each event the id that says of every topic how far it is. */
async function* withPositions(
  events: AsyncIterable<TopicEvent>,
  known: Map<TopicName, string | undefined>,
): AsyncGenerator<ServerEvent> {
  for await (const { topic, event } of events) {
    if (event.id !== undefined) known.set(topic, event.id);
    const positions = [...known].flatMap(([name, id]) => (id === undefined ? [] : [[name, id] as const]));
    yield { ...event, id: idOf(new Map(positions)) };
  }
}

/** The next event of whichever source has one. One event of each is kept, so a reader who is slow slows the sources. */
async function* merged<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  type Next = { source: AsyncGenerator<T>; result: IteratorResult<T> };
  const nextOf = async (source: AsyncGenerator<T>): Promise<Next> => ({
    source,
    result: await source.next(),
  });
  const waiting = new Map(sources.map((source) => [source, nextOf(source)]));
  try {
    while (waiting.size > 0) {
      const { source, result } = await Promise.race(waiting.values());
      // Back to the end of the line, so that a busy source does not keep the others waiting.
      waiting.delete(source);
      if (result.done === true) continue;
      waiting.set(source, nextOf(source));
      yield result.value;
    }
  } finally {
    // Those that still wait end by the signal that their reader has gone.
    for (const source of waiting.keys()) void source.return(undefined).catch(() => {});
  }
}
