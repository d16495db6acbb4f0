import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectPath } from '#platform/project';
import { startLauncher } from './launcher-process.js';

type Found = { runFile: string; stop(): Promise<void> };

/**
 * The platform that CARTSTREAM_RUN names or that runs in `.local`; otherwise a new one without traffic, which `stop`
 * removes.
 */
export const findPlatform = async (
  catalogSize: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Found> => {
  const runFile = runningPlatform();
  if (runFile !== undefined) return { runFile, stop: async () => {} };
  console.log('no platform is running: starting one');
  return startScratch(['--port', '0', '--catalog', String(catalogSize), '--no-traffic'], env);
};

/** The same for programs that need no service: where nothing runs, engines alone are started. */
export const findEngines = async (): Promise<Found> => {
  const runFile = runningPlatform();
  if (runFile !== undefined) return { runFile, stop: async () => {} };
  console.log('no platform is running: starting engines');
  return startScratch(['--engines-only']);
};

/**
 * The `run.json` that CARTSTREAM_RUN names or that is in `.local`; undefined where nothing runs. Throws where nothing
 * runs and CARTSTREAM_RUN names it.
 */
export const runningPlatform = (): string | undefined => {
  const given = process.env.CARTSTREAM_RUN;
  if (given && !runs(given)) throw new Error(`nothing runs where CARTSTREAM_RUN points: ${given}`);
  const running = given || projectPath('.local/run.json');
  return runs(running) ? running : undefined;
};

/**
 * For a platform under the ingest load. Some of the load's poison has a schema id that is never registered. Each such
 * record would hold its partition for ten seconds, in case a registry node lags.
 */
export const underIngestLoad = { SCHEMA_UNKNOWN_HELD_MS: '200' } as const;

/** A launcher (`pid`) in a temporary folder; `stop` ends it and deletes the folder. */
export const startScratch = async (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ pid: number; runFile: string; stop(): Promise<void> }> => {
  const { started, ...scratch } = beginScratch(args, env);
  const { pid } = await started;
  return { pid, ...scratch };
};

/** The same without waiting: `runFile` is written before `started` resolves, which rejects if the start fails. */
export const beginScratch = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { started: Promise<{ pid: number }>; runFile: string; stop(): Promise<void> } => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cartstream-'));
  const started = startLauncher(dataDir, args, env);
  return {
    started,
    runFile: join(dataDir, 'run.json'),
    stop: async () => {
      await started.then((launcher) => launcher.stop()).catch(() => {});
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};

/** A launcher that was killed leaves its `run.json` behind. */
const runs = (runFile: string): boolean => {
  if (!existsSync(runFile)) return false;
  const { processes } = JSON.parse(readFileSync(runFile, 'utf8')) as { processes: { pid: number }[] };
  return processes.some(({ pid }) => existsSync(`/proc/${pid}`));
};
