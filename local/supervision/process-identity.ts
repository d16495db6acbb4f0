import { readdirSync, readFileSync } from 'node:fs';

/**
 * A process id is used again after its process has ended; together with the start time it is unique.
 * `startTicks` is field 22 of /proc/PID/stat: clock ticks between boot and the start.
 */
export type ProcessIdentity = { pid: number; startTicks: number };

type Stat = { state: string; groupId: number; startTicks: number };

const readStat = (pid: number): Stat | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may contain spaces and parentheses, so fields are counted after the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, groupId: Number(fields[2]), startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
};

export const identify = (pid: number): ProcessIdentity | undefined => {
  const stat = readStat(pid);
  return stat && { pid, startTicks: stat.startTicks };
};

/** A zombie counts as ended, because it holds no port and no file. */
export const isRunning = ({ pid, startTicks }: ProcessIdentity): boolean => {
  const stat = readStat(pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== 'Z';
};

/** The running members of the group whose leader is or was `leader`; none if another process has its id now. */
export const groupMembers = (leader: ProcessIdentity): number[] => {
  const current = identify(leader.pid);
  if (current && current.startTicks !== leader.startTicks) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = readStat(pid);
      return stat?.groupId === leader.pid && stat.startTicks >= leader.startTicks && stat.state !== 'Z';
    });
};

/** Signals a whole group; false if the group has no members. */
export const signalGroup = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
};
