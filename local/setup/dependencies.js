import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Says which lock file `node_modules` was installed from; npm itself removes it when it starts over. */
const marker = 'node_modules/.cartstream-lock-hash';

export async function installDependencies(root) {
  const lockFile = join(root, 'package-lock.json');
  const wanted = createHash('sha256')
    .update(existsSync(lockFile) ? readFileSync(lockFile) : readFileSync(join(root, 'package.json')))
    .digest('hex');
  const markerFile = join(root, marker);
  if (existsSync(markerFile) && readFileSync(markerFile, 'utf8').trim() === wanted) return;

  // `npm ci` deletes what is there, perhaps from under a process that runs: only where there is nothing yet.
  const verb = existsSync(lockFile) && !existsSync(join(root, 'node_modules')) ? 'ci' : 'install';
  console.log(`installing packages (npm ${verb}; once for this checkout) …`);
  const startedAt = performance.now();
  await npm(root, [verb, '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(markerFile, `${wanted}\n`);
  console.log(`installed packages in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

function npm(root, args) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', (error) => reject(new Error(`npm could not be run: ${error.message}`)));
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`npm ${args[0]} failed (${signal ?? `exit ${code}`}); is the network there?`));
    });
  });
}
