import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

it('a folder has one holder at a time', () => {
  const lock = lockFolder(dir);
  expect(() => lockFolder(dir)).toThrow(FolderInUse);
  lock.release();
  lockFolder(dir).release();
});

it('a lock whose process is gone is taken over', () => {
  writeFileSync(join(dir, 'launcher.lock'), JSON.stringify({ pid: 4_194_000, startTicks: 1 }));
  lockFolder(dir);
  expect(JSON.parse(readFileSync(join(dir, 'launcher.lock'), 'utf8'))).toEqual(identify(process.pid));
});

it('a lock whose process id was given out again is taken over', () => {
  writeFileSync(join(dir, 'launcher.lock'), JSON.stringify({ pid: process.ppid, startTicks: 1 }));
  expect(holdFile(join(dir, 'launcher.lock'))).toHaveProperty('release');
});

it('a lock that nobody can read is taken over', () => {
  writeFileSync(join(dir, 'launcher.lock'), '{"pid":');
  expect(holdFile(join(dir, 'launcher.lock'))).toHaveProperty('release');
});
