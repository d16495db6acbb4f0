import { createHash } from 'node:crypto';
import type { ImportLine } from './import-lines.js';
import { type Imported, importedFrom, isError, type LineError } from './product-import.js';

/** Written in one transaction, which costs as many round trips for few lines as for many. */
const linesPerBatchMax = 1_000;
/** No further line joins a batch that has so many. */
const batchBytesMax = 2 * 1024 * 1024;

/** The lines behind `after` up to `last`. The same body always has the same batches. */
export type ImportBatch = {
  imported: Imported[];
  errors: LineError[];
  after: number;
  last: number;
  /** Of all lines of the body up to `last`. */
  digest: Buffer;
};

/** A batch has no two lines of one key, so that the later one describes anew what the earlier one has made. */
export async function* batchesOf(
  lines: AsyncIterable<ImportLine>,
  request: string | undefined,
): AsyncGenerator<ImportBatch> {
  const taken = createHash('sha256');
  let after = 0;
  let last = 0;
  let imported: Imported[] = [];
  let errors: LineError[] = [];
  let keys = new Set<string>();
  let bytes = 0;
  const take = (): ImportBatch => {
    const batch = { imported, errors, after, last, digest: taken.copy().digest() };
    [imported, errors, keys, after, bytes] = [[], [], new Set(), last, 0];
    return batch;
  };
  for await (const line of lines) {
    const described = importedFrom(line, request);
    const key = isError(described) ? undefined : described.key;
    const isFull = imported.length + errors.length >= linesPerBatchMax || bytes >= batchBytesMax;
    if (isFull || (key !== undefined && keys.has(key))) yield take();
    if (isError(described)) errors.push(described);
    else imported.push(described);
    if (key !== undefined) keys.add(key);
    last = line.number;
    bytes += line.bytes?.length ?? 0;
    taken.update(`${line.number} ${line.bytes?.length ?? 'too long'}\n`).update(line.bytes ?? '');
  }
  yield take();
}

/**
 * Each batch with what came of it, in their order. While one is written, the next one is read; where that fails, what
 * was written comes before the failure.
 */
export async function* writtenAhead<W>(
  batches: AsyncIterable<ImportBatch>,
  write: (batch: ImportBatch) => Promise<W>,
): AsyncGenerator<ImportBatch & { written: W }> {
  let running: { batch: ImportBatch; writing: Promise<W> } | undefined;
  let unread: { error: unknown } | undefined;
  const reading = batches[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await reading.next().catch((error: unknown) => {
        unread = { error };
      });
      if (running !== undefined) yield { ...running.batch, written: await running.writing };
      if (next === undefined || next.done === true) break;
      const writing = write(next.value);
      // Awaited once the next batch is read.
      writing.catch(() => {});
      running = { batch: next.value, writing };
    }
  } finally {
    await reading.return?.();
  }
  if (unread !== undefined) throw unread.error;
}
