import { readFileSync } from 'node:fs';

/** Clock ticks a second, as Linux reports CPU time to programs: always 100. */
export const ticksPerSecond = 100;

export type ProcessStat = {
  /** `Z` of a zombie, which has ended. */
  state: string;
  parent: number;
  groupId: number;
  sessionId: number;
  /** Between the start of the machine and that of the process. */
  startTicks: number;
  /** User and system time of all threads, in steps of 10 ms. */
  cpuMs: number;
  /** The same of children that have ended, for which it has waited. */
  endedChildrenCpuMs: number;
};

/** What /proc/PID/stat says of a process; undefined of one that is not there any more. */
export const statOf = (pid: number): ProcessStat | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name may hold spaces and parentheses: fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const msOf = (user: number, system: number): number =>
      ((Number(fields[user]) + Number(fields[system])) * 1000) / ticksPerSecond;
    return {
      state: fields[0]!,
      parent: Number(fields[1]),
      groupId: Number(fields[2]),
      sessionId: Number(fields[3]),
      startTicks: Number(fields[19]),
      cpuMs: msOf(11, 12),
      endedChildrenCpuMs: msOf(13, 14),
    };
  } catch {
    return undefined;
  }
};
