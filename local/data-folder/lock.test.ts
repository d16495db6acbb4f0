import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { identify } from '../supervision/process-identity.js';
import { FolderInUse, holdFile, lockFolder } from './lock.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const lockFile = (): string => join(dir, 'launcher.lock');

it('a folder has one holder at a time, which leaves no file behind', () => {
  const lock = lockFolder(dir);
  expect(() => lockFolder(dir)).toThrow(new FolderInUse(dir, `process ${process.pid}`));
  lock.release();
  expect(existsSync(lockFile())).toBe(false);
  const next = lockFolder(dir);
  // A second release, as of a stop after a failed start, takes nothing from the next holder.
  lock.release();
  expect(() => lockFolder(dir)).toThrow(FolderInUse);
  next.release();
});

it.each([
  ['names a process that is gone', JSON.stringify({ pid: 4_194_000, startTicks: 1 })],
  ['names a process id that was given out again', JSON.stringify({ pid: process.ppid, startTicks: 1 })],
  ['nobody can read', '{"pid":'],
])('a file that %s keeps nobody out', (_what, content) => {
  writeFileSync(lockFile(), content);
  const lock = lockFolder(dir);
  expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toEqual(identify(process.pid));
  lock.release();
});

it('a launcher of an earlier version, which has not locked its file, holds the folder while it runs', () => {
  writeFileSync(lockFile(), JSON.stringify(identify(process.ppid)));
  expect(() => lockFolder(dir)).toThrow(new FolderInUse(dir, `process ${process.ppid}`));
});

it('a lock whose file was removed and made anew is not removed by its first holder', () => {
  const first = lockFolder(dir);
  rmSync(lockFile());
  const second = lockFolder(dir);
  first.release();
  expect(holdFile(lockFile())).toEqual({ holder: `process ${process.pid}` });
  second.release();
});

/** As root of a container: process ids of its own, in which the holder is number 1. */
const container = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];

it('a launcher in another container holds the folder until it is killed', async ({ skip }) => {
  const [unshare = '', ...args] = container;
  skip(spawnSync(unshare, [...args, 'true']).status !== 0, 'unshare is forbidden here');
  const hold = `import { lockFolder } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
    lockFolder(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 60_000);`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', hold];
  const other = spawn(unshare, [...args, ...node], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(other, 'close');
  try {
    await once(other.stdout, 'data');
    expect(() => lockFolder(dir)).toThrow(
      new FolderInUse(dir, 'a process in another container, where its id is 1'),
    );
  } finally {
    other.kill('SIGKILL');
    await ended;
  }
  lockFolder(dir).release();
});
