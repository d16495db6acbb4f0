import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { forbidden } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { instant, line, text, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { scopes } from '#schemas/scopes';
import { ownId } from './answers.js';
import { type ApiKey, apiKeyStore } from './api-key-store.js';
import { type ApiKeys, apiKeysMax } from './api-keys.js';

const apiKeyFields = {
  id: z.uuid(),
  name: z.string(),
  hint: z.string().describe('The last characters of the key.'),
  scopes: z.array(z.enum(scopes)),
  createdBy: z.uuid(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable().describe('To the minute.'),
};
const apiKeySchema = z.object(apiKeyFields).meta({ id: 'ApiKey' });
const newApiKeySchema = z
  .object({ ...apiKeyFields, key: z.string().describe('Shown only now. Send it as `X-API-Key`.') })
  .meta({ id: 'NewApiKey' });

const shown = ({ createdAt, expiresAt, lastUsedAt, ...key }: ApiKey): z.output<typeof apiKeySchema> => ({
  ...key,
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt?.toISOString() ?? null,
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
});

const tags = ['api-keys'];
const admins = { access: ['admin'], scope: null } as const;

const createRoute = (app: HttpApp, apiKeys: ApiKeys, clock: Clock): void => {
  app.post(
    '/api/api-keys',
    {
      ...admins,
      schema: {
        tags,
        summary: 'Create an API key for a program.',
        description:
          'A program with the key may do what an admin may, within the scopes of the key: `<area>:read` for GET and ' +
          '`<area>:write` for other methods, where the area is the first step of the path below /api. It is nobody’s ' +
          'account: it has no cart, reviews nothing, and orders for guests. The key itself is shown only in this answer.',
        body: z.strictObject({
          name: line(100),
          scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
          expiresAt: instant
            .optional()
            .describe('In the future. Without it the key is good until it is revoked.'),
        }),
        response: { 201: newApiKeySchema, ...problems(409, 422) },
      },
    },
    async (request, reply) => {
      const { name, scopes: wanted, expiresAt } = request.body;
      const expires = expiresAt === undefined ? null : new Date(expiresAt);
      if (expires !== null && expires.getTime() <= clock.nowMs())
        throw problem(422, 'expires_in_the_past', 'The key would have expired already.');
      const created = await apiKeys.create({ name, scopes: wanted, expiresAt: expires }, ownId(request));
      if (created === 'forbidden') throw forbidden();
      if (created === 'full')
        throw problem(409, 'too_many_api_keys', `There are ${apiKeysMax} API keys at most.`);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...shown(created.apiKey), key: created.key });
    },
  );
};

export const apiKeyRoutes = (
  app: HttpApp,
  { db, apiKeys, clock }: { db: Database; apiKeys: ApiKeys; clock: Clock },
): void => {
  createRoute(app, apiKeys, clock);

  app.get(
    '/api/api-keys',
    {
      ...admins,
      schema: {
        tags,
        summary: 'All API keys, the newest first.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(apiKeySchema) },
      },
    },
    async (request, reply) => {
      const before = decodeCursor(request, z.uuid());
      const rows = await apiKeyStore.list(db, { before, limit: request.query.limit + 1 });
      const { items, next } = pageFrom(request, rows, ({ id }) => id);
      return reply.send({ items: items.map(shown), next });
    },
  );

  app.delete(
    '/api/api-keys/:id',
    {
      ...admins,
      schema: {
        tags,
        summary: 'Revoke an API key. It is refused within two seconds.',
        params: z.strictObject({ id: uuid }),
        response: { 204: z.undefined().describe('Revoked'), ...problems(404) },
      },
    },
    async (request, reply) => {
      if (!(await apiKeys.revoke(request.params.id, ownId(request))))
        throw problem(404, 'api_key_not_found', 'There is no such API key.');
      return reply.code(204).send();
    },
  );

  // For the gateway, which does not forward it. It gives nothing to somebody who has no key.
  app.post(
    '/internal/api-key-tokens',
    {
      access: 'anonymous',
      schema: { hide: true, body: z.strictObject({ key: text(200).min(1) }) },
    },
    async (request, reply) => {
      const token = await apiKeys.tokenFor(request.body.key);
      if (token === undefined) throw problem(401, 'invalid_api_key', 'There is no such API key.');
      return reply.send(token);
    },
  );
};
