import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processPlace } from '#platform/process-place';
import {
  groupMembers,
  isRunning,
  type ProcessIdentity,
  signalGroup,
} from '../supervision/process-identity.js';
import { replaceFile } from './replace-file.js';

const fileName = 'processes.json';

type Recorded = ProcessIdentity & { place: string | undefined };

/** The processes that the launcher runs, written to disk in case the launcher is killed. */
export const recordProcesses = (dataDir: string, processes: readonly ProcessIdentity[]): void => {
  const placed: Recorded[] = processes.map((one) => ({ ...one, place: processPlace }));
  replaceFile(join(dataDir, fileName), JSON.stringify(placed));
};

/**
 * Kills the processes that a killed launcher left running in this folder. A process is killed only if its id and its
 * start time are those on record, and they were recorded in this container since the machine started: elsewhere they are
 * another's. Returns how many it killed.
 */
export const removeLeftovers = async (dataDir: string): Promise<number> => {
  const recorded = readRecorded(join(dataDir, fileName));
  const groups = recorded.filter((leader) => isRunning(leader) || groupMembers(leader).length > 0);
  const deadline = Date.now() + 5_000;
  for (const leader of groups) {
    while ((isRunning(leader) || groupMembers(leader).length > 0) && Date.now() < deadline) {
      signalGroup(leader.pid, 'SIGKILL');
      await sleep(20);
    }
  }
  rmSync(join(dataDir, fileName), { force: true });
  return groups.length;
};

const readRecorded = (file: string): ProcessIdentity[] => {
  try {
    const recorded: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!Array.isArray(recorded)) return [];
    // A launcher of before places were written has run where this one does.
    return (recorded as Recorded[]).filter(({ place }) => place === undefined || place === processPlace);
  } catch {
    return [];
  }
};
