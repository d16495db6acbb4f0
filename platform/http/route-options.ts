import type {
  ContextConfigDefault,
  FastifyBaseLogger,
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

/** A request header without which a route does not even look at the body: 400 and 428 respectively. */
export type Precondition = 'idempotency-key' | 'if-match';

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
    /** Who may call it. Every route says so; one that does not is refused when it is declared. */
    access?: Access;
    /** Headers that must be there, checked after authorisation and before the body. */
    requires?: readonly Precondition[];
  }
  interface FastifyContextConfig {
    access?: Access;
    requires?: readonly Precondition[];
    /**
     * Of a public route: while no key is known to verify a token with, its holder is anonymous here instead of
     * 503. Use it only where it matters little who asks; an order must not be placed as a guest's by mistake.
     */
    anonymousWithoutKeys?: boolean;
    /** The handler itself sees to text that cannot be kept (NUL, half a surrogate pair); it is not a 400. */
    checksText?: boolean;
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
    /** Accepted from the caller or made; the same as `request.id`. */
    correlationId: string;
  }
}

const preconditionHeaders = {
  'idempotency-key': matching(255, /^[\x21-\x7e]+$/)
    .min(1)
    .describe(
      'Chosen by the caller, one per intention: a repeat with the same key and body gets the same answer.',
    ),
  'if-match': text(512).min(1).describe('The ETag of the version this update is based on.'),
} as const satisfies Record<Precondition, z.ZodType>;

/**
 * Completes a route as it is declared: copies `access` and `requires` to where hooks see them, and adds to its
 * schema what follows from them (headers, security, the statuses it can answer), so that the document and the
 * behaviour cannot part. Every route that the document shows refuses query parameters it does not name. Throws for a
 * route that forgot `access`, that would be open without keys but is not public, or whose request has no bounds.
 */
export const completeRoute = (route: RouteOptions): void => {
  const name = `${String(route.method)} ${route.url}`;
  const access = route.access ?? route.config?.access;
  if (access === undefined) throw new Error(`route ${name} does not say who may access it`);
  if (route.config?.anonymousWithoutKeys && access !== 'public')
    throw new Error(`route ${name} is not public, so anonymousWithoutKeys says nothing`);
  const requires = route.requires ?? route.config?.requires ?? [];
  route.config = { ...route.config, access, requires };

  const schema: FastifySchema = { ...route.schema };
  if (schema.hide !== true) schema.querystring ??= z.strictObject({});
  if (requires.length > 0) {
    const declared = schema.headers instanceof z.ZodObject ? schema.headers.shape : {};
    const added = Object.fromEntries(requires.map((header) => [header, preconditionHeaders[header]]));
    schema.headers = z.object({ ...declared, ...added });
  }
  // Found when the route is declared, not by a caller whose misspelt field had no effect.
  for (const part of ['body', 'querystring', 'params', 'headers'] as const) {
    const declared = schema[part];
    if (declared instanceof z.ZodType) boundsOf(declared, `${name} ${part}`, part === 'headers');
  }
  schema.security ??= isOpen(access) ? [] : [{ bearer: [] }];
  schema.response = {
    ...problems(...impliedStatuses(schema, access, requires)),
    ...(schema.response as Record<string, unknown> | undefined),
  };
  route.schema = schema;
};

const isOpen = (access: Access): boolean => access === 'public' || access === 'anonymous';

const impliedStatuses = (
  schema: FastifySchema,
  access: Access,
  requires: readonly Precondition[],
): number[] => [
  400,
  // A public route answers it too: the token that a caller presents may have expired.
  ...(access === 'anonymous' ? [] : [401]),
  ...(Array.isArray(access) ? [403] : []),
  ...(requires.includes('idempotency-key') ? [409, 422] : []),
  ...(requires.includes('if-match') ? [412, 428] : []),
  ...(schema.body === undefined ? [] : [413, 415]),
  429,
  431,
  503,
];
