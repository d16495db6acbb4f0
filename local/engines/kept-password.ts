import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../data-folder/replace-file.js';

/** The password of the engine whose data is in this folder: made at its first start, and readable by its owner only. */
export const keptPassword = (dataDir: string): string => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, 'password');
  if (!existsSync(file)) replaceFile(file, randomBytes(18).toString('base64url'));
  return readFileSync(file, 'utf8').trim();
};
