import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { identify, isRunning, type ProcessIdentity } from '../supervision/process-identity.js';

export class FolderInUse extends Error {
  constructor(dataDir: string, holder: string) {
    super(
      `${dataDir} is in use by ${holder}; stop that one, or choose another folder and port with --data and --port`,
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
 * Takes the lock, or says who holds it. The kernel keeps it with the open file: so it also holds between containers that share
 * the folder and do not see each other's processes, and it ends with its process, however that ends. The file's content is
 * for people, and names a launcher of an earlier version, which holds the file by its name alone.
 */
export const holdFile = (lock: string): { release(): void } | { holder: string } => {
  while (true) {
    // Users who share a download cache share its lock too, and it holds no secret.
    const file = openSync(lock, 'a+', 0o666);
    let isKept = false;
    try {
      if (!takesLock(file, lock)) return { holder: holderOf(lock) };
      // The last holder may have removed it since it was opened: then it keeps nobody else out.
      if (isAt(lock, file)) {
        if (isOfLauncherWithoutFlock(lock)) return { holder: holderOf(lock) };
        ftruncateSync(file);
        writeSync(file, JSON.stringify(identify(process.pid) ?? { pid: process.pid, startTicks: 0 }));
        isKept = true;
        return { release: releaseOnce(lock, file) };
      }
    } finally {
      if (!isKept) closeSync(file);
    }
  }
};

/** Node.js has no call for it. The lock is the open file's, which the program shares, so it stays when the program ends. */
const takesLock = (file: number, lock: string): boolean => {
  const { status, stderr, error } = spawnSync('flock', ['--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', file],
  });
  if (status === 0) return true;
  const said = error?.message ?? stderr.toString().trim();
  if (status === 1 && said === '') return false;
  throw new Error(`${lock} cannot be locked: ${said || `flock ended with ${status}`}`);
};

const releaseOnce = (lock: string, file: number): (() => void) => {
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    if (isAt(lock, file)) rmSync(lock);
    closeSync(file);
  };
};

/** Whether the name still leads to this open file. */
const isAt = (lock: string, file: number): boolean => {
  const [there, own] = [statSync(lock, { throwIfNoEntry: false }), fstatSync(file)];
  return there?.ino === own.ino && there.dev === own.dev;
};

const holderOf = (lock: string): string => {
  const holder = readHolder(lock);
  if (holder === undefined) return 'another process';
  if (isRunning(holder)) return `process ${holder.pid}`;
  return `a process in another container, where its id is ${holder.pid}`;
};

const isOfLauncherWithoutFlock = (lock: string): boolean => {
  const holder = readHolder(lock);
  return holder !== undefined && holder.pid !== process.pid && isRunning(holder);
};

const readHolder = (lock: string): ProcessIdentity | undefined => {
  try {
    const { pid, startTicks } = JSON.parse(readFileSync(lock, 'utf8')) as ProcessIdentity;
    return Number.isInteger(pid) ? { pid, startTicks } : undefined;
  } catch {
    return undefined;
  }
};
