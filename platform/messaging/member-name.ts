import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { processPlace } from '#platform/process-place';

/**
 * A client id for one consumer of this process, under which it joins groups:
 * `<service>@<host>/<place>/<pid>/<started>/<consumer>`. The broker derives a member's id from it, so the next member
 * and the other members in the same place can recognise one whose process is dead. Otherwise the group would wait for that
 * member's session to time out, and no member would read its partitions until then.
 *
 * `place` is `processPlace`, because a process id is unique only there. Two containers with the same host name have two
 * places, so neither removes the other's members. A container that is started again has a new place, so there the
 * group does wait.
 */
export const memberName = (service: string): string => {
  consumers += 1;
  return `${service}@${hostname()}/${processPlace ?? 'unknown'}/${process.pid}/${startedAt}/${consumers}`;
};

let consumers = 0;

/** True where `memberId` belongs to a process of this place that has ended. False where that cannot be determined. */
export const isGhost = (memberId: string): boolean => {
  const match = /@([^/@]+)\/([^/@]+)\/(\d+)\/(\d+)\/\d+-/.exec(memberId);
  // Where the system does not say its place, no member counts as dead.
  if (match === null || processPlace === undefined) return false;
  if (match[1] !== hostname() || match[2] !== processPlace) return false;
  const pid = Number(match[3]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const started = startTicks(pid);
  return started !== undefined && started !== match[4];
};

/** True where `memberId` was given to a member called `name`. */
export const isNamed = (memberId: string, name: string): boolean => memberId.startsWith(`${name}-`);

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** Field 22 of /proc/PID/stat: together with it a process id is unique, also after the number was used again. */
const startTicks = (pid: number | 'self'): string | undefined =>
  attempt(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  });

const startedAt = startTicks('self') ?? String(Math.round(performance.timeOrigin));
