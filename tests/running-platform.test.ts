import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { findEngines, findPlatform, runningPlatform } from './running-platform.js';

/** Linux gives no process such an id. */
const pidOfNobody = 2 ** 30;
let folder = '';
let runFile = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cartstream-running-'));
  runFile = join(folder, 'run.json');
  vi.stubEnv('CARTSTREAM_RUN', runFile);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const runsAs = (pid: number) =>
  writeFileSync(runFile, JSON.stringify({ processes: [{ name: 'kafka', pid }] }));

it('a command uses the platform that CARTSTREAM_RUN names, and starts none', async () => {
  runsAs(process.pid);
  expect(runningPlatform()).toBe(runFile);
  expect(await findPlatform(1)).toMatchObject({ runFile });
  expect(await findEngines()).toMatchObject({ runFile });
});

it.each([
  ['was killed', () => runsAs(pidOfNobody)],
  ['never was', () => {}],
])('a command says so where CARTSTREAM_RUN names a platform that %s', async (_, leave) => {
  leave();
  const nothing = /nothing runs where CARTSTREAM_RUN points/;
  expect(runningPlatform).toThrow(nothing);
  await expect(findPlatform(1)).rejects.toThrow(nothing);
  await expect(findEngines()).rejects.toThrow(nothing);
});
