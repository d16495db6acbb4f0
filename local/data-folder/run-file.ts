import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `DIR/run.json` tells about the platform that runs there. There while it runs; a launcher that was killed leaves it. */
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
  /** Services that share a process are listed each, with the process id they share. */
  processes: Array<{ name: string; pid: number; url?: string }>;
};

export const runFilePath = (dataDir: string): string => join(dataDir, 'run.json');

/** Replaced in one step, so that a reader never sees half of it; it holds passwords, so only the owner reads it. */
export function writeRunFile(dataDir: string, content: RunFile): string {
  const file = runFilePath(dataDir);
  writeFileSync(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return file;
}

export const removeRunFile = (dataDir: string): void => rmSync(runFilePath(dataDir), { force: true });
