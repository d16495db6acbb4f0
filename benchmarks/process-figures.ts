/** What processes have taken of the machine, as Linux counts it. */

import { readdirSync, readFileSync } from 'node:fs';
import { type ProcessStat, statOf, ticksPerSecond } from '../local/process-stat.js';

const pageBytes = 4096;

/** CPU seconds a process has used, all threads together; 0 for one that has ended. */
export const cpuSeconds = (pid: number): number => (statOf(pid)?.cpuMs ?? 0) / 1000;

/** Bytes of memory that a process has resident; 0 for one that has ended. */
export const residentBytes = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes;
  } catch {
    return 0;
  }
};

/** CPU time in milliseconds (user and system, in steps of 10) of each named process together with its descendants. */
export const readCpuMs = (named: ReadonlyMap<string, number>): Map<string, number> => {
  const stats = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat !== undefined) stats.set(Number(name), stat);
  }
  const nameOf = new Map([...named].map(([name, pid]) => [pid, name]));
  const spent = new Map([...named.keys()].map((name) => [name, 0]));
  for (const [pid, { cpuMs, endedChildrenCpuMs }] of stats) {
    const owner = ownerOf(pid, stats, nameOf);
    if (owner !== undefined) spent.set(owner, (spent.get(owner) ?? 0) + cpuMs + endedChildrenCpuMs);
  }
  return spent;
};

/** CPU time in milliseconds that all processes of the machine have taken since it started. */
export const readMachineCpuMs = (): number => {
  const [, ...fields] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').trim().split(/\s+/);
  const [user, nice, system, , , irq, softIrq] = fields.map(Number);
  const ticks = [user, nice, system, irq, softIrq].reduce((sum: number, part) => sum + (part ?? 0), 0);
  return (ticks * 1000) / ticksPerSecond;
};

/** The nearest named process above `pid`, or itself. */
const ownerOf = (
  pid: number,
  stats: ReadonlyMap<number, ProcessStat>,
  nameOf: ReadonlyMap<number, string>,
): string | undefined => {
  for (let at = pid, steps = 0; at > 1 && steps < 32; steps += 1) {
    const name = nameOf.get(at);
    if (name !== undefined) return name;
    at = stats.get(at)?.parent ?? 0;
  }
  return undefined;
};
