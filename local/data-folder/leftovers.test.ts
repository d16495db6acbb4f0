import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { identify, type ProcessIdentity } from '../supervision/process-identity.js';
import { recordProcesses, removeLeftovers } from './leftovers.js';

it('a process on record is killed, unless the record is of another container, whose process ids are others', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'cartstream-leftovers-'));
  const file = join(dir, 'processes.json');
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const ended = once(child, 'exit');
  recordProcesses(dir, [identify(child.pid as number) as ProcessIdentity]);
  const here = readFileSync(file, 'utf8');

  const [record] = JSON.parse(here) as [object];
  writeFileSync(file, JSON.stringify([{ ...record, place: '0123456789ab' }]));
  expect(await removeLeftovers(dir)).toBe(0);
  expect(child.exitCode ?? child.signalCode).toBe(null);

  writeFileSync(file, here);
  expect(await removeLeftovers(dir)).toBe(1);
  expect(await ended).toEqual([null, 'SIGKILL']);
  rmSync(dir, { recursive: true });
});
