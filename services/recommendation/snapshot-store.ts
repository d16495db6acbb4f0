import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Clock } from '#platform/clock';
import { contradiction } from '#platform/errors';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';

/** By `<topic>/<partition>`: the offset of the first record that was not learned. */
export type Places = Readonly<Record<string, string>>;

export type StoredSnapshot = {
  places: Places;
  /**
   * Calls `take` for each line, in their order. Another instance may replace the snapshot meanwhile: then some lines were
   * taken and the rest is gone, which is the fault `contradiction`.
   */
  read(take: (line: string) => void): Promise<void>;
};

/** Snapshots of the models in the service's database, shared by its instances. */
export type SnapshotStore = {
  /** Stores the lines, and then deletes older snapshots. Reading lines gives other work a turn every few milliseconds. */
  write(version: string, places: Places, lines: Iterable<string>): Promise<void>;
  /** The newest complete snapshot of this version; null if there is none. */
  newest(version: string): Promise<StoredSnapshot | null>;
  /** True where any instance has completed or begun a snapshot since then. */
  hasSince(epochMs: number): Promise<boolean>;
  /** Deletes all snapshots. */
  clear(): Promise<void>;
};

const chunkCharsMax = 1_000_000;
const turnMs = 2;
/** A snapshot that was begun so long ago and is not complete will not be. */
const abandonedAfterMs = 15 * 60_000;

const deflate = promisify<Buffer, { level: number }, Buffer>(deflateRaw);
const inflate = promisify<Buffer, Buffer>(inflateRaw);

export const createSnapshotStore = (db: Database, clock: Clock): SnapshotStore => ({
  write: async (version, places, lines) => {
    const id = newId(clock);
    const begunAt = new Date(clock.nowMs());
    await db.query('INSERT INTO model_snapshots (id, version, begun_at) VALUES ($1, $2, $3)', [
      id,
      version,
      begunAt,
    ]);
    let nth = 0;
    for await (const chunk of chunksOf(lines)) {
      await db.query('INSERT INTO model_snapshot_chunks (snapshot_id, nth, bytes) VALUES ($1, $2, $3)', [
        id,
        nth,
        await deflate(Buffer.from(chunk), { level: 1 }),
      ]);
      nth += 1;
    }
    await inTransaction(db, async (tx) => {
      await tx.query('UPDATE model_snapshots SET places = $2, chunks = $3 WHERE id = $1', [
        id,
        JSON.stringify(places),
        nth,
      ]);
      await tx.query('DELETE FROM model_snapshots WHERE id <> $1 AND (places IS NOT NULL OR begun_at < $2)', [
        id,
        new Date(begunAt.getTime() - abandonedAfterMs),
      ]);
    });
  },

  newest: async (version) => {
    const { rows } = await db.query<{ id: string; places: Places; chunks: number | null }>(
      `SELECT id, places, chunks FROM model_snapshots WHERE version = $1 AND places IS NOT NULL
       ORDER BY begun_at DESC LIMIT 1`,
      [version],
    );
    const [found] = rows;
    return found === undefined ? null : { places: found.places, read: (take) => readChunks(db, found, take) };
  },

  hasSince: async (epochMs) => {
    const { rows } = await db.query('SELECT 1 FROM model_snapshots WHERE begun_at >= $1 LIMIT 1', [
      new Date(epochMs),
    ]);
    return rows.length > 0;
  },

  clear: async () => void (await db.query('DELETE FROM model_snapshots')),
});

/** Without a number of chunks, all that are there are read. */
const readChunks = async (
  db: Database,
  { id, chunks }: { id: string; chunks: number | null },
  take: (line: string) => void,
): Promise<void> => {
  for (let nth = 0; nth !== chunks; nth += 1) {
    const { rows } = await db.query<{ bytes: Buffer }>(
      'SELECT bytes FROM model_snapshot_chunks WHERE snapshot_id = $1 AND nth = $2',
      [id, nth],
    );
    const [chunk] = rows;
    if (chunk === undefined) {
      if (chunks === null) return;
      throw contradiction(`${nth} of ${chunks} chunks of snapshot ${id} are there`);
    }
    let turnEndsAtMs = performance.now() + turnMs;
    for (const line of (await inflate(chunk.bytes)).toString().split('\n')) {
      take(line);
      if (performance.now() < turnEndsAtMs) continue;
      await nextTurn();
      turnEndsAtMs = performance.now() + turnMs;
    }
  }
};

async function* chunksOf(lines: Iterable<string>): AsyncGenerator<string> {
  let gathered: string[] = [];
  let chars = 0;
  let turnEndsAtMs = performance.now() + turnMs;
  for (const line of lines) {
    gathered.push(line);
    chars += line.length + 1;
    if (chars >= chunkCharsMax) {
      yield gathered.join('\n');
      gathered = [];
      chars = 0;
    }
    if (performance.now() < turnEndsAtMs) continue;
    await nextTurn();
    turnEndsAtMs = performance.now() + turnMs;
  }
  if (gathered.length > 0) yield gathered.join('\n');
}
