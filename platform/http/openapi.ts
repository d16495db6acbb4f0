import swagger from '@fastify/swagger';
import Fastify, { type FastifySchema, type HTTPMethods } from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import { mayBeMissing } from './validation.js';

export type OpenApiDocument = OpenAPIV3_1.Document;

export type DescribedRoute = { method: HTTPMethods; url: string; schema: FastifySchema };

/**
 * The OpenAPI 3.1 document of the routes, made from the schemas that validate them. It is built on a separate
 * application that never listens, so the document can be made at the first request for it, and routes can be declared
 * before any plugin is loaded.
 */
export const describeRoutes = async (
  info: { title: string; version: string; description?: string },
  routes: readonly DescribedRoute[],
): Promise<OpenApiDocument> => {
  const describer = Fastify({ logger: false });
  describer.setValidatorCompiler(validatorCompiler);
  describer.setSerializerCompiler(serializerCompiler);
  await describer.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          apiKey: {
            type: 'apiKey',
            in: 'header',
            name: 'X-API-Key',
            description: 'For programs. The words at an operation are the scopes that its key needs.',
          },
        },
      },
    },
    transform: (route) => {
      const { schema, url } = transform(route);
      for (const part of ['body', 'querystring', 'params', 'headers'] as const) refuseNul(schema[part]);
      return { schema, url };
    },
    transformObject: createJsonSchemaTransformObject({}),
  });
  for (const { method, url, schema } of routes)
    describer.route({
      method,
      url,
      schema: { ...schema, operationId: schema.operationId ?? operationIdOf(method, url) },
      handler: () => undefined,
    });
  await describer.ready();
  const document = describer.swagger() as OpenApiDocument;
  for (const { method, url, schema } of routes) {
    if (!mayBeMissing(schema.body)) continue;
    const operation = document.paths?.[pathOf(url)]?.[method.toLowerCase() as 'post'];
    // The plugin says of every body that it is required.
    if (operation?.requestBody !== undefined) Object.assign(operation.requestBody, { required: false });
  }
  await describer.close();
  return withoutOrphans(document);
};

/** `/api/things/:id` → `/api/things/{id}`. */
const pathOf = (url: string): string => url.replace(/:(\w+)/g, '{$1}');

const transform = createJsonSchemaTransform({ skipList: [] });

const noNul = '^[^\\x00]*$';

/** The JSON parser refuses NUL in every string. This adds that to each string whose own pattern would allow it. */
const refuseNul = (schema: unknown): void => {
  if (Array.isArray(schema)) for (const one of schema) refuseNul(one);
  if (typeof schema !== 'object' || schema === null) return;
  const node = schema as { type?: unknown; pattern?: string; allOf?: object[] };
  for (const inner of Object.values(node)) refuseNul(inner);
  if (node.type !== 'string' || ['format', 'enum', 'const'].some((keyword) => keyword in node)) return;
  const own = [node.pattern, ...(node.allOf ?? []).map((part) => (part as { pattern?: string }).pattern)];
  const patterns = own.filter((pattern) => pattern !== undefined);
  if (patterns.some(leavesNoNul)) return;
  if (patterns.length === 0) node.pattern = noNul;
  else node.allOf = [...(node.allOf ?? []), { pattern: noNul }];
};

/** True for a pattern that is anchored at both ends and either excludes NUL or lists only allowed characters. */
const leavesNoNul = (pattern: string): boolean =>
  /^\^.*\$$/s.test(pattern) && (pattern.includes('\\x00') || !/\[\^|\\[SWD]|(?<!\\)\./.test(pattern));

/** Removes named schemas without a reference: each exists in an input and an output form, and often one is unused. */
const withoutOrphans = (document: OpenApiDocument): OpenApiDocument => {
  const schemas = document.components?.schemas ?? {};
  const referred = new Set<string>();
  const follow = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (referred.has(name)) continue;
      referred.add(name);
      follow(schemas[name] ?? {});
    }
  };
  follow(document.paths ?? {});
  const kept = Object.entries(schemas).filter(([name]) => referred.has(name));
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(kept) } };
};

/** `GET /api/things/:id` → `getApiThingsById`. */
const operationIdOf = (method: string, url: string): string =>
  method.toLowerCase() +
  url
    .split(/[/\-.]/)
    .filter((word) => word !== '')
    .map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word.replace(/\W/g, ''))))
    .join('');

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
