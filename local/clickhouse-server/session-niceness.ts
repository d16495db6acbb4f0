import { writeFileSync } from 'node:fs';
import { statOf } from '../process-stat.js';
import type { Statement } from './statement.js';

/** Lowers the process while nothing but nice statements runs. */
export type SessionNiceness = {
  /** Settles as `work` does. */
  during<T>(niceness: number, work: () => Promise<T>): Promise<T>;
};

/** The kernel lets a process without privileges change this ten times a second. */
const retryMs = 100;

/**
 * Linux shares the processor among sessions before it looks at the niceness of threads (autogroup), so a statement with
 * `os_thread_priority` yields to the threads of its own process only. Here the session of the process is as nice as the least
 * nice statement that runs: an insert beside a nice question runs at once, and the question yields to it by its thread's niceness.
 * `set` writes the niceness; false where the kernel refuses it for now.
 */
export const createSessionNiceness = (
  set: (niceness: number) => boolean = hasOwnSession() ? setSessionNiceness : () => true,
): SessionNiceness => {
  /** How many statements of each niceness run. */
  const running = new Map<number, number>();
  let current = 0;
  let isRefused = false;
  const follow = (): void => {
    const wanted = running.size === 0 ? 0 : Math.min(...running.keys());
    if (wanted === current || isRefused) return;
    if (set(wanted)) {
      current = wanted;
      return;
    }
    isRefused = true;
    setTimeout(() => {
      isRefused = false;
      follow();
    }, retryMs).unref();
  };
  const count = (niceness: number, change: 1 | -1): void => {
    const left = (running.get(niceness) ?? 0) + change;
    if (left === 0) running.delete(niceness);
    else running.set(niceness, left);
    follow();
  };
  return {
    during: async (niceness, work) => {
      count(niceness, 1);
      try {
        return await work();
      } finally {
        count(niceness, -1);
      }
    },
  };
};

/** False where this process was started in somebody's terminal: what else runs there is not to be lowered. */
const hasOwnSession = (): boolean => statOf(process.pid)?.sessionId === process.pid;

const setSessionNiceness = (niceness: number): boolean => {
  try {
    writeFileSync('/proc/self/autogroup', `${niceness}`);
    return true;
  } catch (error) {
    // Without groups of sessions the threads' niceness suffices, and there is nothing to try again.
    return (error as NodeJS.ErrnoException).code !== 'EAGAIN';
  }
};

/** The statement's `os_thread_priority`, from 0 to 19. */
export const nicenessOf = ({ sql }: Pick<Statement, 'sql'>): number => {
  const [, digits] = /\bos_thread_priority\s*=\s*(\d{1,2})\b/.exec(sql) ?? [];
  return Math.min(19, Number(digits ?? 0));
};
