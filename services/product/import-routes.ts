import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { isRetriable } from '#platform/errors';
import { actorOf } from '#platform/http/auth';
import { problem } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { matching } from '#platform/http/text';
import { undecoded } from '#platform/http/validation';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Logger, Metrics } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';
import { linesIn } from './import-lines.js';
import { type Written, writeImported } from './import-store.js';
import { type Imported, importedFrom, isError, type LineError, lineBytesMax } from './product-import.js';
import type { ProductStore } from './product-store.js';

/** Parsed in one turn of the loop, and written in one transaction. */
const linesPerBatchMax = 250;
const attemptsMax = 5;
const retry = { minMs: 100, maxMs: 2_000 };

const lineError = z.object({
  line: z.int().describe('From 1.'),
  code: z.enum(['line_too_long', 'malformed_json', 'invalid_product', 'product_removed']),
  errors: z.array(z.object({ path: z.string(), message: z.string() })),
});
const summary = z.object({
  errors: z.array(lineError).describe('One for each line that was refused; all others were imported.'),
  lines: z.int().describe('The last line that was dealt with: an import that stopped goes on behind it.'),
  created: z.int(),
  updated: z.int(),
  unchanged: z.int().describe('Lines whose product was so already.'),
  isComplete: z
    .boolean()
    .describe(
      'False where the import had to stop: send it again, whole with the same key, or from behind `lines` with a new one.',
    ),
});

type ImportParts = {
  products: ProductStore;
  db: Database;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
};

/**
 * `POST /api/products/import`. Lines are read as fast as they are written, so a body may have any length. The answer is
 * one JSON object that begins with the first batch, so that nobody between waits for its end in vain: errors as they
 * come, then the sums.
 */
export const importRoutes = async (app: HttpApp, parts: ImportParts): Promise<void> => {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/x-ndjson', (request, body, done) => {
      const coding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
      done(coding === 'identity' ? null : undecoded, body);
    });
    scope.post(
      '/api/products/import',
      {
        access: ['admin'],
        schema: {
          tags: ['products'],
          summary: 'Add or describe products anew, one a line, as many as there are.',
          description:
            `Each line is a product as \`POST /api/products\` takes it, of at most ${lineBytesMax} bytes, with an ` +
            'optional `externalId`: a line with a known one describes its product anew. With an `Idempotency-Key`, ' +
            'lines without an `externalId` are known by their number, so that the same import may be sent again.',
          consumes: ['application/x-ndjson'],
          headers: z.object({
            'idempotency-key': matching(255, /^[\x21-\x7e]+$/)
              .min(1)
              .optional()
              .describe('A new key for each body; the same one when the same body is sent again, whole.'),
          }),
          body: z.any().meta({ type: 'string', description: 'A JSON object a line.' }),
          response: {
            200: { description: 'The import', content: { 'application/json': { schema: summary } } },
          },
        },
      },
      async (request, reply) => {
        if (!(request.body instanceof Readable))
          throw problem(400, 'invalid_body', 'Send the products as application/x-ndjson, one a line.');
        const by = actorOf(request.principal);
        const answer = Readable.from(importOf(request, request.body, by, parts));
        reply.type('application/json; charset=utf-8');
        return reply.send(answer as never);
      },
    );
  });
};

/** The text of the answer, piece by piece. */
async function* importOf(
  { headers }: Pick<FastifyRequest, 'headers'>,
  body: AsyncIterable<Buffer>,
  by: string,
  parts: ImportParts,
): AsyncGenerator<string> {
  const key = headers['idempotency-key'];
  const request = key === undefined ? undefined : `${by} ${key}`;
  const write = createWriter(parts, by);
  const sums = { lines: 0, created: 0, updated: 0, unchanged: 0 };
  let hasErrors = false;
  let isComplete = true;
  yield '{"errors":[';
  try {
    for await (const { errors, last, written } of writtenAhead(batchesOf(body, request), write)) {
      const removed = written.removed.map(
        (line): LineError => ({ line, code: 'product_removed', errors: [] }),
      );
      for (const error of [...errors, ...removed].sort((one, other) => one.line - other.line)) {
        yield `${hasErrors ? ',' : ''}${JSON.stringify(error)}`;
        hasErrors = true;
      }
      sums.lines = last;
      for (const sum of ['created', 'updated', 'unchanged'] as const) sums[sum] += written[sum];
      // A sign of life, which JSON allows here.
      yield '\n';
    }
  } catch (error) {
    parts.logger.warn({ err: error, line: sums.lines }, 'an import had to stop');
    isComplete = false;
  }
  yield `],${JSON.stringify({ ...sums, isComplete }).slice(1)}`;
}

/** Each batch with what came of it, in their order. While one is written, the next one is read. */
async function* writtenAhead(
  batches: AsyncIterable<ImportBatch>,
  write: (imported: readonly Imported[]) => Promise<Written>,
): AsyncGenerator<ImportBatch & { written: Written }> {
  let running: { batch: ImportBatch; writing: Promise<Written> } | undefined;
  for await (const batch of batches) {
    if (running !== undefined) yield { ...running.batch, written: await running.writing };
    const writing = write(batch.imported);
    // Awaited with the next batch, which may fail before.
    writing.catch(() => {});
    running = { batch, writing };
  }
  if (running !== undefined) yield { ...running.batch, written: await running.writing };
}

type ImportBatch = { imported: Imported[]; errors: LineError[]; last: number };

/** A batch has no two lines of one key, so that the later one describes anew what the earlier one has made. */
async function* batchesOf(
  body: AsyncIterable<Buffer>,
  request: string | undefined,
): AsyncGenerator<ImportBatch> {
  let batch: ImportBatch = { imported: [], errors: [], last: 0 };
  let keys = new Set<string>();
  for await (const line of linesIn(body, lineBytesMax)) {
    const imported = importedFrom(line, request);
    const key = isError(imported) ? undefined : imported.key;
    const isFull = batch.imported.length + batch.errors.length >= linesPerBatchMax;
    if (isFull || (key !== undefined && keys.has(key))) {
      yield batch;
      batch = { imported: [], errors: [], last: batch.last };
      keys = new Set();
    }
    if (isError(imported)) batch.errors.push(imported);
    else batch.imported.push(imported);
    if (key !== undefined) keys.add(key);
    batch.last = line.number;
  }
  yield batch;
}

/** Writes a batch, again after a fault that passes. A line is written once however often its commit was tried. */
const createWriter = ({ products, db, clock, metrics }: ImportParts, by: string) => {
  const created = metrics.counter('products_created_total', 'Products added to the catalogue.');
  const updated = metrics.counter('products_updated_total', 'Changes of products, removals included.');
  return async (imported: readonly Imported[]): Promise<Written> => {
    if (imported.length === 0) return { created: 0, updated: 0, unchanged: 0, removed: [] };
    for (let attempt = 1; ; attempt += 1)
      try {
        const written = await inTransaction(db, (tx) => writeImported(tx, imported, { products, clock, by }));
        created.inc(written.created);
        updated.inc(written.updated);
        return written;
      } catch (error) {
        // Without keys a commit of unknown outcome must not be tried again.
        const isRepeatable = imported.every(({ key }) => key !== undefined);
        if (!isRetriable(error) || !isRepeatable || attempt >= attemptsMax) throw error;
        await sleep(backoffMs(retry, attempt));
      }
  };
};
