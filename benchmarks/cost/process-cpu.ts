import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second, as Linux reports CPU time to programs: always 100. */
const ticksPerSecond = 100;

type ProcessStat = { parent: number; cpuMs: number };

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
  for (const [pid, { cpuMs }] of stats) {
    const owner = ownerOf(pid, stats, nameOf);
    if (owner !== undefined) spent.set(owner, (spent.get(owner) ?? 0) + cpuMs);
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

const statOf = (pid: number): ProcessStat | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name may hold spaces and parentheses: fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // User and system time, its own and that of children that have ended.
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
    return { parent: Number(fields[1]), cpuMs: (ticks * 1000) / ticksPerSecond };
  } catch {
    return undefined;
  }
};
