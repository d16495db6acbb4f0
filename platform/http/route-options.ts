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
import { problems } from './problem-details.js';

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
     * 503. Only where it matters little who asks: who orders as a stranger is not who orders as themselves.
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
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .regex(/^[\x21-\x7e]+$/)
    .describe(
      'Chosen by the caller, one per intention: a repeat with the same key and body gets the same answer.',
    ),
  'if-match': z.string().min(1).max(512).describe('The ETag of the version this update is based on.'),
} as const satisfies Record<Precondition, z.ZodType>;

/**
 * Completes a route as it is declared: copies `access` and `requires` to where hooks see them, and adds to its
 * schema what follows from them (headers, security, the statuses it can answer), so that the document and the
 * behaviour cannot part. Throws for a route that forgot `access`, that would be
 * open without keys but is not public, or whose body would let unknown fields pass.
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
  if (schema.body instanceof z.ZodType) assertStrict(schema.body, `${name} body`);
  if (requires.length > 0) {
    const declared = schema.headers instanceof z.ZodObject ? schema.headers.shape : {};
    const added = Object.fromEntries(requires.map((header) => [header, preconditionHeaders[header]]));
    schema.headers = z.object({ ...declared, ...added });
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
  // Also where nobody has to log in: a caller may present a token that is no longer good.
  ...(access === 'anonymous' ? [] : [401]),
  ...(Array.isArray(access) ? [403] : []),
  ...(requires.includes('idempotency-key') ? [409, 422] : []),
  ...(requires.includes('if-match') ? [412, 428] : []),
  ...(schema.body === undefined ? [] : [413, 415]),
  429,
  431,
  503,
];

/**
 * Zod's `z.object` drops unknown fields in silence; a body must refuse them. Found when the route is declared,
 * not by a caller whose misspelt field had no effect.
 */
const assertStrict = (schema: z.core.$ZodType, path: string, seen = new Set<z.core.$ZodType>()): void => {
  if (seen.has(schema)) return;
  seen.add(schema);
  const def = (schema as z.core.$ZodTypes)._zod.def;
  const into = (inner: z.core.$ZodType, step = ''): void => assertStrict(inner, `${path}${step}`, seen);
  switch (def.type) {
    case 'object':
      if (def.catchall === undefined)
        throw new Error(`${path}: use z.strictObject, so that unknown fields are refused`);
      for (const [key, field] of Object.entries(def.shape)) into(field, `.${key}`);
      return;
    case 'array':
      into(def.element, '[]');
      return;
    case 'union':
      for (const option of def.options) into(option);
      return;
    case 'pipe':
      into(def.in);
      return;
    case 'record':
      into(def.valueType, '{}');
      return;
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      into(def.innerType);
      return;
    default:
      return;
  }
};
