import type {
  ContextConfigDefault,
  FastifyBaseLogger,
  FastifyRequest,
  FastifySchema,
  FastifyTypeProvider,
  FastifyTypeProviderDefault,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerBase,
  RawServerDefault,
  RouteGenericInterface,
  RouteOptions,
} from 'fastify';
import { z } from 'zod';
import type { Access, Principal } from './auth.js';
import { boundsOf } from './bounds.js';
import { problems } from './problem-details.js';
import { matching, text } from './text.js';

/**
 * A request header that a route heeds before it reads the body. Where it is required, the answer without it is 400 or 428,
 * respectively.
 */
export type Precondition = 'idempotency-key' | 'if-match';

/** The path is not validated yet. */
type VersionOf = (request: Pick<FastifyRequest, 'params'>) => Promise<number | undefined>;

declare module 'fastify' {
  interface RouteShorthandOptions<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    ContextConfig = ContextConfigDefault,
    SchemaCompiler extends FastifySchema = FastifySchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger,
  > {
    /** Who may call the route. A route without it is refused when it is declared. */
    access?: Access;
    /**
     * Authorisation that depends on the thing in the path: throws the problem that the caller gets. It runs before the
     * preconditions and before the body is read, so its outcome does not depend on what a stranger sends.
     */
    authorises?: (request: Pick<FastifyRequest, 'principal' | 'headers' | 'params'>) => Promise<void>;
    /** Required headers, checked after authorisation and before the body. */
    requires?: readonly Precondition[];
    /** Headers that the handler heeds where they are sent. */
    accepts?: readonly Precondition[];
    /**
     * The version of the thing in the path, undefined where there is none. An `If-Match` that names another is refused
     * before the body is read; the handler compares again in its transaction.
     */
    versionOf?: VersionOf;
    /**
     * What an API key needs to call the route; null where no key may. If unset, null where only accounts may, and
     * elsewhere the first step of the path below `/api` with `read` for GET and `write` for other methods: `things:read`.
     */
    scope?: string | null;
  }
  interface FastifyContextConfig {
    access?: Access;
    scope?: string | null;
    authorises?: (request: Pick<FastifyRequest, 'principal' | 'headers' | 'params'>) => Promise<void>;
    requires?: readonly Precondition[];
    versionOf?: VersionOf;
    /**
     * For a public route: while there is no key to verify a token with, the caller counts as anonymous instead of
     * receiving 503. Use it only where the caller's identity matters little: an order, for example, must not become a
     * guest's order by mistake.
     */
    anonymousWithoutKeys?: boolean;
    /**
     * The handler itself deals with text that cannot be stored (NUL, half a surrogate pair); it is not answered with
     * 400.
     */
    checksText?: boolean;
    /** The most commas and colons of a body outside of texts; see `strictJson`. */
    jsonSeparatorsMax?: number;
  }
  interface FastifySchema {
    operationId?: string;
    summary?: string;
    description?: string;
    tags?: readonly string[];
    hide?: boolean;
    security?: ReadonlyArray<Record<string, readonly string[]>>;
  }
  interface FastifyRequest {
    /** Set before any handler runs. */
    principal: Principal;
    /** Accepted from the caller or generated; the same as `request.id`. */
    correlationId: string;
  }
}

const preconditionHeaders = {
  'idempotency-key': matching(255, /^[\x21-\x7e]+$/)
    .min(1)
    .describe(
      'The caller chooses a new key for each operation. A repeat with the same key and body receives the same answer.',
    ),
  'if-match': text(512).min(1).describe('The ETag of the version this update is based on.'),
} as const satisfies Record<Precondition, z.ZodType>;

/**
 * Completes a route when it is declared: copies `access`, `authorises`, `requires` and `versionOf` to where hooks find
 * them, and adds what follows from them (headers, security, possible statuses) to its schema, so that the document and the
 * behaviour cannot differ. Every route in the document refuses query parameters that it does not name, as
 * `jsonParserWithin` refuses a body for a route that takes none. Throws for a route without `access`, for
 * `anonymousWithoutKeys` on a route that is not public, and for a request schema without bounds.
 */
export const completeRoute = (route: RouteOptions): void => {
  const name = `${String(route.method)} ${route.url}`;
  const access = route.access ?? route.config?.access;
  if (access === undefined) throw new Error(`route ${name} does not say who may access it`);
  if (route.config?.anonymousWithoutKeys && access !== 'public')
    throw new Error(`route ${name} is not public, so anonymousWithoutKeys says nothing`);
  const requires = route.requires ?? route.config?.requires ?? [];
  const accepts = route.accepts ?? [];
  const authorises = route.authorises ?? route.config?.authorises;
  const versionOf = route.versionOf ?? route.config?.versionOf;
  const given = route.scope === undefined ? route.config?.scope : route.scope;
  const own = access === 'user' ? null : scopeOf(String(route.method), route.url);
  const scope = given === undefined ? own : given;
  if (access === 'user' && scope !== null)
    throw new Error(`route ${name} is for accounts only, so its scope says nothing`);
  const checks = { ...(authorises && { authorises }), ...(versionOf && { versionOf }) };
  route.config = { ...route.config, access, requires, scope, ...checks };

  const schema: FastifySchema = { ...route.schema };
  if (schema.hide !== true) schema.querystring ??= z.strictObject({});
  if (requires.length + accepts.length > 0) {
    const declared = schema.headers instanceof z.ZodObject ? schema.headers.shape : {};
    const needed = requires.map((header) => [header, preconditionHeaders[header]]);
    const heeded = accepts.map((header) => [header, preconditionHeaders[header].optional()]);
    schema.headers = z.object({ ...declared, ...Object.fromEntries([...needed, ...heeded]) });
  }
  // This is checked when the route is declared, because a caller's misspelt field would otherwise have no effect.
  for (const part of ['body', 'querystring', 'params', 'headers'] as const) {
    const declared = schema[part];
    if (declared instanceof z.ZodType) boundsOf(declared, `${name} ${part}`, part === 'headers');
  }
  schema.security ??= isOpen(access)
    ? []
    : [{ bearer: [] }, ...(scope === null ? [] : [{ apiKey: [scope] }])];
  schema.response = {
    ...problems(...impliedStatuses(schema, access, { requires, accepts })),
    ...(schema.response as Record<string, unknown> | undefined),
  };
  route.schema = schema;
};

const scopeOf = (method: string, url: string): string | null => {
  const area = /^\/api\/([a-z-]+)(?:\/|$)/.exec(url)?.[1];
  return area === undefined ? null : `${area}:${method === 'GET' || method === 'HEAD' ? 'read' : 'write'}`;
};

const isOpen = (access: Access): boolean => access === 'public' || access === 'anonymous';

const impliedStatuses = (
  schema: FastifySchema,
  access: Access,
  { requires, accepts }: Record<'requires' | 'accepts', readonly Precondition[]>,
): number[] => [
  400,
  // A public route can answer 401 too, because a token that the caller sends may have expired.
  ...(access === 'anonymous' ? [] : [401]),
  // An API key may lack the scope, or not be an account.
  ...(access === 'anonymous' ? [] : [403]),
  ...([...requires, ...accepts].includes('idempotency-key') ? [409, 422] : []),
  ...([...requires, ...accepts].includes('if-match') ? [412] : []),
  ...(requires.includes('if-match') ? [428] : []),
  ...(schema.body === undefined ? [] : [413, 415]),
  429,
  431,
  503,
];
