import { PlatformError } from '#platform/errors';
import { loginHeader, withoutLogin } from '#platform/http/url-login';
import { createUnknownSchemas } from '#platform/messaging/unknown-schemas';
import { createAdmission } from '#platform/waiting/admission';

/** A schema as parsed JSON, e.g. what `import schema from './x.avsc'` gives. */
export type AvroSchema = object;

/**
 * A Confluent-compatible registry. Ids and schemas never change once registered, so they are cached for ever: what is
 * cached stays usable while the registry is away.
 */
export type SchemaRegistry = {
  /**
   * The id under which exactly this schema is registered. Services only look schemas up. Rejects with a
   * `schema_unknown` that is not retriable when the registry answers that it does not have the schema.
   */
  idOf(subject: string, schema: AvroSchema): Promise<number>;
  /**
   * The writer's schema. For an id that the registry does not have, it rejects with a retriable `schema_unknown` for
   * `unknownHeldMs` after the first lookup, because one node of a registry may lag behind another; after that the fault
   * is not retriable. `registry_unavailable` is retriable. Repeated lookups of a missing id send few requests.
   */
  schemaById(id: number): Promise<AvroSchema>;
  /** Registers a version (or finds it) and returns its id. Only the provisioning calls it, never a service. */
  register(subject: string, schema: AvroSchema): Promise<number>;
  /** Sets the level of one subject, or of all subjects without a level of their own. */
  setCompatibility(level: CompatibilityLevel, subject?: string): Promise<void>;
};

export type CompatibilityLevel =
  | 'NONE'
  | 'BACKWARD'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD'
  | 'FORWARD_TRANSITIVE'
  | 'FULL'
  | 'FULL_TRANSITIVE';

const schemasCachedMax = 10_000;
const requestTimeoutMs = 5_000;
const lookUpsConcurrentlyMax = 8;
export const unknownHeldMsDefault = 10_000;

/**
 * Uses the registry's HTTP interface directly. `@kafkajs/confluent-schema-registry` reports a refused connection as
 * status 400 and drops the registry's own error code, so a caller cannot distinguish "no such schema" (poison) from
 * "another program answers on this port, or the registry is still starting" (hold the partition). A test compares its
 * wire format with ours: `avro-codec.int.test.ts`.
 */
export const createSchemaRegistry = (
  url: string,
  { unknownHeldMs = unknownHeldMsDefault }: { unknownHeldMs?: number } = {},
): SchemaRegistry => {
  const at = { base: withoutLogin(url).replace(/\/+$/, ''), login: loginHeader(url) };
  const ids = new Map<string, Promise<number>>();
  const schemas = new Map<number, Promise<AvroSchema>>();
  const unknown = createUnknownSchemas({ heldMs: unknownHeldMs });
  const lookUps = createAdmission(lookUpsConcurrentlyMax);

  const lookUpId = async (subject: string, schema: AvroSchema): Promise<number> => {
    const { id } = await request<{ id: number }>(at, 'POST', `/subjects/${encodeURIComponent(subject)}`, {
      schema: JSON.stringify(schema),
    });
    return id;
  };

  const lookUpSchema = async (id: number): Promise<AvroSchema> => {
    const known = unknown.verdict(id);
    if (known !== 'ask') throw unknownSchema(`id ${id}`, known === 'held');
    try {
      const { schema } = await lookUps.run(() =>
        request<{ schema: string }>(at, 'GET', `/schemas/ids/${id}`),
      );
      unknown.forget(id);
      return JSON.parse(schema) as AvroSchema;
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'schema_unknown') {
        // A registry that has just come back may lag, so an id that it does not have is held for the full time again.
        unknown.forget(id);
        throw error;
      }
      throw unknownSchema(`id ${id}`, unknown.note(id) === 'held');
    }
  };

  return {
    idOf: (subject, schema) =>
      remember(ids, `${subject}\n${JSON.stringify(schema)}`, () => lookUpId(subject, schema)),
    schemaById: (id) => remember(schemas, id, () => lookUpSchema(id)),
    register: async (subject, schema) => {
      const body = { schema: JSON.stringify(schema) };
      const path = `/subjects/${encodeURIComponent(subject)}/versions`;
      try {
        return (await request<{ id: number }>(at, 'POST', path, body)).id;
      } catch (error) {
        // Of two first registrations at the same time, one fails because the schema already exists.
        if (error instanceof PlatformError && /already exists|409/i.test(error.message))
          return lookUpId(subject, schema);
        throw error;
      }
    },
    setCompatibility: async (level, subject) => {
      const path = subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}`;
      await request(at, 'PUT', path, { compatibility: level });
    },
  };
};

/** Concurrent callers share one request. Its answer is kept; a failure is not. */
const remember = <K, V>(cache: Map<K, Promise<V>>, key: K, find: () => Promise<V>): Promise<V> => {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const finding = find();
  if (cache.size >= schemasCachedMax) cache.clear();
  cache.set(key, finding);
  finding.catch(() => cache.delete(key));
  return finding;
};

/** 40401 no such subject, 40402 no such version, 40403 no such schema. */
const notFoundCodes = new Set([40401, 40402, 40403]);

/** User and password are in a header and not in the URL, so that no message that names the address shows them. */
type RegistryAddress = { base: string; login: { authorization?: string } };

const request = async <T>(at: RegistryAddress, method: string, path: string, body?: object): Promise<T> => {
  const answer = await ask(at, method, path, body);
  const content = (await readJson(answer)) as { error_code?: number; message?: string } | undefined;
  if (answer.ok && content !== undefined) return content as T;
  const said = `${method} ${path}: ${answer.status} ${content?.message ?? ''}`.trim();
  if (answer.status === 404 && notFoundCodes.has(content?.error_code ?? 0)) throw unknownSchema(said);
  const refused = answer.status === 409 || answer.status === 422;
  throw new PlatformError('registry_unavailable', `schema registry: ${said}`, { retriable: !refused });
};

const ask = async (
  { base, login }: RegistryAddress,
  method: string,
  path: string,
  body?: object,
): Promise<Response> => {
  try {
    return await fetch(`${base}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        'content-type': 'application/vnd.schemaregistry.v1+json',
        ...login,
      },
      signal: AbortSignal.timeout(requestTimeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new PlatformError('registry_unavailable', `schema registry: ${(error as Error).message}`, {
      retriable: true,
      cause: error,
    });
  }
};

const readJson = async (answer: Response): Promise<unknown> => {
  try {
    return await answer.json();
  } catch {
    return undefined;
  }
};

const unknownSchema = (what: string, isHeld = false) =>
  new PlatformError('schema_unknown', `the schema registry does not have ${what}`, { retriable: isHeld });
