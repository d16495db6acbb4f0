import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSpool } from './spool.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-spool-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it.each([
  ['memory', 1_000, 10_000, 5_000],
  ['disk', 1_000, 1_500, 5_000],
  ['disk', 1_000, 10_000, 900],
  ['disk', undefined, 10_000, 5_000],
])(
  'goes to %s: %s bytes, where %s are free in memory and %s may be taken',
  async (place, bytes, free, max) => {
    const folders = { memoryDir: join(dir, 'memory'), diskDir: join(dir, 'disk') };
    const spool = createSpool({ ...folders, memoryBytesMax: max }, () => free);
    await spool.hold(Readable.from([Buffer.alloc(1_000, 'x')]), bytes, async (file) => {
      expect(dirname(file)).toBe(join(dir, place));
      expect(readFileSync(file)).toHaveLength(1_000);
    });
  },
);
