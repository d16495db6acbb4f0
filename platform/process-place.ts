import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

const read = (): string | undefined => {
  try {
    const kernel = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = readlinkSync('/proc/self/ns/pid');
    return createHash('sha256').update(`${kernel} ${namespace}`).digest('hex').slice(0, 12);
  } catch {
    return undefined;
  }
};

/**
 * Identifies the running kernel and the PID namespace: a process id names one process only there. Undefined where the system
 * does not say it.
 */
export const processPlace: string | undefined = read();
