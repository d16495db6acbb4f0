import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cacheDir } from '../software/cache.js';

/**
 * `npm run stripe-mock`: Stripe's own mock of its API, which checks each call by Stripe's published description of it. Built
 * from its public source, once for all clones, by Go; prints its address and runs until it is stopped. With `--if-built`
 * it prints `not built` and ends where it is not there yet.
 */
const version = 'v0.203.0';
const folder = join(cacheDir(process.env), 'stripe-mock', version);
const program = join(folder, 'stripe-mock');

const build = (): void => {
  const known = ['go', '/usr/local/go/bin/go'].find((go) => spawnSync(go, ['version']).status === 0);
  if (known === undefined) throw new Error('stripe-mock is built by Go: apt-get install golang');
  console.error(`building stripe-mock ${version} (about a minute)`);
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync(known, ['install', `github.com/stripe/stripe-mock@${version}`], {
    env: { ...process.env, GOBIN: folder, GOPATH: join(folder, 'go'), GOFLAGS: '-modcacherw' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  rmSync(join(folder, 'go'), { recursive: true });
  if (status !== 0) throw new Error('stripe-mock could not be built');
};

const run = (): void => {
  const free = '127.0.0.1:0';
  const mock = spawn(program, ['-http-addr', free, '-https-addr', free], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface(mock.stdout).on('line', (line) => {
    const address = /HTTP at address: (\S+)/.exec(line)?.[1];
    if (address !== undefined) console.log(`http://${address}`);
  });
  mock.once('exit', (code) => process.exit(code ?? 0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => mock.kill(signal));
};

if (process.argv.includes('--if-built') && !existsSync(program)) console.log('not built');
else {
  if (!existsSync(program)) build();
  run();
}
