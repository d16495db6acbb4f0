import { accessSync, constants, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeLeftovers } from './leftovers.js';
import { lockFolder } from './lock.js';
import { removeRunFile } from './run-file.js';

export type DataFolder = {
  path: string;
  /** How many processes of a launcher that was killed had to be removed. */
  leftovers: number;
  logFile(name: string): string;
  close(): void;
};

const bytesFreeMin = 512 * 1024 * 1024;

/** Makes the folder, takes it for this launcher alone, and clears what a killed launcher left. */
export async function openDataFolder(path: string, options: { fresh: boolean }): Promise<DataFolder> {
  makeWritable(path);
  const lock = lockFolder(path);
  try {
    const leftovers = await removeLeftovers(path);
    if (options.fresh) wipe(path);
    const { bavail, bsize } = statfsSync(path);
    if (bavail * bsize < bytesFreeMin) {
      const free = Math.round((bavail * bsize) / 1024 / 1024);
      throw new Error(`the disk under ${path} is full: ${free} MB are free, 512 MB are needed`);
    }
    removeRunFile(path);
    mkdirSync(join(path, 'logs'), { recursive: true });
    return {
      path,
      leftovers,
      logFile: (name) => join(path, 'logs', `${name}.log`),
      close: () => lock.release(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function makeWritable(path: string): void {
  try {
    // In a checkout, a new data folder is nobody's change.
    if (mkdirSync(path, { recursive: true, mode: 0o755 })) writeFileSync(join(path, '.gitignore'), '*\n');
    accessSync(path, constants.W_OK | constants.X_OK);
    writeFileSync(join(path, '.writable'), '');
    rmSync(join(path, '.writable'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOSPC' ? 'the disk is full' : (code ?? String(error));
    throw new Error(`cannot write to the data folder ${path} (${why}); choose another with --data`);
  }
}

const ours = ['kafka', 'schema-registry', 'clickhouse', 'postgres', 'redis', 'zipkin', 'prometheus', 'logs'];

/** Only what the launcher itself made: a data folder pointed at somebody's home must not cost them their files. */
function wipe(path: string): void {
  for (const name of [...ours, 'admin.json', 'ports.json', 'processes.json']) {
    rmSync(join(path, name), { recursive: true, force: true });
  }
}
