import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isRunning, type ProcessIdentity } from '../supervision/process-identity.js';

export class FolderInUse extends Error {
  constructor(dataDir: string, pid: number) {
    super(
      `${dataDir} is in use by process ${pid}; stop that one, or choose another folder and port with --data and --port`,
    );
    this.name = 'FolderInUse';
  }
}

/** One launcher per data folder: throws `FolderInUse` while another lives. */
export const lockFolder = (dataDir: string): { release(): void } => {
  const lock = holdFile(join(dataDir, 'launcher.lock'));
  if ('holder' in lock) throw new FolderInUse(dataDir, lock.holder);
  return lock;
};

/**
 * Takes the lock, or returns its holder. A lock names its holder by process id and start time, so a lock that was left
 * after kill -9 is recognised even when another process has the same id now.
 */
export const holdFile = (lock: string): { release(): void } | { holder: number } => {
  const own = `${lock}.${process.pid}`;
  const self = identify(process.pid) ?? { pid: process.pid, startTicks: 0 };
  writeFileSync(own, JSON.stringify(self), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      if (linked(own, lock)) return { release: () => rmSync(lock, { force: true }) };
      const holder = readHolder(lock);
      if (holder && isRunning(holder)) return { holder: holder.pid };
      discardStale(lock, `${own}.stale`);
    }
    return { holder: readHolder(lock)?.pid ?? 0 };
  } finally {
    rmSync(own, { force: true });
  }
};

/** A hard link is created atomically, and only if the name is free. */
const linked = (from: string, to: string): boolean => {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
};

const readHolder = (lock: string): ProcessIdentity | undefined => {
  try {
    const { pid, startTicks } = JSON.parse(readFileSync(lock, 'utf8')) as ProcessIdentity;
    return Number.isInteger(pid) ? { pid, startTicks } : undefined;
  } catch {
    return undefined;
  }
};

/** Moves the stale lock away. If another process took the lock meanwhile, puts it back. */
const discardStale = (lock: string, aside: string): void => {
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  const moved = readHolder(aside);
  if (moved && isRunning(moved)) linked(aside, lock);
  rmSync(aside, { force: true });
};
