import { messageOf } from '#platform/errors';
import { recordProcesses } from '../data-folder/leftovers.js';
import type { DataFolder } from '../data-folder/open.js';
import type { Progress } from '../progress.js';
import type { ProcessIdentity } from './process-identity.js';
import { type ProcessSpec, type SupervisedProcess, superviseProcess } from './supervised-process.js';

/** Their sum is below the ten seconds that a stop may take. */
const graceMs = { service: 5_500, engine: 3_500 } as const;

export type Role = 'engine' | 'service';

/** All running processes. The data folder lists them at every moment. */
export type Crew = {
  add(spec: ProcessSpec, role: Role): SupervisedProcess;
  /** Also lists a process without a supervisor, in case the launcher is killed while it runs. */
  record(identity: ProcessIdentity): void;
  list(): Array<{ name: string; pid: number; url?: string }>;
  onChange(listener: () => void): void;
  /**
   * Stops services first, then engines. Pending starts reject because of the stop, and no process can be added
   * afterwards. Later calls share the first one's result.
   */
  stop(): Promise<void>;
};

export const createCrew = (folder: DataFolder, progress: Progress): Crew => {
  const members: Array<{ process: SupervisedProcess; role: Role }> = [];
  let lastOneShot: ProcessIdentity[] = [];
  let listener = (): void => {};
  let stopped: Promise<void> | undefined;

  const record = (): void => {
    const running = members.flatMap(({ process }) => (process.identity ? [process.identity] : []));
    recordProcesses(folder.path, [...running, ...lastOneShot]);
  };
  let isWritable = true;
  /** A full disk must not end what still runs: the files say so again with the next change after there is room. */
  const publish = (): void => {
    try {
      record();
      if (stopped === undefined) listener();
      isWritable = true;
    } catch (error) {
      if (isWritable)
        progress.line(`${folder.path} cannot be written, so run.json stays as it was: ${messageOf(error)}`);
      isWritable = false;
    }
  };
  const stopRole = async (role: Role): Promise<void> => {
    const inRole = members.filter((member) => member.role === role);
    await Promise.all(inRole.map(({ process }) => process.stop(graceMs[role])));
  };

  const stopAll = async (): Promise<void> => {
    await stopRole('service');
    await stopRole('engine');
    lastOneShot = [];
    publish();
  };

  return {
    add(spec, role) {
      if (stopped !== undefined) throw new Error(`${spec.name} is not started: the platform stops`);
      const process = superviseProcess(spec, {
        logFile: folder.logFile,
        onChange: publish,
        onRestart: (name, why, waitMs) => progress.line(`${name}: ${why}; starts again in ${waitMs} ms`),
      });
      members.push({ process, role });
      return process;
    },
    record(identity) {
      lastOneShot = [identity];
      publish();
    },
    list: () =>
      members.flatMap(({ process: { spec, identity } }) => {
        if (!identity) return [];
        const { pid } = identity;
        const shared = spec.hosts && spec.hosts.length > 1 ? spec.hosts : [];
        return [
          { name: spec.name, pid, ...(spec.url ? { url: spec.url } : {}) },
          ...shared.map(({ name, url }) => ({ name, pid, url })),
        ];
      }),
    onChange(next) {
      listener = next;
    },
    stop() {
      stopped ??= stopAll();
      return stopped;
    },
  };
};
