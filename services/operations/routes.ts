import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, type PageRequest, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { text, uuid } from '#platform/http/text';
import type { Producer } from '#platform/messaging/broker';
import { replayOf } from '#platform/messaging/replay';
import type { Database } from '#platform/postgres/pool';
import type { Logger } from '#platform/service-host';
import { staff } from '#schemas/roles';
import type { DeadLetterStore, LetterFilter, LetterView } from './dead-letter-store.js';

const tags = ['operations'];

const letterSchema = z
  .object({
    id: z.uuid(),
    topic: z.string(),
    partition: z.int(),
    offset: z.int(),
    group: z.string().describe('The consumer group that could not handle the record.'),
    reason: z.string().describe('A code.'),
    message: z.string(),
    stackDigest: z.string().describe('Equal for equal faults at the same place.'),
    attempts: z.int(),
    key: z.string().nullable(),
    valueBytes: z.int(),
    status: z.enum(['waiting', 'replayed']),
    times: z.int().describe('How often it was parked.'),
    replays: z.int(),
    isReplayable: z.boolean(),
    parkedAt: z.iso.datetime(),
    replayedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'DeadLetter' });

const countSchema = z.object({
  topic: z.string(),
  group: z.string(),
  reason: z.string(),
  waiting: z.int(),
  replayed: z.int(),
});

const listSchema = pageOf(letterSchema).extend({
  reasons: z
    .array(countSchema)
    .describe('How many there are of each topic, group and reason; the most first.'),
});

const filters = {
  group: text(200).optional(),
  reason: text(200).optional(),
  status: z
    .enum(['waiting'])
    .optional()
    .describe('Only those that were not replayed since they were parked.'),
};

export type OperationsRouteDeps = {
  db: Database;
  store: DeadLetterStore;
  producer: Pick<Producer, 'send'>;
  logger: Logger;
  /** The topics that records are parked from. */
  topics: readonly string[];
  /** What the names of the groups that take replays begin with. */
  replayPrefixes: readonly string[];
};

const takesReplays = (group: string, { replayPrefixes }: Pick<OperationsRouteDeps, 'replayPrefixes'>) =>
  replayPrefixes.some((prefix) => group.startsWith(prefix));

export const operationsRoutes = (app: HttpApp, deps: OperationsRouteDeps): void => {
  listRoutes(app, deps);
  replayRoute(app, deps);
  groupReplayRoute(app, deps);
};

const listRoutes = (app: HttpApp, deps: OperationsRouteDeps): void => {
  const { db, store } = deps;
  const answer = async (request: PageRequest, filter: LetterFilter) => {
    const beforeId = decodeCursor(request, z.uuid());
    const [rows, reasons] = await Promise.all([
      store.list(db, filter, { beforeId, rowsMax: request.query.limit + 1 }),
      store.count(db, filter),
    ]);
    const { items, next } = pageFrom(request, rows, ({ id }) => id);
    return { items: items.map((row) => shown(row, deps)), next, reasons };
  };

  app.get(
    '/api/ops/dead-letters',
    {
      access: [...staff],
      schema: {
        tags,
        summary:
          'The records that consumers could not handle, newest first, and how many there are by reason.',
        querystring: z.strictObject({ ...listQuery, ...filters }),
        response: { 200: listSchema },
      },
    },
    (request) => {
      const { group, reason, status } = request.query;
      return answer(request, { group, reason, isWaiting: status === 'waiting' });
    },
  );

  app.get(
    '/api/ops/dead-letters/:topic',
    {
      access: [...staff],
      schema: {
        tags,
        summary: 'The records of one topic that consumers could not handle.',
        params: z.strictObject({ topic: text(200) }),
        querystring: z.strictObject({ ...listQuery, ...filters }),
        response: { 200: listSchema, ...problems(404) },
      },
    },
    async (request) => {
      const { topic } = request.params;
      const { group, reason, status } = request.query;
      // An empty list of a topic that does not exist would look as if nothing were wrong.
      if (!deps.topics.includes(topic))
        throw problem(
          404,
          'topic_not_found',
          `There is no such topic. Those are: ${deps.topics.join(', ')}.`,
        );
      return await answer(request, { topic, group, reason, isWaiting: status === 'waiting' });
    },
  );
};

const replayRoute = (app: HttpApp, deps: OperationsRouteDeps): void => {
  const { db, store, producer, logger } = deps;
  app.post(
    '/api/ops/dead-letters/:id/replay',
    {
      access: [...staff],
      schema: {
        tags,
        summary: 'Have a parked record handled again by the group that could not handle it.',
        description:
          'Its effects happen once, however often it is replayed. If it fails again it is parked again.',
        params: z.strictObject({ id: uuid }),
        response: { 202: letterSchema, ...problems(404, 409) },
      },
    },
    async ({ params: { id } }, reply) => {
      const letter = await store.find(db, id);
      if (letter === undefined) throw problem(404, 'dead_letter_not_found', 'There is no such dead letter.');
      if (letter.isCut)
        throw problem(409, 'dead_letter_not_replayable', 'The record was too large to be parked whole.');
      if (!takesReplays(letter.group, deps))
        throw problem(409, 'dead_letter_not_replayable', `${letter.group} does not handle replays.`);
      await producer.send([replayOf(letter.parked)]);
      await store.noteReplayed(db, [letter]);
      const { topic, partition, offset, group } = letter;
      logger.warn({ id, topic, partition, offset, group }, 'dead letter replayed');
      const { parked: _, ...view } = (await store.find(db, id)) ?? letter;
      return reply.code(202).send(shown(view, deps));
    },
  );
};

/** A letter may have a megabyte. */
const lettersAtOnceMax = 20;
const replaysMax = 1_000;

const groupReplayRoute = (app: HttpApp, deps: OperationsRouteDeps): void => {
  const { db, store, logger } = deps;
  app.post(
    '/api/ops/dead-letters/replay',
    {
      access: [...staff],
      schema: {
        tags,
        summary: 'Have all records that wait handled again: of a topic, of a consumer group, for a reason.',
        description: `In the order of their places, at most ${replaysMax} a request: send it again while \`replayed\` is above 0 and more are left. Their effects happen once, however often they are replayed; what fails again is parked again. Records of groups that take no replays stay as they are; to name such a group is refused with \`group_not_replayable\`.`,
        body: z
          .strictObject({
            topic: text(200).min(1).optional(),
            group: text(200).min(1).optional(),
            reason: text(200).min(1).optional(),
          })
          .refine((asked) => Object.values(asked).some((part) => part !== undefined), {
            message: 'must name a topic, a group or a reason',
          })
          .meta({ minProperties: 1 }),
        response: {
          202: z
            .object({
              replayed: z.int(),
              left: z.int().describe('Those that still wait, the ones that cannot be replayed included.'),
            })
            .meta({ id: 'DeadLettersReplayed' }),
          ...problems(409),
        },
      },
    },
    async ({ body }, reply) => {
      if (body.group !== undefined && !takesReplays(body.group, deps))
        throw problem(409, 'group_not_replayable', `${body.group} does not handle replays.`);
      const replayed = await replayAll(deps, body);
      const counts = await store.count(db, { ...body, isWaiting: true });
      const left = counts.reduce((sum, { waiting }) => sum + waiting, 0);
      logger.warn({ ...body, replayed, left }, 'dead letters replayed');
      return reply.code(202).send({ replayed, left });
    },
  );
};

/** How many were replayed. */
const replayAll = async (
  { db, store, producer, replayPrefixes }: OperationsRouteDeps,
  filter: LetterFilter,
): Promise<number> => {
  let replayed = 0;
  let after: LetterView | undefined;
  while (replayed < replaysMax) {
    const letters = await store.waiting(db, filter, {
      groupPrefixes: replayPrefixes,
      after,
      rowsMax: lettersAtOnceMax,
    });
    after = letters.at(-1);
    if (after === undefined) break;
    await producer.send(letters.map(({ parked }) => replayOf(parked)));
    await store.noteReplayed(db, letters);
    replayed += letters.length;
  }
  return replayed;
};

const shown = (
  { parkedAt, replayedAt, isCut, isWaiting, key, ...row }: LetterView,
  deps: Pick<OperationsRouteDeps, 'replayPrefixes'>,
): z.output<typeof letterSchema> => ({
  ...row,
  key: key === null ? null : key.subarray(0, 200).toString('utf8'),
  status: isWaiting ? 'waiting' : 'replayed',
  isReplayable: !isCut && takesReplays(row.group, deps),
  parkedAt: parkedAt.toISOString(),
  replayedAt: replayedAt?.toISOString() ?? null,
});
