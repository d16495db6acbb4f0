import { readdirSync, readFileSync } from 'node:fs';

/**
 * Stops a process and all that descend from it with SIGSTOP, as they stand on a machine that sleeps or crawls, and
 * returns how to let them go on. Not by process group: PostgreSQL's workers each lead one of their own.
 */
export const stopProcess = (pid: number): (() => void) => {
  const stopped = new Set<number>();
  // Until there is nobody new: who was not stopped yet may have made children meanwhile.
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
    .filter((pid) => parents.has(parentOf(pid) ?? -1));

const parentOf = (pid: number): number | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
};
