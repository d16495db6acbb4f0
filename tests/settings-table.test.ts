import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { envSchema, variablesOf } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { provisionConfig } from '../local/provision-config.js';

test('docs/settings.md names every setting of the engines, and none that is not read', () => {
  const rows = [...readFileSync('docs/settings.md', 'utf8').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(
    ([, variable]) => variable,
  );
  const read = [envSchema(engineSettings), provisionConfig].flatMap((schema) =>
    variablesOf(schema).map(([variable]) => variable),
  );
  expect(rows.toSorted()).toEqual([...new Set(read)].toSorted());
});
