import { createWriteStream, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Writes the data of an INSERT to a file, because the engine reads binary formats only from files. Bodies that are
 * known to be small go to memory (tmpfs), large ones and those of unknown size to the disk.
 */
export type Spool = {
  /** Writes the whole body to a file, hands over its path, and removes it when `work` is done. */
  hold<T>(body: Readable, bytes: number | undefined, work: (file: string) => Promise<T>): Promise<T>;
};

/** Written to memory in microseconds, for which a thread is not worth its while. */
const smallBytesMax = 64 * 1024;

/** A container has 64 MB of memory for files unless more is asked for, and it is not ours alone. */
const shareOfFreeMemory = 1 / 2;

const freeBytesIn = (dir: string): number => {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
};

export const createSpool = (
  options: {
    memoryDir: string;
    diskDir: string;
    memoryBytesMax: number;
  },
  freeBytes = freeBytesIn,
): Spool => {
  for (const dir of [options.memoryDir, options.diskDir]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const leftover of readdirSync(dir)) rmSync(join(dir, leftover), { force: true });
  }
  let sequence = 0;
  /** Of all inserts in memory, also what is still to be written there, and so is counted as free besides. */
  let memoryBytes = 0;

  return {
    async hold(body, bytes, work) {
      const inMemory =
        bytes !== undefined &&
        memoryBytes + bytes <=
          Math.min(options.memoryBytesMax, freeBytes(options.memoryDir) * shareOfFreeMemory);
      const file = join(inMemory ? options.memoryDir : options.diskDir, `insert-${++sequence}.bin`);
      if (inMemory) memoryBytes += bytes;
      const isSmall = inMemory && bytes <= smallBytesMax;
      try {
        if (isSmall) writeFileSync(file, Buffer.concat(await body.toArray()));
        else await pipeline(body, createWriteStream(file, { highWaterMark: 4 << 20 }));
        return await work(file);
      } finally {
        if (inMemory) memoryBytes -= bytes;
        if (isSmall) rmSync(file, { force: true });
        else await rm(file, { force: true });
      }
    },
  };
};
