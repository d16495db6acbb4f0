import type { FastifyRequest, FastifySchemaCompiler } from 'fastify';
import type { FastifySerializerCompiler } from 'fastify/types/schema.js';
import { ResponseSerializationError, validatorCompiler } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type BoundsCheck, boundsOf } from './bounds.js';
import { invalidInput } from './failures.js';
import type { LoopWatch } from './loop-watch.js';
import { type InputError, type Problem, problem } from './problem-details.js';
import { strictJson } from './strict-json.js';

/**
 * Checks sizes and names first (see `boundsOf`), then the schema, so that the content of too large input is not
 * checked.
 */
export const validatorWithin =
  (watch: LoopWatch): FastifySchemaCompiler<z.ZodType> =>
  (route) => {
    const { schema, method, url, httpPart = 'body' } = route;
    const name = `${method} ${url}`;
    const check = boundsOf(schema, `${name} ${httpPart}`, httpPart === 'headers');
    const validate = validatorCompiler(route);
    return (value: unknown) =>
      watch.timed('validate', name, () => {
        const found = sizeErrors(check, value);
        return found.length > 0 ? { error: invalidInput(httpPart, found) } : validate(value);
      });
  };

const sizeErrors = (check: BoundsCheck, value: unknown): InputError[] => {
  const found: InputError[] = [];
  check(value, '', found);
  return found;
};

/**
 * The serializer of the schemas, with its time measured: it leaves out what a schema does not name and throws for what
 * is not of it. Schemas of answers convert nothing, so that parsing them is enough, which zod compiles and encoding not.
 */
export const serializerWithin =
  (watch: LoopWatch): FastifySerializerCompiler<z.ZodType | { properties: z.ZodType }> =>
  ({ schema: given, method, url }) => {
    const schema = given instanceof z.ZodType ? given : given.properties;
    const name = `${method} ${url}`;
    return (value) =>
      watch.timed('serialize', name, () => {
        const { error, data } = schema.safeParse(value);
        if (error !== undefined) throw new ResponseSerializationError(method, url, { cause: error });
        return JSON.stringify(data);
      });
  };

/** Compressed bodies are refused: a few kilobytes can decompress to gigabytes. See RFC 9110 section 15.5.16. */
const undecoded = problem(415, 'unsupported_content_coding', 'Send the body without a content coding.', {
  headers: { 'accept-encoding': 'identity' },
});

const notUtf8 = problem(415, 'unsupported_media_type', 'The body must be in UTF-8.');

/** A parameter of a media type that names another charset than UTF-8, quoted or not. */
const otherCharset = /;\s*charset\s*=(?!\s*"?utf-?8"?\s*(?:;|$))/i;

/** Why a body of this coding and charset is not read, of whatever media type; undefined for one that is. */
export const unreadable = ({ headers }: Pick<FastifyRequest, 'headers'>): Problem | undefined => {
  if ((headers['content-encoding']?.trim().toLowerCase() ?? 'identity') !== 'identity') return undecoded;
  return otherCharset.test(headers['content-type'] ?? '') ? notUtf8 : undefined;
};

/** True for the schema of a body that may be missing. Write it with `nullish()`: a missing one comes as `null`. */
export const mayBeMissing = (body: unknown): boolean =>
  body instanceof z.ZodType && body.safeParse(undefined).success;

const noFields = boundsOf(z.strictObject({}), 'a body of a route that takes none');

/** What a body says to a route that takes none: it would be ignored, which its sender could not see. */
const unasked = (value: unknown): InputError[] => {
  if (value === null) return [];
  const found = sizeErrors(noFields, value);
  if (typeof value !== 'object' || Array.isArray(value)) found.push({ path: '', message: 'must be empty' });
  return found;
};

/**
 * A body parser for `application/json`. Where a route can do without a body, an empty one counts as none; where it takes
 * none, so does an object without fields, and any other is refused.
 */
export const jsonParserWithin =
  (watch: LoopWatch) =>
  (request: FastifyRequest, body: Buffer, done: (error: Error | null, value?: unknown) => void): void => {
    const { schema, config, url = 'unknown' } = request.routeOptions;
    if (body.length === 0 && (schema?.body === undefined || mayBeMissing(schema.body))) {
      done(null, undefined);
      return;
    }
    const refusal = unreadable(request);
    if (refusal !== undefined) {
      done(refusal);
      return;
    }
    let value: unknown;
    try {
      value = watch.timed('parse', `${request.method} ${url}`, () =>
        strictJson(body, {
          separatorsMax: config.jsonSeparatorsMax,
          mustBeKeepable: config.checksText !== true,
        }),
      );
    } catch (error) {
      done(error as Error);
      return;
    }
    if (schema?.body !== undefined) {
      done(null, value);
      return;
    }
    const found = unasked(value);
    done(found.length > 0 ? invalidInput('body', found) : null);
  };
