import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `DIR/run.json` tells about the platform that runs there. Present exactly while it runs. */
export type RunFile = {
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
  /** Base URLs of every service and job, also of those that share a process. */
  services: Record<string, string[]>;
  processes: Array<{ name: string; pid: number; url?: string }>;
};

export const runFilePath = (dataDir: string): string => join(dataDir, 'run.json');

/** Replaced in one step, so that a reader never sees half of it; it holds passwords, so only the owner reads it. */
export function writeRunFile(dataDir: string, content: RunFile): void {
  const file = runFilePath(dataDir);
  writeFileSync(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export const removeRunFile = (dataDir: string): void => rmSync(runFilePath(dataDir), { force: true });
