import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

/**
 * Runs the command as leader of its own process group, with a guard in the group that reads from a pipe of the
 * launcher. When the launcher dies for any reason the pipe ends, and the guard stops the whole group: first with the
 * signal for a normal stop, then by force.
 */
const script = `( trap '' TERM INT HUP; read -r _ <&3; kill -s "$0" -- -$$; sleep 4; kill -s KILL -- -$$ ) \
>/dev/null 2>&1 & exec "$@" 3<&-`;

export const spawnGuarded = (options: {
  command: readonly [string, ...string[]];
  env: Readonly<Record<string, string | undefined>>;
  cwd?: string | undefined;
  stdout: number | 'pipe' | 'ignore';
  stopSignal: NodeJS.Signals;
}): ChildProcess => {
  const stdio: StdioOptions = ['ignore', options.stdout, options.stdout, 'pipe'];
  return spawn('/bin/sh', ['-c', script, options.stopSignal.replace('SIG', ''), ...options.command], {
    detached: true,
    env: options.env,
    cwd: options.cwd,
    stdio,
  });
};
