import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from './replace-file.js';

/** The content of `DIR/run.json`, which exists while the platform runs, and after its launcher was killed. */
export type RunFile = {
  /** Absent with `--engines-only`. */
  gateway?: string;
  schemaRegistry: string;
  kafka: string;
  clickhouse: string;
  postgres: string;
  redis: string;
  zipkin: string;
  prometheus?: string;
  adminEmail: string;
  adminPassword: string;
  /** Services that share a process are listed separately, with the same process id. */
  processes: Array<{ name: string; pid: number; url?: string }>;
};

export const runFilePath = (dataDir: string): string => join(dataDir, 'run.json');

export const writeRunFile = (dataDir: string, content: RunFile): string => {
  const file = runFilePath(dataDir);
  replaceFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
  return file;
};

export const removeRunFile = (dataDir: string): void => rmSync(runFilePath(dataDir), { force: true });
