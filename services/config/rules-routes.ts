import { z } from 'zod';
import { actorOf } from '#platform/http/auth';
import { assertIfMatch, etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { ignored } from '#platform/http/json-value';
import { inTransaction } from '#platform/postgres/transaction';
import { staff } from '#schemas/roles';
import { rulesFields, rulesSetting } from '../settings.js';
import { type ConfigRouteDeps, reportable } from './routes.js';
import type { SettingRow, SettingValue } from './setting-store.js';

const { key, schema } = rulesSetting;

const shownSchema = z
  .object({
    ...rulesFields,
    version: z.int().describe('Counts the changes; 0 while there was none.'),
    changedBy: z.uuid().nullable(),
    changedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'RecommendationRules' });

const changeSchema = z.strictObject({
  ...rulesFields,
  version: ignored,
  changedBy: ignored,
  changedAt: ignored,
});

const shown = (row: SettingRow | undefined): z.output<typeof shownSchema> => {
  const parsed = schema.safeParse(row?.value ?? {});
  return {
    ...(parsed.success ? parsed.data : rulesSetting.default),
    version: row?.version ?? 0,
    changedBy: row?.changedBy ?? null,
    changedAt: row?.changedAt.toISOString() ?? null,
  };
};

const tags = ['recommendations'];

/**
 * The rules of recommendation lists are a setting like the others, with its history and its rollback, but as a whole
 * object and open to all staff.
 */
export const rulesRoutes = (app: HttpApp, { db, store }: Pick<ConfigRouteDeps, 'db' | 'store'>): void => {
  app.get(
    '/api/recommendations/rules',
    {
      access: staff,
      schema: {
        tags,
        summary: 'What merchandisers have decided about recommendation lists.',
        description: `The setting \`${key}\` of GET /api/config, which keeps its history and can set an earlier version again.`,
        response: { 200: shownSchema, ...notModified },
      },
    },
    async (request, reply) => {
      const row = await store.find(db, key);
      return sendWithEtag(request, reply, etagOf(row?.version ?? 0), shown(row));
    },
  );

  app.put(
    '/api/recommendations/rules',
    {
      access: staff,
      requires: ['if-match'],
      versionOf: async () => (await store.find(db, key))?.version ?? 0,
      schema: {
        tags,
        summary: 'Replace the rules of recommendation lists; every list follows within 2 s.',
        description:
          'Rules that are left out are rules that there are none of. A product that a rule excludes is on no list, also when ' +
          'a pin names it.',
        body: changeSchema,
        response: { 200: shownSchema },
      },
    },
    async (request, reply) => {
      const { version: _, changedBy: __, changedAt: ___, ...rules } = request.body;
      // What is undefined has no place in JSON.
      const value = reportable(rules as SettingValue);
      const changedBy = actorOf(request.principal);
      const row = await inTransaction(db, async (tx) => {
        const version = await store.lockVersion(tx, key);
        assertIfMatch(request, etagOf(version));
        return store.change(tx, key, version, { value, rolledBackTo: null, changedBy });
      });
      return reply.header('etag', etagOf(row.version)).send(shown(row));
    },
  );
};
