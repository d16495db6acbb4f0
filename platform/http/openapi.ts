import swagger from '@fastify/swagger';
import Fastify, { type FastifySchema, type HTTPMethods } from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';

export type OpenApiDocument = OpenAPIV3_1.Document;

export type DescribedRoute = { method: HTTPMethods; url: string; schema: FastifySchema };

/**
 * The OpenAPI 3.1 document of routes, from the very schemas that validate them. Built on an application of its
 * own that never serves: so the document can be made when it is first asked for, and routes can be declared
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
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    },
    transform: createJsonSchemaTransform({ skipList: [] }),
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
  await describer.close();
  return document;
};

/** `GET /api/orders/:id` → `getApiOrdersById`. */
const operationIdOf = (method: string, url: string): string =>
  method.toLowerCase() +
  url
    .split(/[/\-.]/)
    .filter((word) => word !== '')
    .map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word.replace(/\W/g, ''))))
    .join('');

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
