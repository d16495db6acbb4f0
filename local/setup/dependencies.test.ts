import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { installDependencies } from './dependencies.js';

let root = '';

/** A project whose one development tool lies beside it, so that npm needs no network; its script leaves a file. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cartstream-dependencies-'));
  mkdirSync(join(root, 'tool'));
  const write = (file: string, content: object) =>
    writeFileSync(join(root, file), JSON.stringify({ version: '1.0.0', private: true, ...content }));
  write('tool/package.json', { name: 'tool' });
  write('package.json', {
    name: 'project',
    devDependencies: { tool: 'file:./tool' },
    scripts: { postinstall: 'echo ran >>script-ran && mkdir busy && sleep 0.3 && rmdir busy' },
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

// An install takes seconds. Each variable has packages or scripts left out, and none undoes what another one does.
it('no variable of the environment leaves a development package or an install script out', async () => {
  for (const [name, value] of [
    ['NODE_ENV', 'production'],
    ['npm_config_omit', 'dev'],
    ['npm_config_production', 'true'],
    ['npm_config_only', 'production'],
    ['npm_config_ignore_scripts', 'true'],
    ['npm_config_dry_run', 'true'],
    ['npm_config_global', 'true'],
    ['npm_config_location', 'global'],
  ] as const)
    vi.stubEnv(name, value);
  await installDependencies(root);
  expect([existsSync(join(root, 'node_modules/tool')), existsSync(join(root, 'script-ran'))]).toEqual([
    true,
    true,
  ]);
}, 60_000);

it('an .npmrc that leaves development packages out is overruled', async () => {
  writeFileSync(join(root, '.npmrc'), 'omit=dev\nignore-scripts=true\n');
  await installDependencies(root);
  expect([existsSync(join(root, 'node_modules/tool')), existsSync(join(root, 'script-ran'))]).toEqual([
    true,
    true,
  ]);
}, 60_000);

it.each([['install'], ['prune']])(
  'what `npm %s --omit=dev` has removed is installed again',
  async (command) => {
    await installDependencies(root);
    spawnSync('npm', [command, '--omit=dev', '--no-save', '--no-audit'], { cwd: root });
    expect(existsSync(join(root, 'node_modules/tool'))).toBe(false);
    await installDependencies(root);
    expect(existsSync(join(root, 'node_modules/tool'))).toBe(true);
  },
  60_000,
);

it('what is installed is not installed again', async () => {
  await installDependencies(root);
  await installDependencies(root);
  expect(readFileSync(join(root, 'script-ran'), 'utf8')).toBe('ran\n');
}, 60_000);

it('two at once, as in two terminals, are one installation', async () => {
  await Promise.all([installDependencies(root), installDependencies(root)]);
  expect(readFileSync(join(root, 'script-ran'), 'utf8')).toBe('ran\n');
}, 60_000);
