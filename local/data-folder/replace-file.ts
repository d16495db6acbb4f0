import { renameSync, writeFileSync } from 'node:fs';

/**
 * Replaces the file atomically: a reader never sees half of it, and a launcher that is killed or that finds the disk full
 * leaves the old one. Only the owner may read it, because most of these files contain passwords.
 */
export const replaceFile = (file: string, content: string): void => {
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
};
