import { accessSync, constants, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeLeftovers } from './leftovers.js';
import { lockFolder } from './lock.js';
import { removeRunFile } from './run-file.js';

export type DataFolder = {
  path: string;
  /** How many processes of a killed launcher were killed. */
  leftovers: number;
  logFile(name: string): string;
  close(): void;
};

const bytesFreeMin = 512 * 1024 * 1024;

/** Creates the folder, locks it for this launcher, and kills the processes that a killed launcher left. */
export const openDataFolder = async (path: string, options: { fresh: boolean }): Promise<DataFolder> => {
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
};

const makeWritable = (path: string): void => {
  try {
    // So that git ignores a data folder inside a checkout.
    if (mkdirSync(path, { recursive: true, mode: 0o755 })) writeFileSync(join(path, '.gitignore'), '*\n');
    accessSync(path, constants.W_OK | constants.X_OK);
    writeFileSync(join(path, '.writable'), '');
    rmSync(join(path, '.writable'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOSPC' ? 'the disk is full' : (code ?? String(error));
    throw new Error(`cannot write to the data folder ${path} (${why}); choose another with --data`);
  }
};

const ours = ['kafka', 'schema-registry', 'clickhouse', 'postgres', 'redis', 'zipkin', 'prometheus', 'logs'];

/** Deletes only what the launcher itself made, so that a data folder set to a home directory loses no other files. */
const wipe = (path: string): void => {
  for (const name of [...ours, 'admin.json', 'ports.json', 'processes.json']) {
    rmSync(join(path, name), { recursive: true, force: true });
  }
};
