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

it('inserts that come at once take no more of the free memory together than one may', async () => {
  const folders = { memoryDir: join(dir, 'memory'), diskDir: join(dir, 'disk') };
  const spool = createSpool({ ...folders, memoryBytesMax: 5_000 }, () => 5_000);
  const places: string[] = [];
  const gate = Promise.withResolvers<void>();
  const holds = [1, 2, 3].map(() =>
    spool.hold(Readable.from([Buffer.alloc(1_000, 'x')]), 1_000, async (file) => {
      places.push(dirname(file));
      if (places.length === 3) gate.resolve();
      await gate.promise;
    }),
  );
  await Promise.all(holds);
  expect(places.filter((place) => place === folders.memoryDir)).toHaveLength(2);
});
