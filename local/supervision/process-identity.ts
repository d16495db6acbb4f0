import { readdirSync } from 'node:fs';
import { statOf } from '../process-stat.js';

/**
 * A process id is used again after its process has ended; together with the start time it is unique.
 * `startTicks` are clock ticks between boot and the start.
 */
export type ProcessIdentity = { pid: number; startTicks: number };

export const identify = (pid: number): ProcessIdentity | undefined => {
  const stat = statOf(pid);
  return stat && { pid, startTicks: stat.startTicks };
};

/** A zombie counts as ended, because it holds no port and no file. */
export const isRunning = ({ pid, startTicks }: ProcessIdentity): boolean => {
  const stat = statOf(pid);
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
      const stat = statOf(pid);
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
