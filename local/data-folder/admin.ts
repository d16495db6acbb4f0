import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Admin = { email: string; password: string };

/**
 * E-mail address and password of the first administrator, generated once for each data folder. The user service creates
 * the account.
 */
export const adminOf = (dataDir: string): Admin => {
  const file = join(dataDir, 'admin.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Admin;
  const admin: Admin = { email: 'admin@cartstream.local', password: randomBytes(12).toString('base64url') };
  writeFileSync(file, `${JSON.stringify(admin)}\n`, { mode: 0o600 });
  return admin;
};
