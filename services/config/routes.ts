import { z } from 'zod';
import { actorOf } from '#platform/http/auth';
import { assertIfMatch, assertVersion, etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { ignored, jsonValue } from '#platform/http/json-value';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { text } from '#platform/http/text';
import { integerMax } from '#platform/postgres/integer';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { LiveSetting } from '#platform/settings/live-setting';
import { type SettingRow, type SettingStore, type SettingValue, valueBytesMax } from './setting-store.js';

export type ConfigRouteDeps = {
  db: Database;
  store: SettingStore;
  /** The settings that there are, by key. */
  settings: ReadonlyMap<string, LiveSetting>;
  /** By key. */
  defaults: ReadonlyMap<string, unknown>;
};

const keyCharsMax = 100;
const valueCharsMax = 1000;
const fieldsMax = 50;
const rowsMax = 100;

/** Larger numbers lose digits on their way. */
const number = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
const scalar = z.union([number, text(valueCharsMax), z.boolean()]);
const recordOf = <T extends z.ZodType>(field: T) =>
  z.record(text(keyCharsMax), field).meta({ maxProperties: fieldsMax });
/** The setting's own schema says more exactly what its value may be. */
const rows = z
  .array(recordOf(z.union([scalar, z.array(z.union([scalar, recordOf(scalar)])).max(rowsMax)])))
  .max(rowsMax);
const fields = z.record(text(keyCharsMax), jsonValue).meta({ maxProperties: fieldsMax });
const valueSchema = z.union([number, text(valueCharsMax), z.boolean(), rows, fields]);

const settingSchema = z
  .object({
    key: z.string(),
    value: valueSchema.describe('The value in effect: the one that was set last, or the default.'),
    default: valueSchema,
    isDefault: z.boolean().describe('True while no value is set.'),
    unit: z.string(),
    description: z.string(),
    schema: z.record(z.string(), z.unknown()).describe('A JSON Schema: the type and the bounds of a value.'),
    version: z.int().describe('Counts the changes; 0 while there was none.'),
    changedBy: z.uuid().nullable(),
    changedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Setting' });

const changeSchema = z
  .object({
    version: z.int(),
    value: valueSchema.nullable().describe('Null where the default was set again.'),
    rolledBackTo: z.int().nullable().describe('The version whose value was set again; 0 is the default.'),
    changedBy: z.uuid(),
    changedAt: z.iso.datetime(),
  })
  .meta({ id: 'SettingChange' });

const params = z.strictObject({ key: text(keyCharsMax) });
const keptByServer = Object.fromEntries(
  ['key', 'default', 'isDefault', 'unit', 'description', 'schema', 'version', 'changedBy', 'changedAt'].map(
    (field) => [field, ignored],
  ),
);
const tags = ['configuration'];
const admin = ['admin'];

/** Of a setting that was never changed it is 0. */
const versionOf =
  ({ db, store, settings }: ConfigRouteDeps) =>
  async (request: { params: unknown }): Promise<number | undefined> => {
    const { data: asked } = params.safeParse(request.params);
    if (asked === undefined || !settings.has(asked.key)) return undefined;
    return (await store.find(db, asked.key))?.version ?? 0;
  };

const listRoute = (app: HttpApp, deps: ConfigRouteDeps): void => {
  app.get(
    '/api/config',
    {
      access: admin,
      schema: {
        tags,
        summary: 'Every setting that can be changed while the platform runs, sorted by key.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(settingSchema) },
      },
    },
    async (request) => {
      const { limit } = request.query;
      const afterKey = decodeCursor(request, z.string().max(keyCharsMax)) ?? '';
      const rows = new Map((await deps.store.list(deps.db)).map((row) => [row.key, row]));
      const keys = [...deps.settings.keys()].filter((key) => key > afterKey).sort();
      const { items, next } = pageFrom(request, keys.slice(0, limit + 1), (key) => key);
      return { items: items.map((key) => shown(deps, key, rows.get(key))), next };
    },
  );
};

const settingRoute = (app: HttpApp, deps: ConfigRouteDeps): void => {
  app.get(
    '/api/config/:key',
    {
      access: admin,
      schema: {
        tags,
        summary: 'One setting.',
        params,
        response: { 200: settingSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { key } = declared(deps, request.params.key);
      const row = await deps.store.find(deps.db, key);
      return sendWithEtag(request, reply, etagOf(row?.version ?? 0), shown(deps, key, row));
    },
  );
};

const changeRoute = (app: HttpApp, deps: ConfigRouteDeps): void => {
  app.put(
    '/api/config/:key',
    {
      access: admin,
      requires: ['if-match'],
      versionOf: versionOf(deps),
      schema: {
        tags,
        summary: 'Set a value. Every running service applies it within 2 s.',
        params,
        body: z.strictObject({ value: valueSchema, ...keptByServer }),
        response: { 200: settingSchema, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { key, schema } = declared(deps, request.params.key);
      const value = reportable(allowed(schema, request.body.value));
      const changedBy = actorOf(request.principal);
      const row = await inTransaction(deps.db, async (tx) => {
        const version = await deps.store.lockVersion(tx, key);
        assertIfMatch(request, etagOf(version));
        return deps.store.change(tx, key, version, { value, rolledBackTo: null, changedBy });
      });
      return reply.header('etag', etagOf(row.version)).send(shown(deps, key, row));
    },
  );
};

const historyRoute = (app: HttpApp, deps: ConfigRouteDeps): void => {
  app.get(
    '/api/config/:key/history',
    {
      access: admin,
      schema: {
        tags,
        summary: 'Every change of a setting, newest first.',
        params,
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(changeSchema), ...problems(404) },
      },
    },
    async (request) => {
      const { key } = declared(deps, request.params.key);
      const { limit } = request.query;
      const beforeVersion = decodeCursor(request, z.int().min(1).max(integerMax));
      const rows = await deps.store.history(deps.db, key, { beforeVersion, rowsMax: limit + 1 });
      const { items, next } = pageFrom(request, rows, ({ version }) => version);
      return {
        items: items.map(({ changedAt, key: _, ...row }) => ({ ...row, changedAt: changedAt.toISOString() })),
        next,
      };
    },
  );
};

const rollbackRoute = (app: HttpApp, deps: ConfigRouteDeps): void => {
  app.post(
    '/api/config/:key/rollback',
    {
      access: admin,
      accepts: ['if-match'],
      versionOf: versionOf(deps),
      schema: {
        tags,
        summary: 'Set the value of an earlier version again; version 0 is the default.',
        description: 'With `If-Match`, only if the setting has that version still.',
        params,
        body: z.strictObject({ version: z.int().min(0).max(integerMax) }),
        response: { 200: settingSchema, ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      const { key, schema } = declared(deps, request.params.key);
      const { version: rolledBackTo } = request.body;
      const changedBy = actorOf(request.principal);
      const row = await inTransaction(deps.db, async (tx) => {
        const version = await deps.store.lockVersion(tx, key);
        assertVersion(request, version);
        const value = await valueAt(deps, tx, key, schema, rolledBackTo);
        return deps.store.change(tx, key, version, { value, rolledBackTo, changedBy });
      });
      return reply.header('etag', etagOf(row.version)).send(shown(deps, key, row));
    },
  );
};

export const configRoutes = (app: HttpApp, deps: ConfigRouteDeps): void => {
  listRoute(app, deps);
  settingRoute(app, deps);
  changeRoute(app, deps);
  historyRoute(app, deps);
  rollbackRoute(app, deps);
};

const declared = ({ settings }: ConfigRouteDeps, key: string): LiveSetting => {
  const setting = settings.get(key);
  if (setting === undefined) throw problem(404, 'setting_not_found', 'There is no such setting.');
  return setting;
};

const allowed = (
  schema: LiveSetting['schema'],
  value: NonNullable<SettingValue>,
): NonNullable<SettingValue> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as NonNullable<SettingValue>;
  throw problem(400, 'invalid_body', 'The setting does not allow this value.', {
    errors: parsed.error.issues.map(({ path, message }) => ({
      path: ['/value', ...path.map(String)].join('/'),
      message,
    })),
  });
};

/** The value, if the event that reports it can carry it: single fields within their bounds may be too much together. */
export const reportable = <T extends SettingValue>(value: T): T => {
  if (Buffer.byteLength(JSON.stringify(value)) <= valueBytesMax) return value;
  throw problem(413, 'value_too_large', `A value has at most ${valueBytesMax} bytes of JSON.`);
};

/** The value of an earlier version, if the setting has one and, having new bounds perhaps, still allows it. */
const valueAt = async (
  { store }: ConfigRouteDeps,
  tx: Tx,
  key: string,
  schema: LiveSetting['schema'],
  version: number,
): Promise<SettingValue> => {
  const found = await store.valueAt(tx, key, version);
  if (found === undefined)
    throw problem(404, 'setting_version_not_found', `The setting never had version ${version}.`);
  if (found.value !== null && !schema.safeParse(found.value).success)
    throw problem(409, 'value_not_allowed', 'The setting does not allow the value of that version any more.');
  return found.value;
};

const shown = (
  { settings, defaults }: ConfigRouteDeps,
  key: string,
  row: SettingRow | undefined,
): z.output<typeof settingSchema> => {
  const { unit, description, schema } = settings.get(key) as LiveSetting;
  const byDefault = defaults.get(key) as NonNullable<SettingValue>;
  const value = row?.value ?? null;
  const isSet = value !== null && schema.safeParse(value).success;
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input' });
  return {
    key,
    value: isSet ? value : byDefault,
    default: byDefault,
    isDefault: !isSet,
    unit,
    description,
    schema: described,
    version: row?.version ?? 0,
    changedBy: row?.changedBy ?? null,
    changedAt: row?.changedAt.toISOString() ?? null,
  };
};
