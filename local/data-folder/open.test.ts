import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDataFolder } from './open.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-folder-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const open = async (fresh = false): Promise<void> => (await openDataFolder(dir, { fresh })).close();
const write = (folder: string, name: string): string => {
  mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, folder, name), '');
  return join(dir, folder, name);
};

it.each([false, true])(
  'what somebody else keeps under a name of ours is left alone, fresh or not: %s',
  async (fresh) => {
    const files = [write('logs', 'diary.txt'), write('redis', 'backup.rdb')];
    await expect(open(fresh)).rejects.toThrow(
      `${dir} has "redis" and "logs" of another origin; choose another folder with --data`,
    );
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    expect(existsSync(join(dir, 'launcher.lock'))).toBe(false);
  },
);

it('beside what has other names it starts, and a fresh start deletes what it has made since, and nothing else', async () => {
  const diary = write('diary', 'monday.txt');
  await open();
  const log = write('logs', 'shop.log');
  await open();
  expect(existsSync(log)).toBe(true);
  await open(true);
  expect([existsSync(log), existsSync(diary)]).toEqual([false, true]);
});

it('a folder of a version that left no mark is known by its records', async () => {
  writeFileSync(join(dir, 'ports.json'), '{}');
  const log = write('logs', 'shop.log');
  await open(true);
  expect(existsSync(log)).toBe(false);
});

it('a folder in which the first start was killed before it began is taken', async () => {
  mkdirSync(join(dir, 'logs'));
  await open();
});
