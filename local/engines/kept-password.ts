import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The password of the engine whose data is in this folder: made at its first start, and readable by its owner only. */
export const keptPassword = (dataDir: string): string => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, 'password');
  if (!existsSync(file)) {
    // Written beside it and renamed: a start that is killed in between must not leave an empty password.
    const making = `${file}.new`;
    writeFileSync(making, randomBytes(18).toString('base64url'), { mode: 0o600 });
    renameSync(making, file);
  }
  return readFileSync(file, 'utf8').trim();
};
