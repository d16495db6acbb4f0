import { readdirSync } from 'node:fs';
import { statOf } from '../local/process-stat.js';

/**
 * Stops a process and all its descendants with SIGSTOP, as on a machine that sleeps, and returns a function that
 * continues them. It does not use the process group, because each of PostgreSQL's workers leads one of its own.
 */
export const stopProcess = (pid: number): (() => void) => {
  const stopped = new Set<number>();
  // Repeat until no new process appears, because one that was not stopped yet may have started children.
  for (let found = [pid]; found.length > 0; ) {
    for (const each of found) {
      stopped.add(each);
      signal(each, 'SIGSTOP');
    }
    found = childrenOf(stopped).filter((each) => !stopped.has(each));
  }
  return () => {
    for (const each of [...stopped].reverse()) signal(each, 'SIGCONT');
  };
};

/** The same for this one process alone. */
export const stopAlone = (pid: number): (() => void) => {
  signal(pid, 'SIGSTOP');
  return () => signal(pid, 'SIGCONT');
};

/** One that has ended meanwhile needs no signal. */
const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

const childrenOf = (parents: ReadonlySet<number>): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parents.has(statOf(pid)?.parent ?? -1));
