import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rdkafkaFolder, rdkafkaVersion } from '#platform/messaging/rdkafka-module';
import { sleep } from '#platform/waiting/sleep';

const lockPollMs = 1_000;
const buildTimeoutMs = 15 * 60 * 1000;

/**
 * Builds node-rdkafka unless it is built already, reports progress to `report`, and returns the folder. Waits for a
 * build that another process is running. Throws, with the end of the compiler's output, when the build fails.
 */
export const buildRdkafka = async (report: (line: string) => void): Promise<string> => {
  const folder = rdkafkaFolder();
  const lock = `${folder}.lock`;
  await mkdir(dirname(folder), { recursive: true });
  for (const deadline = Date.now() + buildTimeoutMs; !existsSync(join(folder, 'built')); ) {
    if (await takeLock(lock)) {
      try {
        await install(folder, report);
      } finally {
        await rm(lock, { force: true });
      }
    } else {
      if (Date.now() > deadline) throw new Error(`${lock} is held for too long`);
      await sleep(lockPollMs);
    }
  }
  return folder;
};

/** The lock is a file with the builder's process id; a lock of a dead process is taken over. */
const takeLock = async (lock: string): Promise<boolean> => {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
  try {
    process.kill(holder, 0);
  } catch {
    await rm(lock, { force: true });
  }
  return false;
};

const install = async (folder: string, report: (line: string) => void): Promise<void> => {
  // Built in its final folder, because the binary contains paths to it. It counts as built once the mark file exists.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({
      private: true,
      dependencies: { 'node-rdkafka': rdkafkaVersion },
      allowScripts: { 'node-rdkafka': true },
    }),
  );
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  report(`building node-rdkafka ${rdkafkaVersion} (about two minutes)`);
  const ticking = setInterval(() => report(`  … ${seconds()} s`), 15_000);
  try {
    await runNpm(folder);
    createRequire(join(folder, 'package.json'))('node-rdkafka');
    await writeFile(join(folder, 'built'), '');
  } finally {
    clearInterval(ticking);
  }
  report(`built in ${seconds()} s`);
};

const outputCharsKept = 4_000;

/** Where this Node.js keeps its headers, so that node-gyp builds against them and downloads none. */
const headersFolder = (): Record<string, string> => {
  const folder = dirname(dirname(process.execPath));
  return existsSync(join(folder, 'include', 'node', 'node.h')) ? { npm_config_nodedir: folder } : {};
};

const runNpm = (folder: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const npm = spawn('npm', ['install', '--no-audit', '--no-fund', '--foreground-scripts'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // librdkafka's makefile does not work with several jobs at once.
      env: { ...process.env, ...headersFolder(), JOBS: '1', npm_config_ignore_scripts: 'false' },
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk).slice(-outputCharsKept);
    };
    npm.stdout.on('data', keep);
    npm.stderr.on('data', keep);
    npm.on('error', reject);
    npm.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`npm install node-rdkafka ended with ${code}:\n${output}`)),
    );
  });

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    say(`node-rdkafka is in ${await buildRdkafka(say)}`);
  } catch (error) {
    process.stderr.write(
      `${(error as Error).message}\nIt needs g++, make and python3: apt-get install g++ make python3\n`,
    );
    process.exitCode = 1;
  }
}
