import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { InstallContext } from './cache.js';
import { findJava } from './programs.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-programs-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** An installation, as far as it says what it is. */
const installed = (version: string): string => {
  const home = join(dir, version);
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'bin', 'java'), '');
  writeFileSync(join(home, 'release'), `JAVA_VERSION="${version}"\n`);
  return home;
};
const find = (home: string, onPath: string) =>
  findJava({ env: { JAVA_HOME: home, PATH: join(onPath, 'bin') } } as unknown as InstallContext);

it('Java is that of JAVA_HOME where it is new enough, else the one on the path', async () => {
  const [old, seventeen, newer] = ['1.8.0_392', '17.0.9', '21.0.1'].map(installed) as [
    string,
    string,
    string,
  ];
  expect(await find(seventeen, newer)).toMatchObject({
    program: join(seventeen, 'bin/java'),
    version: '17.0.9',
  });
  expect(await find(old, newer)).toMatchObject({ program: join(newer, 'bin/java'), version: '21.0.1' });
});

it('where each is too old, the refusal says which they are', async () => {
  const [old, eleven] = ['1.8.0_392', '11.0.21'].map(installed) as [string, string];
  await expect(find(old, eleven)).rejects.toThrow(
    `Java 17 or newer (${old}/bin/java is 8, ${eleven}/bin/java is 11) is needed`,
  );
});
