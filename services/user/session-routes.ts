import { z } from 'zod';
import type { Clock } from '#platform/clock';
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
      const { principal } = request;
      const currentId = principal.kind === 'user' ? principal.sessionId : undefined;
      const before = decodeCursor(request, z.uuid());
      const page = { nowMs: clock.nowMs(), before, limit: limit + 1 };
      const { items, next } = pageFrom(
        request,
        await loginStore.list(db, ownId(request), page),
        ({ id }) => id,
      );
      return reply.send({ items: items.map((session) => shownSession(session, currentId)), next });
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
        params: z.strictObject({ id: uuid }),
        response: { 204: z.undefined().describe('Ended'), ...problems(404) },
      },
    },
    async (request, reply) => {
      if (!(await logins.endSessions(ownId(request), request.params.id)))
        throw problem(404, 'session_not_found', 'There is no such session.');
      return reply.code(204).send();
    },
  );
};
