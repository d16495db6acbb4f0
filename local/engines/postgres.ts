import { existsSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '#platform/waiting/sleep';
import type { Engine } from './engine.js';
import { keptPassword } from './kept-password.js';
import { answersTcp } from './probes.js';
import { runToEnd } from './run-to-end.js';
import { sharedMemoryFile, usersOfCluster } from './shared-memory.js';

/**
 * One server for every service's database. It refuses to run as root, so root enters a user namespace in which it has
 * another user id; its files still belong to root.
 */
export const postgres = (options: {
  dataDir: string;
  port: number;
  bin: string;
  connectionsMax: number;
  /** Libraries that the server loads at its start, such as `pg_stat_statements`; none if empty. */
  preload: string;
  asUser: readonly string[];
}): Engine => {
  const { dataDir, port, bin, connectionsMax, preload, asUser } = options;
  const cluster = join(dataDir, 'cluster');
  const passwordFile = join(dataDir, 'password');
  const url = `postgres://cartstream:${keptPassword(dataDir)}@127.0.0.1:${port}/postgres?sslmode=disable`;

  const settings: Record<string, string | number> = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: connectionsMax,
    shared_preload_libraries: preload,
    shared_buffers: '48MB',
    work_mem: '4MB',
    maintenance_work_mem: '32MB',
    autovacuum_max_workers: 2,
    // Each database is looked at so often, by a process of its own that first reads its catalogue.
    autovacuum_naptime: '3min',
    max_wal_senders: 0,
    wal_level: 'minimal',
    max_wal_size: '256MB',
    min_wal_size: '64MB',
    wal_compression: 'on',
    max_parallel_workers_per_gather: 0,
    jit: 'off',
    timezone: 'UTC',
    log_min_messages: 'warning',
  };

  return {
    name: 'postgres',
    url,
    async prepare() {
      await awaitEndOf(cluster);
      if (existsSync(join(cluster, 'PG_VERSION'))) return;
      rmSync(cluster, { recursive: true, force: true });
      const making = join(dataDir, 'cluster.new');
      rmSync(making, { recursive: true, force: true });
      await runToEnd(
        asCommand([
          ...asUser,
          join(bin, 'initdb'),
          ...['-D', making, '-U', 'cartstream', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
          ...['-E', 'UTF8', '--locale=C', '--no-sync'],
        ]),
      );
      renameSync(making, cluster);
    },
    process: {
      name: 'postgres',
      url: `postgres://127.0.0.1:${port}`,
      command: asCommand([
        ...asUser,
        join(bin, 'postgres'),
        ...['-D', cluster],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ]),
      // A "fast" shutdown: rolls back running transactions and closes connections, instead of waiting for the clients.
      stopSignal: 'SIGINT',
      probe: () => answersTcp(port, startupMessage, asksForPassword),
    },
  };
};

const endMsMax = 5_000;
/** A checkpoint of a busy shop on a slow disk takes ten seconds. */
const checkpointMsMax = 30_000;
const lookAgainMs = 50;

/**
 * Waits for the server of a cluster, if it is still being taken down, with all of its processes: one that starts meanwhile
 * finds its lock file or its memory in use and gives up.
 */
const awaitEndOf = async (cluster: string): Promise<void> => {
  const lockFile = join(cluster, 'postmaster.pid');
  const lock = textOf(lockFile);
  const pid = Number.parseInt(lock, 10);
  const isThere = (): boolean => pid > 0 && worksIn(pid, cluster);
  const isInMemory = (): boolean => usersOfCluster(lock, textOf(sharedMemoryFile)) > 0;
  await untilNot(isThere, endMsMax);
  await untilNot(isInMemory, checkpointMsMax);
  // A server refuses to start while the process that the file names lives, whatever that is by now: after a crash of the
  // machine, or in a container that starts again, the id is another program's.
  if (!isThere() && !isInMemory()) rmSync(lockFile, { force: true });
};

/** Every process of a server works in the folder of its cluster. */
const worksIn = (pid: number, cluster: string): boolean => {
  try {
    return realpathSync(`/proc/${pid}/cwd`) === realpathSync(cluster);
  } catch (error) {
    // Unless it has ended, it is another user's, of which nothing more can be learned.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
};

const untilNot = async (isSo: () => boolean, waitMsMax: number): Promise<void> => {
  const deadlineMs = performance.now() + waitMsMax;
  while (performance.now() < deadlineMs && isSo()) await sleep(lookAgainMs);
};

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

const asCommand = (parts: readonly string[]): [string, ...string[]] => parts as [string, ...string[]];

/**
 * The first message of the protocol, version 3.0. A server that is up asks for the password (`R`); one that still
 * recovers answers with an error (`E`).
 */
const startupMessage = (() => {
  const parameters = Buffer.from('user\0cartstream\0database\0postgres\0\0');
  const header = Buffer.alloc(8);
  header.writeInt32BE(8 + parameters.length, 0);
  header.writeInt32BE(196_608, 4);
  return Buffer.concat([header, parameters]);
})();

const asksForPassword = (answer: Buffer): boolean => {
  if (answer[0] === 'E'.charCodeAt(0)) throw new Error('the server is starting up');
  return answer[0] === 'R'.charCodeAt(0);
};
