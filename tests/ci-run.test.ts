import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let programs = '';
beforeEach(() => {
  programs = mkdtempSync(join(tmpdir(), 'cartstream-ci-'));
});
afterEach(() => rmSync(programs, { recursive: true }));

const program = (name: string, script: string): void => {
  writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(programs, name), 0o755);
};

/** The last line and the exit code of CI where `npm check` and `npm test` end so, the latter with this report. */
const ciOf = (check: number, tests: number, report: string) => {
  program('chromium', 'exit');
  program('npm', `[ "$*" = test ] || exit ${check}; printf %s '${report}' >"$VITEST_REPORT"; exit ${tests}`);
  const path = [programs, dirname(process.execPath), '/usr/bin', '/bin'].join(':');
  const { stdout, status } = spawnSync('.ci/run', { env: { ...process.env, PATH: path }, encoding: 'utf8' });
  return [stdout.trim().split('\n').at(-1), status];
};

it.each([
  ['all is well', 0, 0, '{"numPassedTests":9,"numFailedTests":0}', '10 passed, 0 failed', 0],
  ['a check fails', 1, 0, '{"numPassedTests":9,"numFailedTests":0}', '9 passed, 1 failed', 1],
  ['tests fail', 0, 1, '{"numPassedTests":7,"numFailedTests":2}', '8 passed, 2 failed', 1],
  [
    'an error is outside of all tests',
    0,
    1,
    '{"numPassedTests":9,"numFailedTests":0}',
    '10 passed, 1 failed',
    1,
  ],
  ['there is no report', 0, 1, '', '1 passed, 1 failed', 1],
  ['there is half a report', 0, 1, '{"numPassed', '1 passed, 1 failed', 1],
])('CI counts the failure where %s', (_, check, tests, report, line, code) => {
  expect(ciOf(check, tests, report)).toEqual([line, code]);
});
