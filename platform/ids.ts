import { createHash, randomFillSync } from 'node:crypto';
import { stringify, v7 } from 'uuid';
import type { Clock } from '#platform/clock';

/** A UUIDv7. It begins with 48 bits of `clock`, so later ids sort after earlier ones (to the millisecond). */
export const newId = (clock?: Clock): string =>
  v7({ msecs: clock?.nowMs() ?? Date.now(), random: randomBytes(16) });

/** When a UUIDv7 was made, in epoch milliseconds of the clock of who made it. */
export const timeOfId = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/** `count` hexadecimal digits (an even number, 32 at most), random. */
export const randomHex = (count: number): string => randomBytes(count / 2).toString('hex');

const pool = Buffer.allocUnsafe(4096);
let used = pool.length;

/** From a pool, because one call of the generator costs as much for 4096 bytes as for 16. */
const randomBytes = (count: number): Buffer => {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
};

/** A UUID (version 8, from a SHA-256) that depends only on these parts and their order. */
export const idOf = (...parts: readonly string[]): string => {
  const bytes = createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return stringify(bytes);
};

/** A UUID (version 8, from a SHA-256) that depends only on this text. Stored ids are made by it, so it never changes. */
export const idOfText = (text: string): string => {
  const hash = createHash('sha256').update(text).digest('hex');
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-');
};
