import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of package.json, found by going up from this file. It is the same from `platform/` (tests) and from
 * `dist/platform/` (built), so that files that are not compiled (.sql, .avsc) have one path.
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
