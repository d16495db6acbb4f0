import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectPath } from '#platform/project';
import type { Lists } from './scoring.js';
import type { Split } from './splits.js';

/** The lists that `recommend:batch` answers, and how many seconds it took. */
export const answersOf = async (split: Split, folder: string): Promise<{ lists: Lists; seconds: number }> => {
  const write = (name: string, lines: readonly unknown[]): string => {
    const file = join(folder, `${name}.ndjson`);
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return file;
  };
  const out = join(folder, 'predictions.ndjson');
  const options = [
    ...[
      '--events',
      write('events', split.events),
      '--queries',
      write('queries', split.queries),
      '--out',
      out,
    ],
    ...(split.products === undefined ? [] : ['--products', write('products', split.products)]),
  ];
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, ['dist/scripts/recommend-batch.js', ...options], {
    cwd: projectPath('.'),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`recommend:batch ended with ${code}`);
  const lines = readFileSync(out, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const answers = lines.map((line) => JSON.parse(line) as { queryId: string; items: string[] });
  return {
    lists: new Map(answers.map(({ queryId, items }) => [queryId, items])),
    seconds: (performance.now() - startedAtMs) / 1000,
  };
};
