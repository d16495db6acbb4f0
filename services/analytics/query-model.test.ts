import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { projectPath } from '#platform/project';
import { modelRows } from './query-model.js';

it('stands in the documents as it is', () => {
  const document = readFileSync(projectPath('docs/analytics.md'), 'utf8');
  const rowsOf = (header: string) =>
    (document.split(`| ${header} | set | type | |\n|---|---|---|---|\n`)[1] ?? '')
      .split('\n\n')[0]
      ?.trim()
      .split('\n');
  for (const kind of ['measure', 'dimension'] as const)
    expect(rowsOf(kind)).toEqual(
      modelRows()
        .filter((row) => row.kind === kind)
        .map(
          ({ name, datasets, type, description }) =>
            `| \`${name}\` | ${datasets.join(', ')} | ${type} | ${description} |`,
        ),
    );
});
