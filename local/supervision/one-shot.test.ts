import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runOneShot } from './one-shot.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-one-shot-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const run = (script: string, onLine: (line: string) => void = () => {}): Promise<void> =>
  runOneShot({
    name: 'seed',
    command: ['sh', '-c', script],
    env: {},
    logFile: join(dir, 'seed.log'),
    onLine,
    onStart: () => {},
    signal: new AbortController().signal,
  });

it('its lines are shown as they come, and are in a log that only its owner can read', async () => {
  const lines: string[] = [];
  await run('echo one; echo two >&2; printf three', (line) => lines.push(line));
  expect(lines.toSorted()).toEqual(['one', 'three', 'two']);
  expect(statSync(join(dir, 'seed.log')).mode & 0o777).toBe(0o600);
});

it('it ends as it would also where its log cannot be written, or was removed with its folder', async () => {
  rmSync(dir, { recursive: true });
  await run('echo one');
  expect(readFileSync(join(dir, 'seed.log'), 'utf8')).toBe('one\n');

  rmSync(join(dir, 'seed.log'));
  mkdirSync(join(dir, 'seed.log'));
  const lines: string[] = [];
  await run('echo one; echo two', (line) => lines.push(line));
  expect(lines).toEqual(['one', 'two']);
});

it('its failure has the words of this time, also those that are read after its end', async () => {
  writeFileSync(join(dir, 'seed.log'), 'an error of last week\n');
  await expect(run('yes "a line" | head -n 20000; echo no room left; exit 3')).rejects.toThrow(
    'seed failed (exit 3): no room left; see',
  );
  await expect(run('exit 3')).rejects.toThrow(`seed failed (exit 3): ; see ${join(dir, 'seed.log')}`);
});
