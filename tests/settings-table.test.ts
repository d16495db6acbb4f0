import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { envSchema, variablesOf } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { provisionConfig } from '../local/provision-config.js';

test('services/settings.ts lists every setting that a service obeys, so that administrators can change it', () => {
  const list = readFileSync('services/settings.ts', 'utf8');
  const obeyed = globSync('services/*/*.ts').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/settings\.of\(\s*(\w+)/g)].map(([, name]) => name as string),
  );
  expect(obeyed.length).toBeGreaterThan(5);
  expect(obeyed.filter((name) => !new RegExp(`^  .*\\b${name}\\b.*,$`, 'm').test(list))).toEqual([]);
});

test('docs/settings.md names every setting of the engines, and none that is not read', () => {
  const rows = [...readFileSync('docs/settings.md', 'utf8').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(
    ([, variable]) => variable,
  );
  const read = [envSchema(engineSettings), provisionConfig].flatMap((schema) =>
    variablesOf(schema).map(([variable]) => variable),
  );
  expect(rows.toSorted()).toEqual([...new Set(read)].toSorted());
});
