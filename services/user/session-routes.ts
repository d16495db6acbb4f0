import { z } from 'zod';
import type { Clock } from '#platform/clock';
import type { Principal } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { ownId, personal } from './answers.js';
import { loginStore, type Session } from './login-store.js';
import type { Logins } from './logins.js';

export const sessionSchema = z
  .object({
    id: z.uuid(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().describe('When it was opened, or its tokens were last exchanged.'),
    expiresAt: z.iso.datetime(),
    userAgent: z.string().nullable(),
    current: z.boolean().describe('Whether the access token of this request belongs to it.'),
  })
  .meta({ id: 'Session' });

export const shownSession = (
  session: Session,
  currentId: string | undefined,
): z.output<typeof sessionSchema> => ({
  id: session.id,
  createdAt: session.createdAt.toISOString(),
  lastUsedAt: session.lastUsedAt.toISOString(),
  expiresAt: session.expiresAt.toISOString(),
  userAgent: session.userAgent,
  current: session.id === currentId,
});

const tags = ['auth'];
const params = z.strictObject({ id: uuid });
const notFound = () => problem(404, 'session_not_found', 'There is no such session.');
const currentIdOf = ({ principal }: { principal: Principal }): string | undefined =>
  principal.kind === 'user' ? principal.sessionId : undefined;
const endsTokens = 'Its access token stays good until it expires, for 15 minutes at most.';

export const sessionRoutes = (
  app: HttpApp,
  { db, logins, clock }: { db: Database; logins: Logins; clock: Clock },
): void => {
  app.get(
    '/api/auth/sessions',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Where I am logged in, the newest first.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(sessionSchema) },
      },
    },
    async (request, reply) => {
      const { limit } = request.query;
      const before = decodeCursor(request, z.uuid());
      const page = { nowMs: clock.nowMs(), before, limit: limit + 1 };
      const { items, next } = pageFrom(
        request,
        await loginStore.list(db, ownId(request), page),
        ({ id }) => id,
      );
      const currentId = currentIdOf(request);
      return reply.send({ items: items.map((session) => shownSession(session, currentId)), next });
    },
  );

  app.get(
    '/api/auth/sessions/:id',
    {
      ...personal,
      schema: {
        tags,
        summary: 'One of my sessions, until it ends.',
        params,
        response: { 200: sessionSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const asked = { id: request.params.id, nowMs: clock.nowMs() };
      const found = await loginStore.find(db, ownId(request), asked);
      if (found === undefined) throw notFound();
      const body = shownSession(found, currentIdOf(request));
      return sendWithEtag(request, reply, etagOf(body), body);
    },
  );

  app.delete(
    '/api/auth/sessions',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Log out everywhere.',
        description: endsTokens,
        response: { 204: z.undefined().describe('Ended') },
      },
    },
    async (request, reply) => {
      await logins.endSessions(ownId(request), undefined);
      return reply.code(204).send();
    },
  );

  app.delete(
    '/api/auth/sessions/:id',
    {
      ...personal,
      schema: {
        tags,
        summary: 'End one session.',
        description: endsTokens,
        params,
        response: { 204: z.undefined().describe('Ended'), ...problems(404) },
      },
    },
    async (request, reply) => {
      if (!(await logins.endSessions(ownId(request), request.params.id))) throw notFound();
      return reply.code(204).send();
    },
  );
};
