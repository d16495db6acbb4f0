import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { type Crew, createCrew } from './crew.js';

let dir = '';
let crew: Crew;
const lines: string[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-crew-'));
  lines.length = 0;
  const logFile = (name: string) => join(dir, 'logs', `${name}.log`);
  crew = createCrew(
    { path: dir, leftovers: 0, logFile, close: () => {} },
    { line: (text) => lines.push(text), step: (_, work) => work(() => {}) },
  );
});
afterEach(async () => {
  await crew.stop();
  rmSync(dir, { recursive: true });
});

/** Kills it, and resolves when another process has taken its place. */
const replaced = async (name: string): Promise<number> => {
  const pidOf = () => crew.list().find((one) => one.name === name)?.pid;
  const first = pidOf();
  process.kill(first as number, 'SIGKILL');
  return eventually(() => {
    const next = pidOf();
    return next !== undefined && next !== first && next;
  }) as Promise<number>;
};

it('a process that dies comes back also while nothing can be written, and is on record once it can', async () => {
  await crew.add({ name: 'child', command: ['sleep', '60'], probe: async () => {} }, 'service').start();
  // As good as a full disk: what would be written in its place cannot be opened.
  mkdirSync(join(dir, 'processes.json.new'));
  const before = readFileSync(join(dir, 'processes.json'), 'utf8');
  const seed = { pid: 2 ** 22 + 1, startTicks: 1 };
  crew.record(seed);
  for (let nth = 0; nth < 2; nth += 1) await replaced('child');
  expect(readFileSync(join(dir, 'processes.json'), 'utf8')).toBe(before);
  expect(lines.filter((line) => line.includes('cannot be written'))).toHaveLength(1);

  rmdirSync(join(dir, 'processes.json.new'));
  const pid = await replaced('child');
  expect(JSON.parse(readFileSync(join(dir, 'processes.json'), 'utf8'))).toMatchObject([{ pid }, seed]);
});

it('a process that dies comes back also where somebody has removed the logs', async () => {
  await crew.add({ name: 'child', command: ['sleep', '60'], probe: async () => {} }, 'service').start();
  rmSync(join(dir, 'logs'), { recursive: true });
  await replaced('child');
  expect(existsSync(join(dir, 'logs', 'child.log'))).toBe(true);
});
