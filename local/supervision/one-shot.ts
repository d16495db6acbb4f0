import { createInterface } from 'node:readline';
import { spawnGuarded } from './guarded-child.js';
import { appendLine, wordsIn } from './log-file.js';
import { identify, type ProcessIdentity, signalGroup } from './process-identity.js';

export type OneShot = {
  name: string;
  command: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  logFile: string;
  /** Every line that it prints, as it comes. */
  onLine(line: string): void;
  onStart(identity: ProcessIdentity): void;
  signal: AbortSignal;
};

const saidCharsMax = 16 * 1024;

/** Runs a program that ends by itself. Rejects with its last line when it fails, and kills it on abort. */
export const runOneShot = ({
  name,
  command,
  env,
  logFile,
  onLine,
  onStart,
  signal,
}: OneShot): Promise<void> => {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawnGuarded({
      command,
      env: { ...process.env, ...env },
      stdout: 'pipe',
      stopSignal: 'SIGTERM',
    });
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity) onStart(identity);
    const abort = (): void => {
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    };
    signal.addEventListener('abort', abort, { once: true });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        said = `${said}${line}\n`.slice(-saidCharsMax);
        appendLine(logFile, line);
        onLine(line);
      });
    }
    child.once('error', reject);
    // The guard would keep the last pipe open.
    child.once('exit', abort);
    // What it said last, which is mostly the reason, may still be on its way when it has ended.
    child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', abort);
      if (code === 0) resolve();
      else
        reject(new Error(`${name} failed (${killedBy ?? `exit ${code}`}): ${wordsIn(said)}; see ${logFile}`));
    });
  });
};
