import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from './replace-file.js';

export type Admin = { email: string; password: string };

/**
 * E-mail address and password of the first administrator, generated once for each data folder. The user service creates
 * the account, and at each start gives it this password: so a file that is lost or damaged is made anew.
 */
export const adminOf = (dataDir: string): Admin => {
  const file = join(dataDir, 'admin.json');
  const kept = readAdmin(file);
  if (kept !== undefined) return kept;
  const admin: Admin = { email: 'admin@cartstream.local', password: randomBytes(12).toString('base64url') };
  replaceFile(file, `${JSON.stringify(admin)}\n`);
  return admin;
};

const readAdmin = (file: string): Admin | undefined => {
  try {
    const { email, password } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Admin>;
    return email && password ? { email, password } : undefined;
  } catch {
    return undefined;
  }
};
