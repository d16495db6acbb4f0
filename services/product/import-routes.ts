import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { actorOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { mayTakeLong } from '#platform/http/long-requests';
import { problem, problems } from '#platform/http/problem-details';
import { matching } from '#platform/http/text';
import { unreadable } from '#platform/http/validation';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Logger, Metrics } from '#platform/service-host';
import { within } from '#platform/waiting/deadline';
import { claimLoop } from '#platform/waiting/loop-share';
import { withSignsOfLife } from '#platform/waiting/signs-of-life';
import { batchesOf, type ImportBatch, writtenAhead } from './import-batches.js';
import { linesIn } from './import-lines.js';
import type { ImportPace } from './import-pace.js';
import { claimBatch, KeyReused, type Written, writeImported, writtenBefore } from './import-store.js';
import type { ImportedEventsWorker } from './imported-events-worker.js';
import { type LineError, lineBytesMax, lineErrorCodes } from './product-import.js';
import { createProductMetrics } from './product-metrics.js';
import type { ProductStore } from './product-store.js';

const lineError = z.object({
  line: z.int().describe('From 1.'),
  code: z
    .enum(lineErrorCodes)
    .describe(
      '`idempotency_key_reused`: from here on the body is not the one that this key was used for; the import has stopped.',
    ),
  errors: z.array(z.object({ path: z.string(), message: z.string() })),
});
const summary = z.object({
  errors: z.array(lineError).describe('One for each line that was refused; all others were imported.'),
  lines: z.int().describe('The last line that was dealt with: an import that stopped goes on behind it.'),
  created: z.int(),
  updated: z.int(),
  unchanged: z
    .int()
    .describe('Lines whose product was so already, or that were written before under the same key.'),
  isComplete: z
    .boolean()
    .describe(
      'False where the import had to stop: send it again, whole with the same key, or from behind `lines` with a new one.',
    ),
});

type ImportParts = {
  products: ProductStore;
  db: Database;
  pace: ImportPace;
  importedEvents: Pick<ImportedEventsWorker, 'begin'>;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
  /** So often the answer says that it goes on; every 5 s if unset. */
  signEveryMs?: number;
  /** Who sends nothing for so long while the next lines are waited for has gone; 120 s if unset. */
  silenceMsMax?: number;
};

/** The gateway waits 15 s for an answer's beginning, and 120 s for its next piece. */
const signEveryMsDefault = 5_000;
const silenceMsMaxDefault = 120_000;

/**
 * `POST /api/products/import`. Lines are read as fast as they are written, so a body may have any length. The answer is
 * one JSON object that begins with the first batch, so that nobody between waits for its end in vain: errors as they
 * come, then the sums.
 */
export const importRoutes = async (app: HttpApp, parts: ImportParts): Promise<void> => {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/x-ndjson', (request, body, done) => {
      done(unreadable(request) ?? null, body);
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
            'lines without an `externalId` are known by their number, so that the same import may be sent again: ' +
            'lines that were written before are not written again, and changes made since then stay.',
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
            ...problems(422),
          },
        },
      },
      async (request, reply) => {
        if (!(request.body instanceof Readable))
          throw problem(400, 'invalid_body', 'Send the products as application/x-ndjson, one a line.');
        mayTakeLong(request, reply);
        const by = actorOf(request.principal);
        let isBegun = false;
        const pieces = withSignsOfLife(
          importOf(request, { body: request.body, by, isBegun: () => isBegun }, parts),
          parts.signEveryMs ?? signEveryMsDefault,
        );
        // The first lines decide whether there is an import at all, unless they come slowly.
        const { value } = await pieces.next();
        isBegun = true;
        const answer = Readable.from(behind(value ?? '', pieces));
        reply.type('application/json; charset=utf-8');
        return reply.send(answer as never);
      },
    );
  });
};

async function* behind(first: string, others: AsyncIterable<string>): AsyncGenerator<string> {
  yield first;
  yield* others;
}

/** The text of the answer, piece by piece. Throws a problem if the key was used for another body and no answer is begun. */
async function* importOf(
  { headers }: Pick<FastifyRequest, 'headers'>,
  { body, by, isBegun }: { body: AsyncIterable<Buffer>; by: string; isBegun(): boolean },
  parts: ImportParts,
): AsyncGenerator<string> {
  const key = headers['idempotency-key'];
  const request = key === undefined ? undefined : `${by} ${key}`;
  const write = createWriter(parts, { by, request });
  const end = parts.importedEvents.begin();
  const sums = { lines: 0, created: 0, updated: 0, unchanged: 0 };
  let opening = '{"errors":[';
  let separator = '';
  let isComplete = true;
  // A line feed is a sign of life, which JSON allows here.
  const piece = (errors: readonly LineError[]): string => {
    const begun = opening;
    opening = '';
    const texts = errors.map((error) => {
      const text = `${separator}${JSON.stringify(error)}`;
      separator = ',';
      return text;
    });
    return `${begun}${texts.join('')}\n`;
  };
  try {
    const pieces = endingInSilence(body, parts.silenceMsMax ?? silenceMsMaxDefault);
    const batches = batchesOf(linesIn(pieces, lineBytesMax), request);
    for await (const { errors, last, written } of writtenAhead(batches, write)) {
      const removed = written.removed.map(
        (line): LineError => ({ line, code: 'product_removed', errors: [] }),
      );
      sums.lines = last;
      for (const sum of ['created', 'updated', 'unchanged'] as const) sums[sum] += written[sum];
      yield piece([...errors, ...removed].sort((one, other) => one.line - other.line));
    }
  } catch (error) {
    if (error instanceof KeyReused) {
      if (!isBegun()) throw problem(422, 'idempotency_key_reused', error.message);
      yield piece([{ line: sums.lines + 1, code: 'idempotency_key_reused', errors: [] }]);
    } else parts.logger.warn({ err: error, line: sums.lines }, 'an import had to stop');
    isComplete = false;
  } finally {
    end();
  }
  yield `${opening}],${JSON.stringify({ ...sums, isComplete }).slice(1)}`;
}

/** Fails after a long silence: the signs of life in the answer keep its connection, however long nothing comes. */
async function* endingInSilence(body: AsyncIterable<Buffer>, silenceMsMax: number): AsyncGenerator<Buffer> {
  const pieces = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await within(silenceMsMax, pieces.next(), { what: 'no further lines' });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not waited for: it ends behind the piece that has not come.
    pieces.return?.().catch(() => {});
  }
}

/** Of an import's time, in which copies of the catalogue that follow it give way to it; then they share with it. */
const claimedMsMax = 30_000;
/** About what a line takes, and some more, so that the next batch is there before the claim ends. */
const claimMsPerLine = 0.5;

/** Writes a batch, again after a fault that passes. A line is written once however often its commit was tried. */
const createWriter = (
  { products, db, pace, clock, metrics }: ImportParts,
  { by, request }: { by: string; request: string | undefined },
) => {
  const { created, updated } = createProductMetrics(metrics);
  const startedAtMs = clock.monotonicMs();
  return async (batch: ImportBatch): Promise<Written> => {
    const { imported } = batch;
    if (imported.length + batch.errors.length === 0) return nothingWritten;
    const claim = (): void => {
      if (clock.monotonicMs() - startedAtMs < claimedMsMax) claimLoop(imported.length * claimMsPerLine);
    };
    claim();
    await pace();
    claim();
    const written = await inTransaction(
      db,
      async (tx) => {
        const isKept = request !== undefined && (await claimBatch(tx, request, batch));
        if (imported.length === 0) return nothingWritten;
        return isKept ? writtenBefore(tx, imported) : writeImported(tx, imported, { products, clock, by });
      },
      // Without keys a commit of unknown outcome must not be tried again.
      { isRepeatable: imported.every(({ key }) => key !== undefined) },
    );
    created.inc(written.created);
    updated.inc(written.updated);
    return written;
  };
};

const nothingWritten: Written = { created: 0, updated: 0, unchanged: 0, removed: [] };
