import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { documented, type Operation, type Schema } from './openapi.js';
import { readRunFile, shopAt } from './shop.js';

/**
 * Sends every field of the OpenAPI document much larger than anybody needs it: the time to answer must not grow faster
 * than the size. New fields are tested too, because the fields come from the document. A quarter of the largest body is
 * enough for quadratic work to take seconds; `REQUEST_BYTES=1000000` sends all that a body may have.
 */

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
const { operations } = await documented(run.gateway);
let admin: string;

beforeAll(async () => {
  admin = await shop.login(run.adminEmail, run.adminPassword);
});

type Step = string | number;
type Field = { at: readonly Step[]; kind: 'text' | 'list' | 'record' | 'object' };

/** Every place in a body that takes something of any size. */
const fieldsOf = (schema: Schema, at: readonly Step[] = []): Field[] => {
  const inner = (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []).flatMap((option) =>
    fieldsOf(option, at),
  );
  if (schema.type === 'string' && schema.enum === undefined) return [...inner, { at, kind: 'text' }];
  if (schema.type === 'array')
    return [...inner, { at, kind: 'list' }, ...fieldsOf(schema.items ?? {}, [...at, 0])];
  if (schema.type !== 'object') return inner;
  const { properties = {}, additionalProperties } = schema;
  const isRecord = typeof additionalProperties === 'object';
  return [
    ...inner,
    { at, kind: isRecord ? 'record' : 'object' },
    ...(isRecord ? fieldsOf(additionalProperties, [...at, 'key']) : []),
    ...Object.entries(properties).flatMap(([name, field]) => fieldsOf(field, [...at, name])),
  ];
};

/** The least that a schema takes. */
const sampleOf = (schema: Schema): unknown => {
  const option = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (option !== undefined) return sampleOf(option);
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'string')
    return (
      { uuid: randomUUID(), email: 'a@example.org', 'date-time': new Date().toISOString() }[
        schema.format ?? ''
      ] ?? 'a'
    );
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(1, schema.minimum ?? 1);
  if (schema.type === 'array') return [sampleOf(schema.items ?? {})];
  if (schema.type !== 'object') return true;
  const names = Object.entries(schema.properties ?? {});
  return Object.fromEntries(names.map(([name, field]) => [name, sampleOf(field)]));
};

const replaced = (value: unknown, at: readonly Step[], by: unknown): unknown => {
  const [first, ...rest] = at;
  if (first === undefined) return by;
  const whole = value as Record<string, unknown> | undefined;
  const inner = replaced(whole?.[first], rest, by);
  return typeof first === 'number' ? [inner] : { ...whole, [first]: inner };
};

/** What is slow for one pattern or other: much of what fits, and an end that does not. */
const hostile: Record<Field['kind'], ((bytes: number) => unknown)[]> = {
  text: ['a', ' ', '@a.', '0', 'é'].map(
    (part) => (bytes) => `${part.repeat(bytes / Buffer.byteLength(part))}\u0001`,
  ),
  list: [
    (bytes) => new Array(Math.floor(bytes / 2)).fill(0),
    (bytes) => new Array(Math.floor(bytes / 3)).fill({}),
  ],
  record: [(bytes) => Object.fromEntries(Array.from({ length: bytes / 12 }, (_, n) => [`k${n}`, '']))],
  object: [(bytes) => Object.fromEntries(Array.from({ length: bytes / 12 }, (_, n) => [`k${n}`, 0]))],
};

const bodyBytesMax = Number(process.env.REQUEST_BYTES ?? 250_000);
const sizes = [bodyBytesMax / 16, bodyBytesMax / 4, bodyBytesMax];
/** Less than this says nothing about a ratio: it is what an answer takes on a busy machine. */
const floorMs = 100;
const attemptsMax = 6;
/** From one size to the next, which is four times as large. */
const growthMax = 8;
/** Whatever takes this long is not tried again: the whole shop waits meanwhile. */
const hopelessMs = 5_000;

/** The time of the fastest of a few: other work on the machine only ever adds to it. */
const fastestMs = async (ask: () => Promise<number>, enoughMs: number): Promise<number> => {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < attemptsMax && bestMs > enoughMs; attempt += 1) {
    const startedAtMs = performance.now();
    const status = await ask();
    const tookMs = performance.now() - startedAtMs;
    bestMs = Math.min(bestMs, tookMs);
    if (tookMs > hopelessMs) break;
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  }
  return bestMs;
};

/**
 * Quadratic work takes sixteen times as long for four times as much, linear work four times. What takes less than the
 * least bound at the largest size needs no comparison.
 */
const expectLinear = async (
  requestOf: (bytes: number) => () => Promise<number>,
  what: string,
): Promise<void> => {
  const leastMs = growthMax * floorMs;
  if ((await fastestMs(requestOf(bodyBytesMax), leastMs)) < leastMs) return;
  let beforeMs = floorMs;
  for (const bytes of sizes) {
    const allowedMs = growthMax * beforeMs;
    const tookMs = await fastestMs(requestOf(bytes), allowedMs / 4);
    expect(tookMs, `${what} at ${bytes} bytes, after ${Math.round(beforeMs)} ms`).toBeLessThan(allowedMs);
    beforeMs = Math.max(floorMs, tookMs);
  }
};

const pathOf = ({ path }: Operation): string => path.replace(/\{[^}]+\}/g, () => randomUUID());

const send = async ({ method, ...operation }: Operation, body?: string, query = ''): Promise<number> => {
  const response = await fetch(`${run.gateway}${pathOf({ method, ...operation })}${query}`, {
    method,
    headers: {
      authorization: `Bearer ${admin}`,
      'idempotency-key': randomUUID(),
      'if-match': '*',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  await response.arrayBuffer();
  return response.status;
};

const withBody = operations.flatMap((operation) =>
  operation.body === undefined ? [] : [{ ...operation, body: operation.body }],
);

describe('the time to answer grows no faster than the request', () => {
  it.each(withBody)('in every field of $method $path', async (operation) => {
    const fields = fieldsOf(operation.body);
    expect(fields.length).toBeGreaterThan(0);
    const sample = sampleOf(operation.body);
    for (const { at, kind } of fields)
      for (const make of hostile[kind])
        await expectLinear(
          (bytes) => {
            const body = JSON.stringify(replaced(sample, at, make(bytes)));
            return async () => {
              const status = await send(operation, body);
              // Events are refused one by one, and the rest is accepted.
              return operation.path === '/api/events' && status === 202 ? 400 : status;
            };
          },
          `${operation.method} ${operation.path} /${at.join('/')}`,
        );
  });

  const queryBytesMax = 60_000;
  const reading = operations.filter(({ method }) => method === 'GET');

  it.each(reading)('in every parameter of $method $path, and with thousands of them', async (operation) => {
    const parameters = operation.parameters.filter((parameter) => parameter.in === 'query');
    const queries = [
      ...parameters.flatMap(({ name }) =>
        ['a', '.', '0', ',', '%20'].map(
          (part) => (bytes: number) => `?${name}=${part.repeat(bytes / part.length)}!`,
        ),
      ),
      (bytes: number) => `?${Array.from({ length: bytes / 9 }, (_, n) => `q${n}=1`).join('&')}`,
      (bytes: number) => `?${'limit=1&'.repeat(bytes / 8)}`,
    ];
    for (const queryOf of queries)
      await expectLinear(
        (bytes) => {
          const query = queryOf((bytes * queryBytesMax) / bodyBytesMax);
          return () => send(operation, undefined, query);
        },
        `${operation.path} ${queryOf(20)}`,
      );
  });
});

describe('a parameter that the document does not name', () => {
  it.each(operations.filter(({ method }) => method === 'GET'))(
    'is refused by $method $path',
    async (operation) => {
      const response = await fetch(`${run.gateway}${pathOf(operation)}?nosuch=1`, {
        headers: { authorization: `Bearer ${admin}` },
      });
      const { code, errors } = (await response.json()) as { code: string; errors: { path: string }[] };
      expect([response.status, code, errors.map(({ path }) => path)]).toEqual([
        400,
        'invalid_query',
        // What is required is missing besides, where something is.
        expect.arrayContaining(['/query/nosuch']),
      ]);
    },
  );
});
