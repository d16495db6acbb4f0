import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { projectPath } from '#platform/project';

export type LauncherProcess = {
  pid: number;
  /** Every line it has printed so far. */
  output: string[];
  /** Resolves with the `ready` line, the moment that it is printed. */
  ready: Promise<string>;
  /** Its exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>;
  /** SIGTERM, and wait for the exit. */
  stop(): Promise<number | NodeJS.Signals>;
  /** Closes what it prints to, as a terminal window or `| head` does. */
  hangUp(): void;
};

/** Of those that run: a program that ends by an error would leave its platform running for ever. */
const stopsAtExit = new Set<() => void>();
process.once('exit', () => {
  for (const stop of stopsAtExit) stop();
});

/** Runs `local/start.js` without waiting for anything. It ends with this process, too. */
export const spawnLauncher = (
  dataDir: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): LauncherProcess => {
  const child = spawn(process.execPath, [projectPath('local/start.js'), '--data', dataDir, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stopAtExit = (): void => void child.kill('SIGTERM');
  stopsAtExit.add(stopAtExit);
  const output: string[] = [];
  let announce: (line: string) => void;
  const ready = new Promise<string>((resolve) => {
    announce = resolve;
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line);
      if (line.startsWith('ready ')) announce(line);
    });
  }
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => {
      stopsAtExit.delete(stopAtExit);
      resolve(signal ?? code ?? 0);
    });
  });
  return {
    pid: child.pid ?? 0,
    output,
    ready,
    exited,
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
    hangUp() {
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
    },
  };
};

/** Runs it and resolves with the `ready` line printed; rejects with all it said when it ends before. */
export const startLauncher = async (
  dataDir: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<LauncherProcess> => {
  const launcher = spawnLauncher(dataDir, args, env);
  const end = launcher.exited.then(() => {
    throw new Error(`the launcher ended before it was ready:\n${launcher.output.join('\n')}`);
  });
  await Promise.race([launcher.ready, end]);
  return launcher;
};
