import { spawn } from 'node:child_process';

/** Runs a program that an engine needs once, such as `initdb`. Rejects with the end of the program's output. */
export const runToEnd = (
  command: readonly [string, ...string[]],
  options: { env?: Readonly<Record<string, string>>; cwd?: string; signal?: AbortSignal } = {},
): Promise<string> => {
  const [program, ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-64 * 1024);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new Error(
            `${program} failed (${signal ?? `exit ${code}`}): ${output.trim().split('\n').slice(-3).join(' ')}`,
          ),
        );
    });
  });
};
