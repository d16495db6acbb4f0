import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type BoundedMap, createBoundedMap } from '#platform/bounded-map';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import type { HttpApp } from '#platform/http/http-app';
import { problem, problems, unavailable } from '#platform/http/problem-details';
import { columnsOf, formatAsked, type Row, rowResponse, sendRows } from '#platform/http/row-formats';
import { encodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { type Role, staff } from '#schemas/roles';
import type { Answers } from './answers.js';
import type { Endpoint, Question, Refused, Source } from './question.js';
import type { Reading } from './reading.js';

export const analysts = ['analyst', 'admin'] as const;
export const tags = ['analytics'];
/** All who may see an answer see the same, and `asOf` says up to when. */
const sharingOf = (roles: readonly Role[]): string => encodeSharedAnswer({ roles, ageMsMax: 200 });

export const completenessFields = {
  asOf: z.iso.datetime().describe('The event time up to which the answer is complete.'),
  lagMs: z.int().min(0).describe('How far `asOf` is behind now.'),
};

/** The schema of an answer of rows, as the OpenAPI document names it. */
export const answerOfRows = (id: string, row: z.ZodObject, also: z.ZodRawShape = {}) =>
  z.object({ items: z.array(row), ...also, ...completenessFields }).meta({ id });

export type RowAnswer = {
  /** What the answer is made of; the same arrays make the same answer to the same request. */
  found: readonly (readonly unknown[])[];
  answer(): { items: readonly object[]; truncated?: boolean };
  reading: Reading;
};

/** Texts of answers that were sent before. */
export type AnswerTexts = Pick<BoundedMap<KeptText>, 'get' | 'set'>;

/** The JSON of an answer up to its `asOf`. */
type KeptText = { found: RowAnswer['found']; text: string };

const textCharsMax = 8_000_000;
const keyCharsMax = 2_000;

export const createAnswerTexts = (): AnswerTexts => createBoundedMap<KeptText>(textCharsMax);

type AnswerForm = {
  name: string;
  columns: readonly string[];
  texts: AnswerTexts;
  /** Analysts if unset. */
  access?: readonly Role[];
};

/**
 * Sends the answer as the caller accepts it. Rows without their frame say in `X-As-Of` and `X-Lag-Ms` how complete they
 * are, and in `X-Truncated` whether there are more. The type says that a handler which returns it answers nothing by
 * itself.
 */
export const sendAnswer = async (
  request: FastifyRequest,
  reply: FastifyReply,
  { name, columns, texts, access = analysts }: AnswerForm,
  asking: () => Promise<RowAnswer>,
): Promise<never> => {
  reply.header('vary', 'accept');
  const format = formatAsked(request);
  const { found, answer, reading } = await available(asking);
  const asOf = new Date(reading.asOfMs).toISOString();
  const lagMs = Math.max(0, Math.round(reading.lagMs));
  if (format === 'application/json') {
    if (request.method === 'GET') reply.header(sharedAnswerHeader, sharingOf(access));
    reply.type('application/json; charset=utf-8');
    const serialise = reply.getSerializationFunction('200', 'application/json') ?? JSON.stringify;
    const key = request.method === 'GET' ? request.url : `${request.url} ${JSON.stringify(request.body)}`;
    const known = texts.get(key);
    const isKnown = known?.found.every((part, at) => part === found[at]);
    const text = isKnown ? known?.text : textBeforeAsOf(serialise({ ...answer(), asOf, lagMs }));
    if (text === undefined) return reply.send({ ...answer(), asOf, lagMs }) as never;
    if (!isKnown && key.length <= keyCharsMax) texts.set(key, { found, text }, key.length + text.length);
    return reply.send(`${text}"asOf":"${asOf}","lagMs":${lagMs}}`) as never;
  }
  reply.header('x-as-of', asOf).header('x-lag-ms', String(lagMs));
  const { items, truncated } = answer();
  if (truncated !== undefined) reply.header('x-truncated', String(truncated));
  return sendRows(reply, format, items as readonly Row[], { columns, fileName: name }) as never;
};

/** Undefined where `asOf` and `lagMs` are not the last of the answer. */
const textBeforeAsOf = (json: unknown): string | undefined =>
  typeof json === 'string' ? /^(.*)"asOf":"[^"]*","lagMs":\d+\}$/s.exec(json)?.[1] : undefined;

/** A question that ClickHouse cannot answer now is 503, one that would cost too much 422. */
export const available = async <T>(asking: () => Promise<T>): Promise<T> => {
  try {
    return await asking();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    if (error.code === 'clickhouse_limit')
      throw problem(
        422,
        'question_too_costly',
        'The answer would take more rows, memory or time than one question may. Ask for a shorter period or less detail.',
      );
    if (error.retriable)
      throw unavailable('analytics_unavailable', 'Analytics are not available at the moment.');
    throw error;
  }
};

export const refuse = ({ code, detail, errors }: Refused): never => {
  throw problem(400, code, detail, { errors });
};

/** The columns of CSV, without those of a comparison that was not asked for. */
export const columnsFor = (row: z.ZodObject, asked: { compare?: unknown }): string[] =>
  columnsOf(row).filter((column) => asked.compare !== undefined || !column.startsWith('previous.'));

export type EndpointDeps = {
  answers: Readonly<Record<Source, Answers>>;
  clock: Pick<Clock, 'nowMs'>;
  texts: AnswerTexts;
};

/** Serves a question at its addresses. */
export const rowRoute = (app: HttpApp, of: Endpoint, { answers, clock, texts }: EndpointDeps): void => {
  const answerSchema = rowResponse(answerOfRows(of.id, of.row, of.also));
  const serveAt = (path: string, access: readonly Role[], tag: string): void => {
    app.get(
      path,
      {
        access,
        schema: {
          tags: [tag],
          summary: of.summary,
          description: of.description,
          querystring: of.querystring,
          response: { 200: answerSchema, ...problems(406, 422, 503) },
        },
      },
      (request, reply) => {
        const asked = request.query as { compare?: unknown };
        const question = of.question(asked as never, clock.nowMs());
        if ('refused' in question) return refuse(question.refused);
        const form = { name: of.name, columns: columnsFor(of.row, asked), texts, access };
        return sendAnswer(request, reply, form, () => answerTo(question, answers));
      },
    );
  };
  serveAt(`/api/analytics/${of.name}`, analysts, 'analytics');
  if (of.forStaffAt !== undefined) serveAt(of.forStaffAt, staff, 'operations');
};

/** Asks all that the question needs at once. */
export const answerTo = async (question: Question, answers: EndpointDeps['answers']): Promise<RowAnswer> => {
  const { found, reading } = await answers[question.about].ofAll(question.queries);
  return { found, answer: () => question.answerOf(found as never[][]), reading };
};
