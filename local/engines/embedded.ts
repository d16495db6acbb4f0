import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Ports } from '../data-folder/ports.js';
import type { Software } from '../software/software.js';
import { clickhouse } from './clickhouse.js';
import { type ClientEngine, type Engine, externalEngine } from './engine.js';
import { kafka } from './kafka.js';
import { postgres } from './postgres.js';
import { redis } from './redis.js';
import { schemaRegistry } from './schema-registry.js';
import { zipkin } from './zipkin.js';

export const clientEngines = Object.keys(externalEngine) as ClientEngine[];

/** The engine of that name on this machine, with its data under `dataDir` and its ports chosen. */
export const embeddedEngine = async (
  name: ClientEngine,
  { dataDir, ports, software }: { dataDir: string; ports: Ports; software: Software },
): Promise<Engine> => {
  const port = await ports.of(name);
  const own = { dataDir: join(dataDir, name), port };
  switch (name) {
    case 'kafka': {
      const controllerPort = await ports.of('kafka-controller');
      return kafka({
        ...own,
        controllerPort,
        java: software.java,
        libs: software.kafkaLibs,
        extraFlags: archived(software.classArchives.kafka),
      });
    }
    case 'schema-registry':
      return schemaRegistry({
        ...own,
        java: software.java,
        home: software.registryHome,
        extraFlags: archived(software.classArchives['schema-registry']),
      });
    case 'clickhouse':
      return clickhouse({ ...own, spoolDir: spoolDirFor(port) });
    case 'postgres':
      return postgres({
        ...own,
        bin: software.postgresBin,
        connectionsMax: 150,
        // The cost benchmark counts statements with such a library.
        preload: process.env.CARTSTREAM_POSTGRES_PRELOAD ?? '',
        asUser: unprivileged(),
      });
    case 'redis':
      return redis({ ...own, program: software.redisServer });
    case 'zipkin':
      return zipkin({ port, java: software.java, jar: software.zipkinJar });
  }
};

/**
 * The folder for insert bodies, in memory if the system has tmpfs. Its name contains the port, which is unique on a
 * machine.
 */
const spoolDirFor = (port: number): string => {
  return `/dev/shm/cartstream-${port}`;
};

const archived = (archive: string | undefined): string[] =>
  archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`];

type Way = readonly [string, ...string[]];

/** The first user's, as before; then `daemon` and `nobody`, which a machine has on which nobody but root was ever given one. */
const accountIds = [1000, 1, 65_534];

/**
 * PostgreSQL refuses to run as root, so root enters a user namespace in which it has another user id. The id must be an
 * account's, whose name `initdb` looks up; on the disk the files are root's under each. Throws one line if a container
 * forbids that.
 */
export const unprivileged = (
  isRoot = process.getuid?.() === 0,
  ways: readonly Way[] = accountIds.map((id) => ['unshare', '-U', `--map-user=${id}`, `--map-group=${id}`]),
): readonly string[] => {
  if (!isRoot) return [];
  const way = ways.find(([program, ...args]) => spawnSync(program, [...args, 'id', '-un']).status === 0);
  if (way !== undefined) return way;
  throw new Error(
    'PostgreSQL does not run as root, and unshare is forbidden or missing here, or there is no account but root: start as another user, or name a server in DATABASE_URL',
  );
};
