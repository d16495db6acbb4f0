import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { installFromNpm } from './npm.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-npm-'));
  mkdirSync(join(dir, 'tool'));
  writeFileSync(join(dir, 'tool/package.json'), JSON.stringify({ name: 'tool', version: '1.0.0' }));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

it.each([
  ['npm_config_dry_run', 'true'],
  ['npm_config_global', 'true'],
  ['npm_config_location', 'global'],
  ['npm_config_package_lock_only', 'true'],
])(
  '%s=%s does not keep a package from its folder',
  async (name, value) => {
    vi.stubEnv(name, value);
    const place = join(dir, 'place');
    mkdirSync(place);
    await installFromNpm(join(dir, 'tool'), place, AbortSignal.timeout(60_000));
    expect(existsSync(join(place, 'node_modules/tool/package.json'))).toBe(true);
  },
  60_000,
);
