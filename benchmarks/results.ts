import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { projectPath } from '#platform/project';
import { type Spread, shownSpread } from './figures.js';

/** Writes `benchmarks/results/<name>.json` with when, where and of which commit it was measured. */
export const writeResults = (name: string, results: object): void => {
  const file = `benchmarks/results/${name}.json`;
  mkdirSync(projectPath('benchmarks/results'), { recursive: true });
  writeFileSync(
    projectPath(file),
    `${JSON.stringify({ at: new Date().toISOString(), ...circumstances(), ...results }, null, 2)}\n`,
  );
  console.log(`written to ${file}`);
};

const circumstances = () => {
  const [cpu] = cpus();
  return { commit: commit(), node: process.version, cores: cpus().length, processor: cpu?.model.trim() };
};

/** One line about when, where and of which commit something was measured, and how busy the machine was. */
export const circumstancesNote = (loads: Spread): string => {
  const { commit: measured, cores, node } = circumstances();
  return `${new Date().toISOString().slice(0, 16)}Z, ${measured ?? 'no clone'}, ${cores} cores, Node.js ${node}, load average before it ${shownSpread(loads, 1)}`;
};

/** With a plus sign where the tree has changes that are not committed; undefined outside a clone. */
const commit = (): string | undefined => {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: projectPath('.'),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    return (
      git('rev-parse', '--short', 'HEAD').trim() +
      (git('status', '--porcelain', '--', '.', ':!docs/figures') === '' ? '' : '+')
    );
  } catch {
    return undefined;
  }
};
