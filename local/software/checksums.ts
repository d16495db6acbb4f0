import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { projectPath } from '#platform/project';

export type Checked = { bytes: number; sha256: string };

/**
 * Size and checksum of each file, by artifact set and file name. Written by `write-manifest.ts`, committed, never
 * edited.
 */
export type Manifest = Record<string, Record<string, Checked>>;

export const manifestPath = projectPath('local/software/manifest.json');

export const readManifest = (): Manifest => JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest;

export const sha256 = async (file: string): Promise<string> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
};

/** Rejects unless `dir` holds exactly the files of `expected`, each with its size and checksum. */
export const verify = async (dir: string, expected: Readonly<Record<string, Checked>>): Promise<void> => {
  const names = new Set(await readdir(dir));
  for (const [name, { bytes, sha256: wanted }] of Object.entries(expected)) {
    if (!names.delete(name)) throw new Error(`${name} is missing from the download`);
    const { size } = await stat(join(dir, name));
    if (size !== bytes) throw new Error(`${name} has ${size} bytes instead of ${bytes}`);
    if ((await sha256(join(dir, name))) !== wanted) throw new Error(`${name} does not have its checksum`);
  }
  if (names.size > 0) throw new Error(`the download holds unknown files: ${[...names].join(', ')}`);
};
