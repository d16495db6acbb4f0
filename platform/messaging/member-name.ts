import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * A client id for one consumer of this process, under which it joins groups: `<service>@<host>/<place>/<pid>/<started>/<consumer>`. The broker
 * makes a member's id of it, so whoever comes next in the same place can tell a member whose process is dead. Left to
 * itself the group would wait for that member's session to time out, and nobody would read its partitions until then.
 *
 * `place` names the running kernel and the PID namespace: only there does a process id mean the same process. Two
 * containers with one host name have two places and leave each other alone. A container that is started again has a
 * new place, so the group does wait there.
 */
export const memberName = (service: string): string => {
  consumers += 1;
  return `${service}@${hostname()}/${place ?? 'unknown'}/${process.pid}/${startedAt}/${consumers}`;
};

let consumers = 0;

/** True where `memberId` is of a process in this place that is no more. False where that cannot be known. */
export const isGhost = (memberId: string): boolean => {
  const match = /@([^/@]+)\/([^/@]+)\/(\d+)\/(\d+)\/\d+-/.exec(memberId);
  if (match === null || place === undefined || match[1] !== hostname() || match[2] !== place) return false;
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

/** Field 22 of /proc/PID/stat: with it a process id names one process, also after the number was given away. */
const startTicks = (pid: number | 'self'): string | undefined =>
  attempt(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  });

const startedAt = startTicks('self') ?? String(Math.round(performance.timeOrigin));

/** Undefined where the system does not say: there nobody is taken for a ghost. */
const place: string | undefined = attempt(() => {
  const kernel = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const namespace = readlinkSync('/proc/self/ns/pid');
  return createHash('sha256').update(`${kernel} ${namespace}`).digest('hex').slice(0, 12);
});
