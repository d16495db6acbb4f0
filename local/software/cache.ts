import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdFile } from '../data-folder/lock.js';
import type { Progress } from '../progress.js';

export type InstallContext = {
  cache: string;
  env: NodeJS.ProcessEnv;
  progress: Progress;
  signal: AbortSignal;
};

/**
 * Outside the checkout, so that every clone shares one download. Absolute, because engines start in folders of their own;
 * a relative one is meant from where npm was called.
 */
export const cacheDir = (env: NodeJS.ProcessEnv): string =>
  resolve(
    env.INIT_CWD ?? '.',
    env.CARTSTREAM_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cartstream'),
  );

const completeFile = '.complete.json';
const lockWaitMsMax = 20 * 60_000;

/**
 * The folder `name` of the cache, created by `fill` if it is missing or incomplete. It is filled under another name and
 * then renamed, so a folder with this name is complete. Only one launcher fills at a time; the others wait for it.
 */
export const cached = async (
  name: string,
  { cache, progress, signal }: InstallContext,
  fill: (dir: string, detail: (text: string) => void) => Promise<void>,
): Promise<string> => {
  const place = join(cache, 'engines', name);
  if (isComplete(place)) return place;
  makeCache(join(cache, 'engines'));
  await progress.step(`install ${name}`, async (detail) => {
    const lock = await waitForLock(join(cache, 'install.lock'), detail, signal);
    try {
      if (isComplete(place)) return;
      for (const leftover of readdirSync(join(cache, 'engines'))) {
        if (leftover.startsWith(`.${name}.`)) rmSync(join(cache, 'engines', leftover), { recursive: true });
      }
      const making = join(cache, 'engines', `.${name}.${process.pid}`);
      mkdirSync(making, { recursive: true });
      await fill(making, detail);
      writeFileSync(join(making, completeFile), JSON.stringify(sizesIn(making)));
      rmSync(place, { recursive: true, force: true });
      renameSync(making, place);
    } finally {
      lock.release();
    }
  });
  return place;
};

const makeCache = (dir: string): void => {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `cannot write to the download cache ${dir} (${code}); choose another with CARTSTREAM_CACHE`,
    );
  }
};

const waitForLock = async (
  file: string,
  detail: (text: string) => void,
  signal: AbortSignal,
): Promise<{ release(): void }> => {
  const deadline = Date.now() + lockWaitMsMax;
  while (true) {
    const lock = holdFile(file);
    if ('release' in lock) return lock;
    if (Date.now() > deadline) throw new Error(`${lock.holder} has held ${file} for too long`);
    detail(`waits for ${lock.holder}, which downloads too`);
    await sleep(500, undefined, { signal });
  }
};

/** Every file of `dir`, relative, with its size. */
const sizesIn = (dir: string): Record<string, number> => {
  const sizes: Record<string, number> = {};
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(dir, name));
    if (stat.isFile() && name !== completeFile) sizes[name] = stat.size;
  }
  return sizes;
};

/** True if every file of the installation still has its size. */
const isComplete = (dir: string): boolean => {
  const file = join(dir, completeFile);
  if (!existsSync(file)) return false;
  try {
    const sizes = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    return Object.entries(sizes).every(([name, bytes]) => statSync(join(dir, name)).size === bytes);
  } catch {
    return false;
  }
};
