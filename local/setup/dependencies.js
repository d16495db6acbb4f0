import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Options of `npm install` that overrule a configuration which would have it install elsewhere, or nothing. */
export const installsHere = [
  ...[
    '--global=false',
    '--location=user',
    '--dry-run=false',
    '--package-lock-only=false',
    '--package-lock=true',
  ],
  ...['--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
];

/**
 * Installs all packages with their install scripts, whatever NODE_ENV and npm's own configuration (`omit`,
 * `production`, `ignore-scripts`, …) say, because tests and checks need all of them.
 */
const install = [
  ...['install', '--include=dev', '--include=optional', '--include=peer', '--ignore-scripts=false'],
  ...installsHere,
];

/** What npm notes of the packages that are there, at each of its changes. */
const installed = 'node_modules/.package-lock.json';

/**
 * Names the lock file from which `node_modules` was installed, and what npm noted then: `npm prune --omit=dev`, for one, removes
 * packages and leaves this file.
 */
const marker = 'node_modules/.cartstream-lock-hash';

/**
 * One after the other, because two installations at once leave half a tree: the first `npm start` in one terminal, `npm test` in
 * another. The marker is renamed into place, because a copied checkout may share the old file by a hard link.
 */
const script = `marker=$1 installed=$2 wanted=$3
shift 3
state() { echo "$wanted $(sha256sum "$installed" 2>/dev/null | cut -c1-64)"; }
[ "$(cat "$marker" 2>/dev/null)" = "$(state)" ] && exit
npm "$@" && state >"$marker.new" && mv "$marker.new" "$marker"`;

const hashOf = (...parts) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

function isInstalled(root, wanted) {
  const [marked, noted] = [join(root, marker), join(root, installed)];
  if (!existsSync(marked) || !existsSync(noted)) return false;
  return readFileSync(marked, 'utf8') === `${wanted} ${hashOf(readFileSync(noted))}\n`;
}

export async function installDependencies(root) {
  const lockFile = join(root, 'package-lock.json');
  const locked = readFileSync(existsSync(lockFile) ? lockFile : join(root, 'package.json'));
  const wanted = hashOf(install.join(' '), locked);
  if (isInstalled(root, wanted)) return;

  // `npm ci` is not used: it deletes `node_modules`, perhaps while a process uses it, and it refuses a lock file that
  // was made where the registry did not serve other systems' optional binaries. `npm install` installs the locked
  // versions too.
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  const say = () => process.stdout.write(`\rnpm install … ${seconds()} s`);
  const { isTTY } = process.stdout;
  console.log(
    'installing packages: npm installs 1.2 GB, once for this checkout, in 20 to 60 s, longer on a busy machine',
  );
  const ticking = isTTY ? setInterval(say, 1000) : setInterval(() => console.log(`… ${seconds()} s`), 10_000);
  try {
    await npm(root, wanted);
  } finally {
    clearInterval(ticking);
    if (isTTY) process.stdout.write('\r\x1b[2K');
  }
  console.log(`installed packages in ${seconds()} s`);
}

function npm(root, wanted) {
  return new Promise((resolve, reject) => {
    const args = ['package.json', 'sh', '-c', script, 'sh', marker, installed, wanted, ...install];
    const child = spawn('flock', args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-16_384);
    });
    child.once('error', (error) => reject(new Error(`npm could not be run: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`npm install failed: ${reasonIn(said) ?? signal ?? `exit ${code}`}`));
    });
  });
}

/** The line of npm's output that gives the reason. */
function reasonIn(said) {
  const lines = said
    .split('\n')
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim())
    .filter((line) => line !== '' && !/^npm warn|complete log/i.test(line));
  const reason = lines.find((line) => !/^(code|syscall|errno|path|type) /.test(line)) ?? lines[0];
  const network = /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|network/.test(said);
  return reason && `${network ? 'the network does not answer: ' : ''}${reason.slice(0, 300)}`;
}
