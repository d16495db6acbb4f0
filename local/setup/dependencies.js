import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs all packages with their install scripts, whatever NODE_ENV and npm's own configuration (`omit`,
 * `production`, `ignore-scripts`, `dry-run`, `global`) say, because tests and checks need all of them.
 */
const install = [
  ...['install', '--include=dev', '--include=optional', '--include=peer', '--ignore-scripts=false'],
  ...['--global=false', '--dry-run=false', '--package-lock-only=false'],
  ...['--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
];

/** Names the lock file from which `node_modules` was installed. npm removes it when it reinstalls. */
const marker = 'node_modules/.cartstream-lock-hash';

/**
 * One after the other, because two installations at once leave half a tree: the first `npm start` in one terminal, `npm test` in
 * another. The marker is renamed into place, because a copied checkout may share the old file by a hard link.
 */
const script = `marker=$1 wanted=$2
shift 2
[ "$(cat "$marker" 2>/dev/null)" = "$wanted" ] && exit
npm "$@" && echo "$wanted" >"$marker.new" && mv "$marker.new" "$marker"`;

export async function installDependencies(root) {
  const lockFile = join(root, 'package-lock.json');
  const wanted = createHash('sha256')
    .update(install.join(' '))
    .update(existsSync(lockFile) ? readFileSync(lockFile) : readFileSync(join(root, 'package.json')))
    .digest('hex');
  const markerFile = join(root, marker);
  if (existsSync(markerFile) && readFileSync(markerFile, 'utf8').trim() === wanted) return;

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
    const args = ['package.json', 'sh', '-c', script, 'sh', marker, wanted, ...install];
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
