import type { OpenApiDocument } from '#platform/http/openapi';
import { describeTopics } from '#platform/messaging/asyncapi';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import type { Upstream } from './upstream.js';

const freshMs = 60_000;
const incompleteFreshMs = 3000;
/**
 * Long, because a service builds its document at the first request, and services in one process build them one by one.
 */
const fetchTimeoutMs = 15_000;

/** False for paths that every service has for itself (health, metrics): at the gateway they are the gateway's own. */
const isPublicPath = (path: string): boolean => path.startsWith('/api/') || path.startsWith('/.well-known/');

/**
 * One document of all services. Each service's part is fetched at the first request and again when it is a minute old.
 * For a service that is away the last part is kept; services without any part are named in `x-missing-services`.
 */
export const createMergedDocument = (
  own: () => Promise<OpenApiDocument>,
  upstreams: readonly Upstream[],
  monotonicMs: () => number,
): (() => Promise<OpenApiDocument>) => {
  const parts = new Map<string, OpenApiDocument>();
  let merged: OpenApiDocument | undefined;
  let freshUntilMs = 0;
  let merging: Promise<OpenApiDocument> | undefined;

  const merge = async (): Promise<OpenApiDocument> => {
    const fetched = await Promise.all(
      upstreams.map(async (upstream) => {
        try {
          const { status, body } = await upstream.getJson('/openapi.json', fetchTimeoutMs);
          if (status !== 200) return false;
          parts.set(upstream.name, body as OpenApiDocument);
          return true;
        } catch {
          return false;
        }
      }),
    );
    // In their order, not in that of their answers: a schema's name depends on it.
    merged = upstreams.reduce(
      (whole, { name }) => {
        const part = parts.get(name);
        return part === undefined ? whole : addPart(whole, name, part);
      },
      structuredClone(await own()),
    );
    const missing = upstreams.filter(({ name }) => !parts.has(name)).map(({ name }) => name);
    if (missing.length > 0) Object.assign(merged, { 'x-missing-services': missing });
    freshUntilMs = monotonicMs() + (fetched.every(Boolean) ? freshMs : incompleteFreshMs);
    return merged;
  };

  return () => {
    if (merged !== undefined && monotonicMs() < freshUntilMs) return Promise.resolve(merged);
    merging ??= merge().finally(() => {
      merging = undefined;
    });
    return merging;
  };
};

/** Every topic and event, for those who read the log. */
export const topicsDocument = (version: string): object =>
  describeTopics(
    {
      title: 'Cartstream events',
      version,
      description:
        'Every order, payment, movement of stock and view as an event on Kafka. Delivery is at least once: a repeat has the same `event-id`. A poison record is in `<topic>.dead-letter` with its cause.',
    },
    Object.values(topics),
    records,
  );

type Named = Record<string, unknown>;

/** Adds a service's public paths. A schema whose name another service uses gets the service's name as a prefix. */
const addPart = (whole: OpenApiDocument, service: string, part: OpenApiDocument): OpenApiDocument => {
  const taken = (whole.components?.schemas ?? {}) as Named;
  const offered = (part.components?.schemas ?? {}) as Named;
  const renamed = new Map(
    Object.entries(offered)
      .filter(([name, schema]) => name in taken && JSON.stringify(taken[name]) !== JSON.stringify(schema))
      .map(([name]) => [name, `${service}_${name}`]),
  );
  const rename = <T>(value: T): T =>
    renamed.size === 0
      ? value
      : (JSON.parse(JSON.stringify(value), (key, inner) =>
          key === '$ref' && typeof inner === 'string' ? renamedReference(inner, renamed) : inner,
        ) as T);

  const paths = Object.fromEntries(Object.entries(part.paths ?? {}).filter(([path]) => isPublicPath(path)));
  const schemas = Object.fromEntries(
    Object.entries(offered).map(([name, schema]) => [renamed.get(name) ?? name, rename(schema)]),
  );
  return {
    ...whole,
    paths: { ...whole.paths, ...rename(paths) },
    components: {
      ...whole.components,
      schemas: { ...whole.components?.schemas, ...schemas } as NonNullable<
        NonNullable<OpenApiDocument['components']>['schemas']
      >,
    },
  };
};

const renamedReference = (reference: string, renamed: ReadonlyMap<string, string>): string => {
  const prefix = '#/components/schemas/';
  const name = reference.slice(prefix.length);
  return reference.startsWith(prefix) ? prefix + (renamed.get(name) ?? name) : reference;
};
