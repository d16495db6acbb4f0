import { readdirSync, readFileSync } from 'node:fs';
import type { RunFile } from './data-folder/run-file.js';
import { statOf } from './process-stat.js';

/** PSS counts a page that n processes share as 1/n in each, so that the sum is their memory together. */
const pssKibibytes = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
};

const parentOf = (pid: number): number => statOf(pid)?.parent ?? 0;

/**
 * The memory in KiB (PSS) of each process of a running platform together with its descendants, by name, the launcher's
 * own first. A process that has ended has 0.
 */
export const memoryOf = (run: RunFile): Map<string, number> => {
  const named = new Map(run.processes.toReversed().map(({ name, pid }) => [pid, name]));
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(Number(name))]),
  );
  const childrenOf = (pid: number): number[] => {
    const children = [...parents].filter(([, parent]) => parent === pid).map(([child]) => child);
    return [...children, ...children.flatMap(childrenOf)];
  };
  const launcher = parentOf(run.processes[0]?.pid ?? 0);
  const memory = new Map([['launcher', pssKibibytes(launcher)]]);
  for (const [pid, name] of [...named].toReversed())
    memory.set(
      name,
      [pid, ...childrenOf(pid)].reduce((sum, one) => sum + pssKibibytes(one), 0),
    );
  return memory;
};
