import { hostname } from 'node:os';

/**
 * The client id under which a process joins groups: `<service>@<host>/<pid>/<started>`. The broker makes a member's id
 * of it, so whoever comes next on the same machine can tell a member whose process is dead. Left to itself the group
 * would wait for that member's session to time out: after a kill -9, six seconds in which nobody reads its partitions.
 */
export const memberName = (service: string): string =>
  `${service}@${hostname()}/${process.pid}/${startedAtMs}`;

const startedAtMs = Math.round(performance.timeOrigin);

/** True where `memberId` is of a process of this machine that is no more. False where that cannot be known. */
export const isGhost = (memberId: string): boolean => {
  const match = /@([^/@]+)\/(\d+)\/(\d+)-/.exec(memberId);
  if (match === null || match[1] !== hostname()) return false;
  const pid = Number(match[2]);
  // A container that is started again gives its process the same number.
  if (pid === process.pid) return Number(match[3]) !== startedAtMs;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
};
