/** `npm run memory`: the memory of every process of a running platform, as PSS if the kernel reports it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type RunFile, runFilePath } from './data-folder/run-file.js';

const mebi = (kibibytes: number): string => `${(kibibytes / 1024).toFixed(0).padStart(6)} MB`;

/** PSS counts a page that n processes share as 1/n in each, so that the sum is their memory together. */
const pssKibibytes = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
};

const parentOf = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
};

const pids = readdirSync('/proc')
  .filter((name) => /^\d+$/.test(name))
  .map(Number);
const childrenOf = (pid: number): number[] => {
  const children = pids.filter((one) => parentOf(one) === pid);
  return [...children, ...children.flatMap(childrenOf)];
};

const file = resolve(runFilePath(process.argv[2] ?? process.env.CARTSTREAM_DATA ?? '.local'));
if (!existsSync(file)) {
  console.error(`memory: nothing runs here (there is no ${file}); start the platform with npm start`);
  process.exit(1);
}
const run = JSON.parse(readFileSync(file, 'utf8')) as RunFile;
const named = new Map(run.processes.toReversed().map(({ name, pid }) => [pid, name]));
const launcher = parentOf(run.processes[0]?.pid ?? 0);
let total = 0;
for (const [pid, name] of [[launcher, 'launcher'] as const, ...[...named].toReversed()]) {
  const family = name === 'launcher' ? [pid] : [pid, ...childrenOf(pid)];
  const kibibytes = family.reduce((sum, one) => sum + pssKibibytes(one), 0);
  total += kibibytes;
  console.log(`${mebi(kibibytes)}  ${name}`);
}
console.log(`${mebi(total)}  together`);
