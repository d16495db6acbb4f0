import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder that holds package.json, found by climbing from this file: the same from `platform/` (tests) and
 * from `dist/platform/` (built), so that what is not compiled (.sql, .avsc) has one address.
 */
export const projectRoot: string = (() => {
  const here = dirname(fileURLToPath(import.meta.url));
  const above = dirname(here);
  return above.endsWith('dist') ? dirname(above) : above;
})();

/** Absolute path of something in the project, e.g. `projectPath('platform/outbox/migrations')`. */
export const projectPath = (relative: string): string => join(projectRoot, relative);

/** The version in package.json. */
export const version: string = (
  JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version: string }
).version;
