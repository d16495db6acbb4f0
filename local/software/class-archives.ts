import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPorts } from '../data-folder/ports.js';
import type { Engine } from '../engines/engine.js';
import { kafka } from '../engines/kafka.js';
import { schemaRegistry } from '../engines/schema-registry.js';
import { spawnGuarded } from '../supervision/guarded-child.js';
import { signalGroup } from '../supervision/process-identity.js';
import { cached, type InstallContext } from './cache.js';

export type ClassArchives = { kafka?: string; 'schema-registry'?: string };

const startMsMax = 60_000;
const exitMsMax = 60_000;

/**
 * Archives of the classes that an engine loads when it starts (Java's class data sharing), which save a third of the
 * work of every later start. They are created once for each machine: each engine runs on an empty folder, and Java
 * writes the classes that it has loaded. Without one an engine only starts slower; Java ignores an archive that does
 * not fit.
 */
export const installClassArchives = async (
  programs: { java: string; javaVersion: string; kafkaLibs: string; registryHome: string },
  context: InstallContext,
): Promise<ClassArchives> => {
  const { java, javaVersion, kafkaLibs, registryHome } = programs;
  if (kafkaLibs === '' || registryHome === '') return {};
  const folder = await cached(
    `classes-kafka-4.1.0-registry-2.6.13-java-${javaVersion}`,
    context,
    async (dir) => {
      const dataDir = mkdtempSync(join(tmpdir(), 'cartstream-classes-'));
      try {
        const ports = createPorts(dataDir, {});
        await Promise.allSettled([
          train(
            kafka({
              dataDir: join(dataDir, 'kafka'),
              port: await ports.of('kafka'),
              controllerPort: await ports.of('controller'),
              java,
              libs: kafkaLibs,
              extraFlags: [`-XX:ArchiveClassesAtExit=${join(dir, 'kafka.jsa')}`],
            }),
            context.signal,
          ),
          train(
            schemaRegistry({
              dataDir: join(dataDir, 'schema-registry'),
              port: await ports.of('schema-registry'),
              java,
              home: registryHome,
              extraFlags: [`-XX:ArchiveClassesAtExit=${join(dir, 'schema-registry.jsa')}`],
            }),
            context.signal,
          ),
        ]);
        context.signal.throwIfAborted();
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
  );
  const archive = (name: string): string | undefined =>
    [join(folder, `${name}.jsa`)].find((file) => existsSync(file));
  const kafkaArchive = archive('kafka');
  const registryArchive = archive('schema-registry');
  return {
    ...(kafkaArchive ? { kafka: kafkaArchive } : {}),
    ...(registryArchive ? { 'schema-registry': registryArchive } : {}),
  };
};

/** Runs the engine until it answers, then stops it normally: Java writes the archive when it exits. */
const train = async (engine: Engine, signal: AbortSignal): Promise<void> => {
  await engine.prepare();
  const { command, cwd, env } = engine.process;
  // A launcher that is killed meanwhile must not leave a broker that runs for ever.
  const child = spawnGuarded({
    command,
    cwd,
    env: { ...process.env, ...env },
    stdout: 'ignore',
    stopSignal: 'SIGTERM',
  });
  const end = (): void => void (child.pid !== undefined && signalGroup(child.pid, 'SIGKILL'));
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => {
      end();
      resolve();
    });
  });
  signal.addEventListener('abort', end, { once: true });
  const deadline = Date.now() + startMsMax;
  const answers = (): Promise<boolean> =>
    engine.process.probe().then(
      () => true,
      () => false,
    );
  while (child.exitCode === null && Date.now() < deadline && !(await answers())) await sleep(100);
  child.kill('SIGTERM');
  await Promise.race([exited, sleep(exitMsMax, undefined, { ref: false })]);
  end();
  await exited;
};
