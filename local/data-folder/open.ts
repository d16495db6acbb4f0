import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
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
    takeOver(path);
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

const records = ['admin.json', 'ports.json', 'processes.json'];
/** Written where nothing had a name of ours yet: what has one later is ours. Older folders have our records instead. */
const mark = '.cartstream';

/** Throws where something of another origin has a name of ours: a start would write into it, and `--fresh` delete it. */
const takeOver = (path: string): void => {
  if (![mark, ...records].some((name) => existsSync(join(path, name)))) {
    const foreign = ours.filter((name) => isFilled(join(path, name)));
    if (foreign.length > 0)
      throw new Error(
        `${path} has ${foreign.map((name) => `"${name}"`).join(' and ')} of another origin; choose another folder with --data`,
      );
  }
  writeFileSync(join(path, mark), '');
};

const isFilled = (path: string): boolean => {
  try {
    return readdirSync(path).length > 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
};

/** Deletes only what the launcher itself made, so that a data folder set to a home directory loses no other files. */
const wipe = (path: string): void => {
  for (const name of [...ours, ...records]) rmSync(join(path, name), { recursive: true, force: true });
};
